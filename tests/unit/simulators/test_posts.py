"""Who reports guard posts on a simulated day."""

from __future__ import annotations

from datetime import date, datetime
from itertools import takewhile

from domain.bells import BELLS
from simulators.day.posts import posts_said
from simulators.district import build_district
from simulators.message import CHINA_TIME
from simulators.register import build_register

DISTRICT = build_district(sites=3)
REGISTER = build_register(1, DISTRICT.sites, DISTRICT.devices, on=date(2026, 3, 10))
#: Noon of a Tuesday.
NOON_S = datetime(2026, 3, 10, 12, tzinfo=CHINA_TIME).timestamp()
DAY_S = 86_400.0


def test_each_post_is_reported_twice_a_school_day_soon_after_it_began_and_in_order() -> None:
    said = posts_said(1, DISTRICT.sites, REGISTER.posts, since_s=NOON_S)
    week = list(takewhile(lambda one: one.at_s < NOON_S + 7 * DAY_S, said))
    assert week == sorted(week)
    assert len(week) == 5 * 2 * len(DISTRICT.sites)
    kinds = {site.site_id: site.kind for site in DISTRICT.sites}
    required = {(post.site_id, post.post_id): post.required for post in REGISTER.posts}
    for one in week:
        at, bells = datetime.fromtimestamp(one.at_s, CHINA_TIME), BELLS[kinds[one.site_id]]
        late = [60 * at.hour + at.minute - began for began in (bells.arrival, bells.leaving)]
        assert any(1 < minutes < 11 for minutes in late)
        assert one.present == required[one.site_id, one.post_id]


def test_what_is_reported_does_not_depend_on_when_somebody_began_to_listen() -> None:
    later = posts_said(1, DISTRICT.sites, REGISTER.posts, since_s=NOON_S + DAY_S)
    sooner = posts_said(1, DISTRICT.sites, REGISTER.posts, since_s=NOON_S)
    first = next(later)
    assert first in list(takewhile(lambda one: one.at_s < NOON_S + 2 * DAY_S, sooner))
    assert next(posts_said(1, DISTRICT.sites, (), since_s=NOON_S), None) is None
