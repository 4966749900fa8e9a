from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devices.formats.decode import Decoded, Decoder
from devices.profiles.loading import load_profiles, parse_profile, shipped_profiles
from devices.profiles.matching import ProfileSet, covers
from devices.profiles.profile import MessageRules, Unit
from domain.device import DeviceKind
from domain.errors import ProfileError
from domain.metric import METRICS
from domain.observation import Alarm, AlarmKind, Event, EventKind, Heartbeat, Observation, Reading, StateReport
from domain.quarantine import Reason
from tests.unit.devices.school import NOW, SMOKE, TEMPERATURE, decoder, registry


def decode(topic: str, payload: Any) -> Decoded:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decoder().decode(topic, data, NOW)


def told(observation: Observation) -> Any:
    match observation:
        case Alarm():
            return observation.alarm, observation.active
        case Event():
            return observation.event, observation.active
        case Reading():
            return observation.values
        case StateReport():
            return observation.state
        case Heartbeat():
            return "alive", observation.battery_pct


def said(topic: str, payload: Any) -> list[Any]:
    decoded = decode(topic, payload)
    assert decoded.rejected == []
    return [told(observation) for observation in decoded.observations]


def test_zigbee_smoke_detector_reports_smoke_and_its_end() -> None:
    report = {"battery": 100, "smoke": True, "tamper": False, "voltage": 3000, "linkquality": 92}
    assert said("zigbee2mqtt/0x00158d0001a2b3c4", report) == [
        (AlarmKind.SMOKE, True),
        (EventKind.TAMPER, False),
        {"battery_v": 3.0},
        ("alive", 100.0),
    ]
    assert said("zigbee2mqtt/0x00158d0001a2b3c4", {"smoke": False})[0] == (AlarmKind.SMOKE, False)


def test_zigbee_address_leads_to_the_registered_device() -> None:
    decoded = decode("zigbee2mqtt/0x00158d0001a2b3c4", {"smoke": True})
    assert {observation.device.key for observation in decoded.observations} == {SMOKE.key}
    assert decoded.site_no == 1


def test_zigbee_climate_sensor_becomes_one_reading() -> None:
    report = {"temperature": 21.37, "humidity": 46, "pressure": 1012.4, "battery": 91}
    assert said("zigbee2mqtt/hall", report) == [
        {"temperature_c": 21.37, "humidity_pct": 46.0, "pressure_hpa": 1012.4},
        ("alive", 91.0),
    ]


@pytest.mark.parametrize("action", ["single", "double", "hold", "emergency", "on"])
def test_whatever_is_done_to_a_zigbee_panic_button_is_a_panic_alarm(action: str) -> None:
    assert (AlarmKind.PANIC, True) in said("zigbee2mqtt/button", {"action": action})


@pytest.mark.parametrize("action", ["", None, "rotate_left", 5, {"a": 1}])
def test_zigbee_action_that_says_nothing_raises_nothing(action: Any) -> None:
    assert said("zigbee2mqtt/button", {"action": action}) == [("alive", None)]


def test_only_a_button_makes_a_panic_of_a_single_press() -> None:
    assert said("zigbee2mqtt/hall", {"action": "single"}) == [("alive", None)]
    assert said("zigbee2mqtt/hall", {"action": "emergency"})[0] == (AlarmKind.PANIC, True)


def test_zigbee_contact_is_a_door_and_in_a_zone_an_intrusion_too() -> None:
    assert said("zigbee2mqtt/gate", {"contact": False}) == [{"door": "open"}, ("alive", None)]
    assert said("zigbee2mqtt/fence", {"contact": False}) == [
        (AlarmKind.INTRUSION, True),
        {"door": "open"},
        ("alive", None),
    ]


@pytest.mark.parametrize("payload", [b"offline", b'{"state":"offline"}'])
def test_zigbee_availability_is_a_state_and_no_sign_of_life(payload: bytes) -> None:
    assert said("zigbee2mqtt/hall/availability", payload) == [{"availability": "offline"}]


@pytest.mark.parametrize(
    ("last_seen", "at"),
    [
        ("2026-11-22T08:00:00+08:00", "2026-11-22T00:00:00+00:00"),
        (1795305600000, "2026-11-22T00:00:00+00:00"),
        ("2026-11-22T08:00:00", NOW.isoformat()),
        ("N/A", NOW.isoformat()),
        (True, NOW.isoformat()),
        (1e300, NOW.isoformat()),
    ],
)
def test_devices_own_time_counts_where_it_can_be_read(last_seen: Any, at: str) -> None:
    decoded = decode("zigbee2mqtt/hall", {"temperature": 20, "last_seen": last_seen})
    assert {observation.at.isoformat() for observation in decoded.observations} == {at}


def test_message_repeated_with_its_own_time_is_the_same_alarm() -> None:
    def uid(last_seen: str) -> Any:
        (alarm, *_) = decode("zigbee2mqtt/0x00158d0001a2b3c4", {"smoke": True, "last_seen": last_seen}).observations
        assert isinstance(alarm, Alarm)
        return alarm.uid

    assert uid("2026-11-22T00:00:00Z") == uid("2026-11-22T08:00:00+08:00") != uid("2026-11-22T00:00:01Z")


def test_memory_of_a_message_that_is_too_old_is_put_aside() -> None:
    decoded = decode("zigbee2mqtt/hall", {"temperature": 20, "last_seen": "2026-01-01T00:00:00Z"})
    assert [rejected.reason for rejected in decoded.rejected] == [Reason.TOO_OLD]


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("battery", b"255", Reason.ABSURD_VALUE),
        ("battery", b"1" + b"0" * 400, Reason.ABSURD_VALUE),
        ("battery", b"1e999", Reason.ABSURD_VALUE),
        ("battery", b"NaN", None),
        ("temperature", b'"hot"', Reason.BAD_FIELD),
        ("temperature", b"[20]", Reason.BAD_FIELD),
        ("temperature", b"true", Reason.BAD_FIELD),
        ("humidity", b"-1", Reason.ABSURD_VALUE),
        ("water_leak", b"[]", Reason.BAD_FIELD),
        ("water_leak", b'"\\u0000"', Reason.BAD_FIELD),
    ],
)
def test_one_absurd_value_never_costs_the_smoke_alarm(field: str, text: bytes, reason: Reason | None) -> None:
    payload = b'{"smoke":true,"co":1,"' + field.encode() + b'":' + text + b"}"
    decoded = decode("zigbee2mqtt/0x00158d0001a2b3c4", payload)
    assert [told(observation) for observation in decoded.observations] == [
        (AlarmKind.SMOKE, True),
        {"co_ppm": 1.0},
        ("alive", None),
    ]
    assert [rejected.reason for rejected in decoded.rejected] == ([] if reason is None else [reason])


def test_site_in_the_topic_tells_devices_of_one_name_apart() -> None:
    decoded = decode("zigbee2mqtt/twin", {"smoke": True})
    assert [rejected.reason for rejected in decoded.rejected] == [Reason.UNKNOWN_DEVICE]
    assert "s001, s002" in decoded.rejected[0].detail
    assert decode("zigbee2mqtt/s002/twin", {"smoke": True}).observations[0].device.site_id == "s002"
    assert decode("zigbee2mqtt/s009/twin", {"smoke": True}).rejected[0].reason is Reason.UNKNOWN_SITE


def test_unknown_address_is_offered_with_its_profile() -> None:
    (rejected,) = decode("zigbee2mqtt/0xdead", {"smoke": True}).rejected
    assert (rejected.reason, rejected.site_id, rejected.device_id, rejected.channel) == (
        Reason.UNKNOWN_DEVICE,
        "",
        "0xdead",
        "zigbee2mqtt",
    )


@pytest.mark.parametrize("topic", ["zigbee2mqtt/bridge/state", "zigbee2mqtt/s001/bridge/log/x", "zigbee2mqtt/hall/set"])
def test_traffic_that_means_nothing_to_us_is_left_alone(topic: str) -> None:
    assert decode(topic, b"\xff") == Decoded([], [], 0, own=False)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY_PAYLOAD),
        (b"\xff", Reason.BAD_JSON),
        (b"{", Reason.BAD_JSON),
        (b" " * 2_000_000, Reason.TOO_LARGE),
    ],
)
def test_broken_foreign_payload_is_put_aside(payload: bytes, reason: Reason) -> None:
    assert [rejected.reason for rejected in decode("zigbee2mqtt/hall", payload).rejected] == [reason]


@pytest.mark.parametrize("payload", [b"5", b"null", b'"text"', b"[1]"])
def test_foreign_payload_without_fields_is_only_a_sign_of_life(payload: bytes) -> None:
    assert said("zigbee2mqtt/hall", payload) == [("alive", None)]


def test_tasmota_sensor_is_read_in_its_own_units() -> None:
    celsius = {
        "Time": "2026-11-22T08:05:00",
        "AM2301": {"Temperature": 21.5, "Humidity": 45.1, "DewPoint": 9.0},
        "TempUnit": "C",
    }
    assert said("tele/th_1/SENSOR", celsius)[0] == {"temperature_c": 21.5, "humidity_pct": 45.1}
    fahrenheit = {"DS18B20-1": {"Id": "0114", "Temperature": 68.0}, "TempUnit": "F"}
    assert said("tele/th_1/SENSOR", fahrenheit)[0] == {"temperature_c": 20.0}
    mercury = {"BME280": {"Pressure": 750.0}, "PressureUnit": "mmHg", "TempUnit": "C"}
    assert said("tele/th_1/SENSOR", mercury)[0]["pressure_hpa"] == pytest.approx(999.9, abs=0.1)


def test_tasmota_dry_contact_means_what_the_device_is() -> None:
    assert (AlarmKind.SMOKE, True) in said("stat/smoke_1/RESULT", {"Switch1": {"Action": "ON"}})
    assert (AlarmKind.SMOKE, False) in said("tele/smoke_1/SENSOR", {"Time": "x", "Switch1": "OFF"})
    assert (AlarmKind.PANIC, True) in said("stat/button_1/RESULT", {"Button1": {"Action": "HOLD"}})
    assert said("stat/th_1/RESULT", {"Switch1": {"Action": "ON"}}) == [("alive", None)]


def test_tasmota_state_and_last_will() -> None:
    state = {"Time": "2026-11-22T08:05:00", "Uptime": "1T17:17:32", "Wifi": {"RSSI": 78, "Signal": -61}}
    assert said("tele/th_1/STATE", state) == [{"rssi_dbm": -61.0}, ("alive", None)]
    assert said("tele/th_1/LWT", b"Offline") == [{"availability": "offline"}]
    assert decode("tele/th_1/STATE", state).observations[0].device == TEMPERATURE


def test_topics_of_no_profile_are_bad() -> None:
    assert decode("tele/th_1/INFO1", {}).rejected[0].reason is Reason.BAD_TOPIC


def test_profiles_that_can_carry_an_alarm_go_to_the_alarm_lane_as_a_whole() -> None:
    profiles = load_profiles()
    assert profiles.alarm_filters == (
        "stat/+/RESULT",
        "tele/+/LWT",
        "tele/+/SENSOR",
        "tele/+/STATE",
        "zigbee2mqtt/+",
        "zigbee2mqtt/+/+",
        "zigbee2mqtt/+/+/availability",
    )
    assert profiles.bulk_filters == ()
    meter = parse_profile("profile: m\ntitle: M\nmessages: [{topic: 'm/{address}', heartbeat: {}}]", "m.yaml")
    assert ProfileSet([meter]).bulk_filters == ("m/+",)
    assert ProfileSet([meter]).alarm_filters == ()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a/+", "a/b", True),
        ("a/+", "a/+", True),
        ("a/b", "a/+", False),
        ("a/#", "a/b/+", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a/#", False),
        ("a/b/c", "a/b", False),
    ],
)
def test_filters_that_cover_others(one: str, other: str, expected: bool) -> None:
    assert covers(one.split("/"), other.split("/")) is expected


def test_own_profile_wins_over_a_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "profile: tasmota\ntitle: Mine\nmessages: [{topic: 'x/{address}', heartbeat: {}}]", encoding="utf-8"
    )
    profiles = load_profiles(tmp_path)
    assert profiles.names == ("tasmota", "zigbee2mqtt")
    own = Decoder(registry(), profiles)
    assert len(own.decode("x/th_1", b"{}", NOW).observations) == 1
    assert own.decode("tele/th_1/STATE", b"{}", NOW).rejected[0].reason is Reason.BAD_TOPIC


PROFILE = """\
profile: acme
title: Acme
messages:
  - topic: acme/{address}
    readings:
      temperature_c:
        - path: t
    alarms:
      - alarm: smoke
        path: s
        active: [true]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "place", "expected"),
    [
        ("profile: acme", "profile: Acme!", 1, "profile", "text like"),
        ("title: Acme", "titel: Acme", 1, "the file", "'title' is a required"),
        ("acme/{address}", "acme/#", 4, "messages[0].topic", "text like"),
        ("acme/{address}", "acme/x", 4, "messages[0].topic", "{address} exactly once"),
        ("acme/{address}", "acme/{address}/{address}", 4, "messages[0].topic", "{address} exactly once"),
        ("acme/{address}", "campus/{address}", 4, "messages[0].topic", "outside of campus/"),
        ("temperature_c", "temperature", 6, "messages[0].readings", "expected one of temperature_c"),
        ("path: t", "path: ..", 7, "messages[0].readings.temperature_c[0].path", "a path or a list"),
        ("path: t", "path: t\n          unit: celsius", 8, "messages[0].readings.temperature_c[0].unit", "fahrenheit"),
        ("alarm: smoke", "alarm: smok", 9, "messages[0].alarms[0].alarm", "one of panic, duress, smoke"),
        ("active: [true]", "active: true", 11, "messages[0].alarms[0].active", "expected array, got true"),
        ("title: Acme", "title: Acme\nignore: ['a/b#']", 3, "ignore[0]", "an MQTT filter"),
    ],
)
def test_wrong_profile_is_refused_with_file_line_place_and_what_was_expected(
    old: str, new: str, line: int, place: str, expected: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(PROFILE.replace(old, new), "acme.yaml")
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"acme.yaml:{line}: {place}: ")
    assert expected in first


def test_every_fault_of_a_profile_is_told() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(PROFILE.replace("smoke", "smok").replace("acme\n", "Acme\n"), "acme.yaml")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["", "5", "a: [", "&a [*a]", "- x", "a: !!python/object:os.system x"])
def test_file_that_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ProfileError, match=r"x\.yaml"):
        parse_profile(text, "x.yaml")


def test_grammar_names_the_same_words_as_the_code() -> None:
    grammar = json.loads(resources.files("devices.profiles").joinpath("profile.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(grammar)
    parts = grammar["$defs"]
    assert parts["alarm"]["properties"]["alarm"]["enum"] == list(AlarmKind)
    assert parts["event"]["properties"]["event"]["enum"] == list(EventKind)
    assert parts["kinds"]["items"]["enum"] == list(DeviceKind)
    assert parts["number"]["properties"]["unit"]["enum"] == list(Unit)
    assert parts["message"]["properties"]["readings"]["propertyNames"]["enum"] == list(METRICS)
    assert set(parts["message"]["properties"]) == set(MessageRules.__struct_fields__)


def test_shipped_profiles_are_sound() -> None:
    assert [profile.profile for profile in shipped_profiles()] == ["tasmota", "zigbee2mqtt"]
