from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devices.formats.channels import OBSERVE
from devices.formats.decode import Decoded
from domain.metric import METRICS
from domain.observation import AlarmKind, Channel, EventKind
from domain.quarantine import Reason
from tests.unit.devices.school import NOW, TS, decoder

DECODER = decoder()

TOPICS = st.one_of(
    st.sampled_from(
        [
            *(f"campus/v1/s001/s001-btn-01/{channel}" for channel in Channel),
            "campus/v1/s001/stranger/alarm",
            "zigbee2mqtt/button",
            "zigbee2mqtt/hall",
            "zigbee2mqtt/s001/hall",
            "zigbee2mqtt/hall/availability",
            "tele/th_1/SENSOR",
            "tele/smoke_1/LWT",
            "stat/button_1/RESULT",
        ]
    ),
    st.text(max_size=40),
    st.binary(max_size=40),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)

OWN_FIELDS = ["v", "id", "ts", "alarm", "active", "test", "drill", "detail", "event", "state", "values", "battery_pct"]
OTHER_FIELDS = ["batch", "device", "smoke", "action", "battery", "temperature", "contact", "last_seen", "Switch1"]
FIELDS = st.sampled_from([*OWN_FIELDS, *OTHER_FIELDS])

LIKELY = st.one_of(
    JSON,
    st.sampled_from([TS, 1, True, "panic", "tamper", {"temperature_c": 20}, {}, "s001-btn-01", 1e308, -(10**30)]),
)


def check(decoded: Decoded) -> None:
    for rejected in decoded.rejected:
        assert isinstance(rejected.reason, Reason)
        assert rejected.detail
        rejected.detail.encode()
        assert "\x00" not in rejected.detail + rejected.topic + rejected.device_id + rejected.site_id
    for observation in decoded.observations:
        assert observation.at.utcoffset() is not None


@given(TOPICS, st.binary(max_size=200))
def test_no_bytes_make_the_decoder_raise(topic: str | bytes, payload: bytes) -> None:
    check(DECODER.decode(topic, payload, NOW))


@given(TOPICS, JSON)
def test_no_json_makes_the_decoder_raise(topic: str | bytes, document: Any) -> None:
    check(DECODER.decode(topic, json.dumps(document).encode(), NOW))


@given(TOPICS, st.dictionaries(FIELDS, LIKELY, max_size=8))
def test_no_fields_make_the_decoder_raise(topic: str | bytes, document: dict[str, Any]) -> None:
    check(DECODER.decode(topic, json.dumps(document).encode(), NOW))


@given(TOPICS, st.dictionaries(FIELDS, LIKELY, max_size=5), st.data())
def test_no_damaged_byte_makes_the_decoder_raise(
    topic: str | bytes, document: dict[str, Any], data: st.DataObject
) -> None:
    payload = bytearray(json.dumps(document).encode())
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] = data.draw(st.integers(0, 255))
    check(DECODER.decode(topic, bytes(payload), NOW))


def _entry(channel: Channel) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[Channel, dict[str, st.SearchStrategy[Any]]] = {
        Channel.HEARTBEAT: {"battery_pct": st.floats(-5, 105)},
        Channel.READING: {"values": st.dictionaries(st.sampled_from([*METRICS, "x"]), st.floats(-99, 999), max_size=3)},
        Channel.ALARM: {"alarm": st.sampled_from([*AlarmKind, "x"]), "active": st.booleans()},
        Channel.EVENT: {"event": st.sampled_from([*EventKind, "x"])},
        Channel.STATE: {"state": st.dictionaries(st.text(max_size=4), st.integers(), max_size=3)},
    }
    return st.fixed_dictionaries(
        {
            "device": st.sampled_from(["s001-btn-01", "s001-cam-01", "s001-nobody"]),
            "id": st.text(min_size=1, max_size=8),
        },
        optional={
            "ts": st.sampled_from([TS, "2020-01-01T00:00:00Z", 5]),
            "v": st.sampled_from([1, 2]),
            **fields[channel],
        },
    )


@given(st.sampled_from(list(OBSERVE)).flatmap(lambda c: st.tuples(st.just(c), st.lists(_entry(c), min_size=1))))
def test_a_batch_means_what_its_entries_mean_one_by_one(case: tuple[Channel, list[dict[str, Any]]]) -> None:
    channel, entries = case
    batch = DECODER.decode(f"campus/v1/s001/s001-gw-01/{channel}", json.dumps({"batch": entries}).encode(), NOW)
    singles = [
        DECODER.decode(f"campus/v1/s001/{entry['device']}/{channel}", json.dumps(entry).encode(), NOW)
        for entry in entries
    ]
    assert batch.observations == [observation for single in singles for observation in single.observations]
    assert [(r.reason, r.device_id) for r in batch.rejected] == [
        (r.reason, r.device_id) for single in singles for r in single.rejected
    ]
