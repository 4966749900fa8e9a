from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from devices.formats.decode import KEPT_PAYLOAD, Decoded, Decoder
from devices.formats.payload import observation_uid
from devices.profiles.matching import ProfileSet
from devices.registry import EMPTY_REGISTRY, Registry
from domain.observation import Alarm, AlarmKind, Channel, Event, EventKind, Heartbeat, Reading, StateReport
from domain.quarantine import Reason, Rejected
from tests.unit.devices.school import BUTTON, CAMERA, DEVICES, DOOR, NOW, SMOKE, TEMPERATURE, TS, decoder


def decode(topic: str, payload: Any) -> Decoded:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decoder().decode(f"campus/v1/{topic}", data, NOW)


def only_rejected(decoded: Decoded) -> Rejected:
    assert decoded.observations == []
    (rejected,) = decoded.rejected
    return rejected


def only_alarm(decoded: Decoded) -> Alarm:
    assert decoded.rejected == []
    (alarm,) = decoded.observations
    assert isinstance(alarm, Alarm)
    return alarm


def test_heartbeat_with_battery_is_decoded_in_utc() -> None:
    decoded = decode("s001/s001-cam-01/heartbeat", {"v": 1, "ts": TS, "battery_pct": 87.5})
    assert decoded == Decoded([Heartbeat(CAMERA, NOW, NOW, 87.5)], [], 1)
    (heartbeat,) = decoded.observations
    assert heartbeat.at.tzinfo is UTC


def test_reading_of_several_values_is_one_observation() -> None:
    decoded = decode("s001/s001-tmp-01/reading", {"ts": TS, "values": {"temperature_c": 21.5, "humidity_pct": 46}})
    assert decoded.observations == [Reading(TEMPERATURE, NOW, NOW, {"temperature_c": 21.5, "humidity_pct": 46.0})]


def test_alarm_keeps_what_it_says() -> None:
    alarm = only_alarm(
        decode(
            "s001/s001-btn-01/alarm",
            {"id": "a-1", "ts": TS, "alarm": "panic", "test": True, "drill": True, "detail": {"key": "gate"}},
        )
    )
    assert alarm == Alarm(BUTTON, NOW, NOW, alarm.uid, AlarmKind.PANIC, True, True, True, {"key": "gate"})


def test_same_id_on_another_device_or_channel_has_another_uid() -> None:
    uids = {
        observation_uid(site, device, channel, "1")
        for site in ("s001", "s002")
        for device in ("a", "b")
        for channel in (Channel.ALARM, Channel.EVENT)
    }
    assert len(uids) == 8


@pytest.mark.parametrize(
    "payload",
    [
        {"alarm": "panic"},
        {"alarm": "panic", "v": None, "id": None, "ts": None, "active": None, "detail": None, "batch": None},
        {"alarm": "panic", "id": "", "v": 1.0},
        {"alarm": "panic", "unknown": [1, 2, {"deep": [None]}]},
    ],
)
def test_pressed_button_needs_nothing_but_its_kind(payload: dict[str, Any]) -> None:
    alarm = only_alarm(decode("s001/s001-btn-01/alarm", payload))
    assert (alarm.alarm, alarm.active, alarm.test, alarm.drill) == (AlarmKind.PANIC, True, False, False)
    assert alarm.at == NOW


def _uid(late_s: float = 0, **fields: Any) -> UUID:
    payload = json.dumps({"alarm": "panic", **fields})
    received_at = NOW + timedelta(seconds=late_s)
    return only_alarm(decoder().decode("campus/v1/s001/s001-btn-01/alarm", payload.encode(), received_at)).uid


def test_alarm_sent_again_is_the_same_and_a_counter_that_began_anew_is_not() -> None:
    again = "2026-11-22T00:05:00Z"  # the moment of TS, written in another zone
    assert _uid(id="1", ts=TS) == _uid(60, id="1", ts=again)
    assert _uid(id="1", ts=TS) != _uid(id="1", ts="2026-11-22T08:05:01+08:00")
    assert _uid(ts=TS) == _uid(60, ts=TS)
    assert _uid(ts=TS) != _uid(ts=TS, drill=True)
    assert len({_uid(id="1"), _uid(id="1", test=True), _uid(id="1", drill=True), _uid(id="1", active=False)}) == 4
    assert _uid(id="1", ts=TS) != _uid(id="1", ts=TS, test=True)
    assert _uid(id="1") == _uid(60, id="1")
    assert _uid(id="1") != _uid(601, id="1")


def test_alarms_without_id_are_told_apart_by_the_moment_of_their_arrival_and_the_same_when_decoded_again() -> None:
    topic, payload = "campus/v1/s001/s001-btn-01/alarm", b'{"alarm":"panic"}'
    one, again, two = (
        only_alarm(decoder().decode(topic, payload, NOW + timedelta(microseconds=late))) for late in (0, 0, 1)
    )
    assert one.uid == again.uid
    assert one.uid != two.uid


@pytest.mark.parametrize(
    "detail",
    [
        b'"text"',
        b"[1]",
        b'{"nul":"a\\u0000b"}',
        b'{"huge":99999999999999999999999}',
        b'{"huge":1e999}',
        b'{"a":"' + b"x" * 20_000 + b'"}',
        b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"a":"\xff"}',
    ],
)
def test_detail_that_cannot_be_kept_never_stops_an_alarm(detail: bytes) -> None:
    alarm = only_alarm(decode("s001/s001-btn-01/alarm", b'{"alarm":"panic","detail":' + detail + b"}"))
    assert alarm.detail is not None
    assert list(alarm.detail) == ["detail_fault"]


def test_event_and_state_are_decoded() -> None:
    event = decode("s001/s001-door-01/event", {"id": "e", "ts": TS, "event": "door_forced", "active": False})
    (uid,) = (said.uid for said in event.observations if isinstance(said, Event))
    assert event.observations == [Event(DOOR, NOW, NOW, uid, EventKind.DOOR_FORCED, False, None)]
    state = decode("s001/s001-door-01/state", {"id": "e", "state": {"door": "open", "since": [1, 2.5, None]}})
    (uid,) = (said.uid for said in state.observations if isinstance(said, StateReport))
    assert state.observations == [StateReport(DOOR, NOW, NOW, uid, {"door": "open", "since": [1, 2.5, None]})]


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "detail"),
    [
        ("s001/s001-cam-01/heartbeat", b"", Reason.EMPTY_PAYLOAD, "got nothing"),
        ("s001/s001-cam-01/heartbeat", b" " * 2_000_000, Reason.TOO_LARGE, "2000000"),
        ("s001/s001-cam-01/heartbeat", b"\xff\xfe", Reason.BAD_JSON, "payload"),
        ("s001/s001-cam-01/heartbeat", b'{"ts":NaN}', Reason.BAD_JSON, "payload"),
        ("s001/s001-cam-01/heartbeat", b'{"ts":', Reason.BAD_JSON, "payload"),
        ("s001/s001-cam-01/heartbeat", b"[" * 100_000, Reason.BAD_FIELD, "object"),
        (
            "s001/s001-cam-01/heartbeat",
            b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            Reason.BAD_JSON,
            "nested",
        ),
        ("s001/s001-cam-01/heartbeat", [], Reason.BAD_FIELD, "object"),
        ("s001/s001-cam-01/heartbeat", {}, Reason.BAD_FIELD, "ts: missing"),
        ("s001/s001-cam-01/heartbeat", {"ts": None}, Reason.BAD_FIELD, "ts: missing"),
        ("s001/s001-cam-01/heartbeat", {"ts": 1700000000}, Reason.BAD_FIELD, "ts: expected an RFC 3339"),
        ("s001/s001-cam-01/heartbeat", {"ts": "2026-11-22T08:00:00"}, Reason.BAD_FIELD, "ts: expected an RFC 3339"),
        ("s001/s001-cam-01/heartbeat", {"ts": "today"}, Reason.BAD_FIELD, "ts: expected an RFC 3339"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "v": 2}, Reason.BAD_VERSION, "got 2"),
        ("s001/s001-cam-01/heartbeat", {"ts": 5, "v": 2}, Reason.BAD_VERSION, "got 2"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "v": "1"}, Reason.BAD_VERSION, "v: expected 1"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "v": True}, Reason.BAD_VERSION, "v: expected 1"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "battery_pct": True}, Reason.BAD_FIELD, "got bool"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "battery_pct": "87"}, Reason.BAD_FIELD, "battery_pct"),
        ("s001/s001-cam-01/heartbeat", {"ts": TS, "battery_pct": 101}, Reason.ABSURD_VALUE, "0 to 100, got 101"),
        (
            "s001/s001-cam-01/heartbeat",
            {"ts": "0001-01-01T00:00:00+08:00"},
            Reason.TOO_OLD,
            "ts",
        ),
        (
            "s001/s001-cam-01/heartbeat",
            {"ts": "9999-12-31T23:59:59-08:00"},
            Reason.FROM_THE_FUTURE,
            "ts",
        ),
        ("s001/s001-tmp-01/reading", {"ts": TS}, Reason.BAD_FIELD, "values: missing"),
        ("s001/s001-tmp-01/reading", {"ts": TS, "values": {}}, Reason.BAD_FIELD, "values: missing"),
        ("s001/s001-tmp-01/reading", {"ts": TS, "values": {"temp": 1}}, Reason.BAD_FIELD, "values.temp"),
        (
            "s001/s001-tmp-01/reading",
            {"ts": TS, "values": {"temperature_c": False}},
            Reason.BAD_FIELD,
            "values",
        ),
        (
            "s001/s001-tmp-01/reading",
            b'{"ts":"%s","values":{"temperature_c":1e400}}' % TS.encode(),
            Reason.BAD_FIELD,
            "values",
        ),
        (
            "s001/s001-tmp-01/reading",
            {"ts": TS, "values": {"temperature_c": 601}},
            Reason.ABSURD_VALUE,
            "values.temperature_c: expected -60 to 600 °C, got 601",
        ),
        ("s001/s001-btn-01/alarm", {}, Reason.BAD_FIELD, "alarm: missing"),
        ("s001/s001-btn-01/alarm", {"alarm": "bored"}, Reason.BAD_FIELD, "alarm: expected one of panic"),
        ("s001/s001-btn-01/alarm", {"alarm": "panic", "active": 1}, Reason.BAD_FIELD, "active: expected true or"),
        ("s001/s001-btn-01/alarm", {"alarm": "panic", "id": "x" * 65}, Reason.BAD_FIELD, "id: expected"),
        ("s001/s001-btn-01/alarm", {"alarm": "panic", "v": 2}, Reason.BAD_VERSION, "got 2"),
        ("s001/s001-btn-01/alarm", b'{"alarm":"\\ud800"}', Reason.BAD_JSON, "payload"),
        ("s001/s001-btn-01/event", {"event": "panic"}, Reason.BAD_FIELD, "event: expected one of tamper"),
        ("s001/s001-btn-01/event", {"event": "tamper", "detail": []}, Reason.BAD_FIELD, "detail"),
        ("s001/s001-door-01/state", {}, Reason.BAD_FIELD, "state: missing"),
        ("s001/s001-door-01/state", {"state": "open"}, Reason.BAD_FIELD, "state"),
        ("s001/s001-door-01/state", b'{"state":{"a":"\\u0000"}}', Reason.BAD_FIELD, "NUL"),
        ("s009/s001-cam-01/heartbeat", {"ts": TS}, Reason.UNKNOWN_SITE, "s009"),
        ("s002/s001-cam-01/heartbeat", {"ts": TS}, Reason.UNKNOWN_DEVICE, "s001-cam-01"),
        ("s001/s001-cam-01/command", {"command": "reset"}, Reason.BAD_TOPIC, "sent to devices"),
        ("S001/x/alarm", {"alarm": "panic"}, Reason.BAD_TOPIC, "site"),
    ],
)
def test_fault_is_told_with_its_field_and_what_was_expected(
    topic: str, payload: Any, reason: Reason, detail: str
) -> None:
    rejected = only_rejected(decode(topic, payload))
    assert (rejected.reason, rejected.topic) == (reason, f"campus/v1/{topic}")
    assert detail in rejected.detail


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (timedelta(seconds=300), None),
        (timedelta(seconds=301), Reason.FROM_THE_FUTURE),
        (timedelta(days=-30), None),
        (timedelta(days=-30, seconds=-1), Reason.TOO_OLD),
    ],
)
@pytest.mark.parametrize("channel", ["heartbeat", "alarm"])
def test_implausible_times_are_put_aside(offset: timedelta, reason: Reason | None, channel: str) -> None:
    decoded = decode(f"s001/s001-btn-01/{channel}", {"ts": (NOW + offset).isoformat(), "alarm": "panic"})
    assert [rejected.reason for rejected in decoded.rejected] == ([] if reason is None else [reason])


def test_bounds_of_time_and_size_are_settings() -> None:
    narrow = Decoder(decoder().registry, ProfileSet(), future_s=1, max_age_s=10, max_payload=100)
    topic = "campus/v1/s001/s001-btn-01/alarm"

    def reason(payload: bytes) -> list[Reason]:
        return [rejected.reason for rejected in narrow.decode(topic, payload, NOW).rejected]

    assert reason(b'{"alarm":"panic","ts":"2026-11-22T00:05:02Z"}') == [Reason.FROM_THE_FUTURE]
    assert reason(b'{"alarm":"panic","ts":"2026-11-22T00:04:49Z"}') == [Reason.TOO_OLD]
    assert reason(b'{"alarm":"panic"}' + b" " * 100) == [Reason.TOO_LARGE]
    assert reason(b'{"alarm":"panic"}') == []


def test_rejected_message_tells_where_it_came_from_and_keeps_the_start_of_a_long_payload() -> None:
    payload = b"x" * (KEPT_PAYLOAD + 10)
    decoded = decode("s001/s001-cam-01/heartbeat", payload)
    rejected = only_rejected(decoded)
    assert (rejected.site_id, rejected.device_id, rejected.channel) == ("s001", "s001-cam-01", "heartbeat")
    assert (len(rejected.payload), rejected.size, rejected.received_at) == (KEPT_PAYLOAD, KEPT_PAYLOAD + 10, NOW)
    assert decoded.site_no == 1


def test_message_of_an_unknown_site_names_no_site_number() -> None:
    assert decode("s009/x/alarm", {"alarm": "panic"}).site_no == 0
    assert decode("s001/stranger/alarm", {"alarm": "panic"}).site_no == 1


def test_alarm_on_a_broken_topic_is_still_told_to_be_an_alarm() -> None:
    rejected = only_rejected(decode("S 1/btn/alarm", {"alarm": "panic"}))
    assert (rejected.site_id, rejected.device_id, rejected.channel) == ("S 1", "btn", "alarm")


@pytest.mark.parametrize("topic", ["\ud800/x", "campus/v1/\x00/\x00/alarm", "x" * 60_000, "zigbee2mqtt/\x00"])
def test_topic_of_a_rejected_message_can_be_stored(topic: str) -> None:
    rejected = only_rejected(decoder().decode(topic, b"{}", NOW))
    for text in (rejected.topic, rejected.site_id, rejected.device_id, rejected.channel, rejected.detail):
        assert "\x00" not in text
        assert len(text.encode()) < 2700


def test_one_bad_entry_of_a_batch_is_put_aside_alone() -> None:
    batch = [
        {"device": "s001-cam-01", "ts": TS},
        {"device": "s001-cam-01", "ts": TS, "battery_pct": 255},
        {"device": "s001-nobody", "ts": TS},
        {"ts": TS},
        "text",
        {"device": "s001-smk-01", "ts": TS, "v": 7},
        {"device": "a/b", "ts": TS},
        {"device": "s001-btn-01", "ts": TS, "battery_pct": 3},
    ]
    decoded = decode("s001/s001-gw-01/heartbeat", {"v": 1, "batch": batch})
    assert decoded.observations == [Heartbeat(CAMERA, NOW, NOW, None), Heartbeat(BUTTON, NOW, NOW, 3.0)]
    assert [(r.reason, r.device_id, r.detail.split(":")[0]) for r in decoded.rejected] == [
        (Reason.ABSURD_VALUE, "s001-cam-01", "batch[1].battery_pct"),
        (Reason.UNKNOWN_DEVICE, "s001-nobody", "batch[2].device s001-nobody"),
        (Reason.BAD_FIELD, "", "batch[3].device"),
        (Reason.BAD_FIELD, "", "batch[4].payload"),
        (Reason.BAD_VERSION, "s001-smk-01", "batch[5].v"),
        (Reason.BAD_FIELD, "a/b", "batch[6].device"),
    ]


def test_entry_of_a_batch_is_kept_so_that_it_can_be_replayed() -> None:
    entry = {"device": "s001-new", "id": "a-1", "ts": TS, "alarm": "smoke"}
    first = only_rejected(decode("s001/s001-gw-01/alarm", {"batch": [entry]}))
    adopted = Decoder(Registry({"s001": 1}, [SMOKE.__class__(9, 1, "s001", "s001-new", SMOKE.kind)]), ProfileSet())
    again = adopted.decode(first.topic, first.payload, NOW + timedelta(days=1))
    assert only_alarm(again).device.device_id == "s001-new"


def test_alarm_of_a_known_device_counts_though_its_gateway_is_unknown() -> None:
    decoded = decode("s001/stranger/alarm", {"batch": [{"device": "s001-btn-01", "alarm": "panic"}]})
    assert only_alarm(decoded).device is BUTTON


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"batch": []}, Reason.BAD_FIELD),
        ({"batch": {}}, Reason.BAD_FIELD),
        ({"batch": 5}, Reason.BAD_FIELD),
        ({"batch": [{"device": "s001-cam-01", "ts": TS}] * 1001}, Reason.BAD_FIELD),
        ({"v": 2, "batch": [{"device": "s001-cam-01", "ts": TS}]}, Reason.BAD_VERSION),
    ],
)
def test_batch_that_is_wrong_as_a_whole_is_put_aside_once(payload: dict[str, Any], reason: Reason) -> None:
    assert only_rejected(decode("s001/s001-gw-01/heartbeat", payload)).reason is reason


def test_thousand_entries_are_taken() -> None:
    batch = [{"device": "s001-cam-01", "ts": TS}] * 1000
    assert len(decode("s001/s001-gw-01/heartbeat", {"batch": batch}).observations) == 1000


@pytest.mark.parametrize("as_bytes", [False, True])
def test_newly_loaded_registry_is_followed_at_once(as_bytes: bool) -> None:
    topic: str | bytes = "campus/v1/s001/s001-cam-01/heartbeat"
    if as_bytes:
        topic = str(topic).encode()
    payload = json.dumps({"ts": TS}).encode()
    changing = Decoder(EMPTY_REGISTRY, ProfileSet())
    assert changing.decode(topic, payload, NOW).rejected[0].reason is Reason.UNKNOWN_SITE
    changing.use(Registry({"s001": 1}, DEVICES))
    assert len(changing.decode(topic, payload, NOW).observations) == 1
    changing.use(Registry({"s001": 1}, ()))
    assert changing.decode(topic, payload, NOW).rejected[0].reason is Reason.UNKNOWN_DEVICE


def test_who_has_spoken_is_known_on_every_channel_and_not_on_others() -> None:
    speaking, device = decoder(), DEVICES[0]
    place, payload = f"campus/v1/{device.site_id}/{device.device_id}", json.dumps({"ts": TS}).encode()
    for form in (str, str.encode):
        assert speaking.decode(form(f"{place}/heartbeat"), payload, NOW).observations
        assert speaking.decode(form(f"{place}/state"), b'{"state":{"open":true}}', NOW).observations
        for wrong in (f"{place}/command", f"{place}/x", f"{place}/", place, f"{place}/x/heartbeat"):
            assert speaking.decode(form(wrong), payload, NOW).rejected[0].reason is Reason.BAD_TOPIC


def test_time_of_receipt_in_another_form_of_utc_does_no_harm() -> None:
    received_at = datetime.fromisoformat("2026-11-22T00:05:00+00:00")
    decoded = decoder().decode("campus/v1/s001/s001-btn-01/alarm", b'{"alarm":"panic"}', received_at)
    assert only_alarm(decoded).at == NOW
