"""Guard posts of a school day (护学岗): some minutes after each has begun somebody reports that it is manned.

It is people who report it, not a device: whoever plays the people of a day carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from domain.bells import BELLS
from domain.guard import GuardPost
from domain.school_calendar import DayKind, day_kind
from domain.site import Site
from simulators.chance import key_of, unit
from simulators.message import CHINA_TIME

#: So many minutes after the post began, and so many more at the most.
_SOONEST_MIN, _SPREAD_MIN = 2.0, 8.0
_DAY: Final = timedelta(days=1)


class PostSaid(NamedTuple):
    """``at_s``: since 1970 UTC. ``present``: as many as the post asks for."""

    at_s: float
    site_id: str
    post_id: str
    present: int


def posts_said(seed: int, sites: Iterable[Site], posts: Iterable[GuardPost], *, since_s: float) -> Iterator[PostSaid]:
    """What is reported from ``since_s`` on, in order and without an end."""
    by_id = {site.site_id: site for site in sites}
    manned = [(by_id[post.site_id], post) for post in posts if post.site_id in by_id]
    day = datetime.fromtimestamp(since_s, CHINA_TIME).date()
    while manned:
        said = sorted(one for site, post in manned for one in _of_a_day(seed, site, post, day))
        yield from (one for one in said if one.at_s >= since_s)
        day += _DAY


def _of_a_day(seed: int, site: Site, post: GuardPost, day: date) -> Iterator[PostSaid]:
    if day_kind(day) is not DayKind.SCHOOL:
        return
    bells = BELLS[site.kind]
    key = key_of(seed, site.site_id, post.post_id, day.isoformat())
    midnight_s = datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME).timestamp()
    for number, (asked, minute) in enumerate(((post.at_arrival, bells.arrival), (post.at_leaving, bells.leaving))):
        if asked:
            later_s = round(60 * (minute + _SOONEST_MIN + _SPREAD_MIN * unit(key, number)))
            yield PostSaid(midnight_s + later_s, site.site_id, post.post_id, post.required)
