from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from alerting.notice_link import make_token, read_token
from alerting.pace import Limit, Pace
from domain.delivery import DeliveryChannel
from domain.errors import LinkRefused
from tests.unit.alerting.findings import NOW

APPRISE = DeliveryChannel.APPRISE


def test_a_channel_is_spent_after_its_burst_and_has_room_again_in_time() -> None:
    pace = Pace({APPRISE: Limit(per_minute=60, burst=3)})
    for _ in range(3):
        assert pace.spent(NOW) == []
        pace.count(APPRISE, NOW)
    assert pace.spent(NOW) == ["apprise"]
    assert pace.spent(NOW + timedelta(seconds=0.9)) == ["apprise"]
    assert pace.spent(NOW + timedelta(seconds=1.1)) == []


def test_what_life_safety_took_beyond_the_limit_is_made_up_for_and_not_more_than_a_burst() -> None:
    pace = Pace({APPRISE: Limit(per_minute=60, burst=3)})
    for _ in range(500):
        pace.count(APPRISE, NOW)
    pace.spent(NOW)
    assert pace.spent(NOW + timedelta(seconds=3.9)) == ["apprise"]
    assert pace.spent(NOW + timedelta(seconds=4.1)) == []


def test_a_channel_without_a_limit_is_never_spent() -> None:
    pace = Pace({})
    for _ in range(500):
        pace.count(APPRISE, NOW)
    assert pace.spent(NOW) == []


def test_a_link_names_its_delivery_until_its_end_and_for_its_key_alone() -> None:
    delivery_id = uuid4()
    token = make_token(b"key", delivery_id, until=NOW + timedelta(hours=1))
    assert read_token(b"key", token, now=NOW) == delivery_id
    for key, said, at in (
        (b"other", token, NOW),
        (b"key", token[:-1], NOW),
        (b"key", "A" * 54, NOW),
        (b"key", "é" * 54, NOW),
        (b"key", token, NOW + timedelta(hours=1, seconds=1)),
        (b"", token, NOW),
    ):
        with pytest.raises(LinkRefused):
            read_token(key, said, now=at)


@pytest.mark.parametrize("place", range(54))
def test_no_sign_of_a_link_can_be_changed(place: int) -> None:
    token = make_token(b"key", uuid4(), until=NOW + timedelta(hours=1))
    sign = "A" if token[place] != "A" else "Z"
    changed = token[:place] + sign + token[place + 1 :]
    try:
        read = read_token(b"key", changed, now=NOW)
    except LinkRefused:
        return
    # The last sign has bits that mean nothing: what is read then is what was meant.
    assert place == 53
    assert read == read_token(b"key", token, now=NOW)
