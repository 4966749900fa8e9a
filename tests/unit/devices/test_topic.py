from __future__ import annotations

import pytest

from devices.formats.topic import ALARM_FILTERS, BULK_FILTERS, Topic, build_topic, parse_topic
from domain.errors import PayloadError
from domain.observation import Channel
from domain.quarantine import Reason


@pytest.mark.parametrize("topic", ["campus/v1/s001/S001_a.b-1/alarm", b"campus/v1/s001/S001_a.b-1/alarm"])
def test_topic_is_taken_apart_from_text_and_from_bytes(topic: str | bytes) -> None:
    assert parse_topic(topic) == Topic("s001", "S001_a.b-1", Channel.ALARM)


def test_built_topic_is_parsed_back() -> None:
    assert parse_topic(build_topic("s184", "s184-gw-01", Channel.STATE)) == Topic("s184", "s184-gw-01", Channel.STATE)


@pytest.mark.parametrize(
    ("topic", "part"),
    [
        ("", "campus/v1/"),
        ("campus/v2/s001/d/alarm", "campus/v1/"),
        ("campus/v1/s001/d", "campus/v1/"),
        ("campus/v1/s001/d/alarm/x", "campus/v1/"),
        ("/campus/v1/s001/d/alarm", "campus/v1/"),
        ("campus/v1/S001/d/alarm", "site"),
        ("campus/v1//d/alarm", "site"),
        ("campus/v1/" + "s" * 33 + "/d/alarm", "site"),
        ("campus/v1/s001\n/d/alarm", "site"),
        ("campus/v1/s001/d d/alarm", "device"),
        ("campus/v1/s001/设备/alarm", "device"),
        ("campus/v1/s001/" + "d" * 65 + "/alarm", "device"),
        ("campus/v1/s001/d/alarms", "channel"),
        (b"campus/v1/s001/\xff/alarm", "UTF-8"),
    ],
)
def test_wrong_topic_is_refused_and_the_part_named(topic: str | bytes, part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse_topic(topic)
    assert caught.value.reason == Reason.BAD_TOPIC
    assert part in caught.value.detail


def test_topic_is_not_built_from_an_id_that_does_not_fit() -> None:
    with pytest.raises(PayloadError):
        build_topic("s001", "a/b", Channel.ALARM)


def test_lanes_subscribe_every_channel_from_devices_once() -> None:
    channels = [topic_filter.rsplit("/", 1)[1] for topic_filter in (*ALARM_FILTERS, *BULK_FILTERS)]
    assert sorted(channels) == sorted(channel for channel in Channel if channel is not Channel.COMMAND)
    assert ALARM_FILTERS == ("campus/v1/+/+/alarm",)
