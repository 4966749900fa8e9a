"""Registries of any size and what their devices say."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.heap import weighed
from benchmarks.province import Province, heartbeat, said
from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import Registry
from domain.device import DeviceKind, RegisteredDevice


def test_everyone_speaks_once_on_a_topic_of_its_own() -> None:
    province = Province(250)
    topics = list(province.everyone())
    assert len(set(topics)) == len(topics) == 250
    assert province.sites == 3
    assert topics[0].startswith("campus/v1/s00001/s00001-")
    assert topics[-1].startswith("campus/v1/s00003/s00003-")


def test_some_are_of_the_province_and_the_same_every_time() -> None:
    some = Province(250).some(1000)
    assert len(some) == 1000
    assert set(some) <= set(Province(250).everyone())
    assert some == Province(250).some(1000)


def test_thousands_of_heartbeats_of_one_second_are_all_different() -> None:
    messages = said(["campus/v1/s00001/s00001-cam-01/heartbeat"] * 5000, 1_700_000_000.0)
    assert len(set(messages)) == 5000


def test_a_heartbeat_is_one_to_the_decoder() -> None:
    device = RegisteredDevice(1, 1, "s00001", "s00001-cam-01", DeviceKind.CAMERA)
    decoder = Decoder(Registry({"s00001": 1}, [device]), load_profiles(None))
    at_s = 1_700_000_000.000125
    decoded = decoder.decode(
        "campus/v1/s00001/s00001-cam-01/heartbeat", heartbeat(at_s), datetime.fromtimestamp(at_s + 1, UTC)
    )
    assert not decoded.rejected
    assert [one.at for one in decoded.observations] == [datetime.fromtimestamp(at_s, UTC)]


def test_a_device_is_weighed_part_by_part() -> None:
    heap = weighed(500)
    assert heap.registry > 50
    assert heap.rules > 50
    assert heap.topics > 50
    assert heap.all == heap.registry + heap.rules + heap.topics
