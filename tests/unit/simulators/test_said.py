"""What `Timetable.said` says is what `Timetable.due` says, decoded as in production."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from detectors.engine import Engine
from detectors.grounds import Grounds, SiteFacts
from detectors.rules import alarm_rules, bulk_rules
from devices.formats.decode import DEFAULT_FUTURE_S, DEFAULT_MAX_AGE_S, Decoder
from devices.profiles.matching import ProfileSet
from devices.registry import Registry
from domain.device import Device, RegisteredDevice
from domain.observation import Event, Heartbeat, Misdated, Observation, Reading, StateReport
from simulators.district import District, build_district, devices_of
from simulators.interventions import Interventions
from simulators.message import CHINA_TIME, Message
from simulators.orders import Op, Order
from simulators.overhearing import LIMITS, TRAVEL_MS
from simulators.timetable import Timetable

START_S = datetime(2026, 3, 10, 7, 20, tzinfo=CHINA_TIME).timestamp()
Script = Sequence[tuple[float, Order]]
Registered = dict[tuple[str, str], RegisteredDevice]


def registered(devices: Sequence[Device]) -> Registered:
    site_nos: dict[str, int] = {}
    return {
        (device.site_id, device.device_id): RegisteredDevice(
            number,
            site_nos.setdefault(device.site_id, len(site_nos) + 1),
            device.site_id,
            device.device_id,
            device.kind,
            device.heartbeat_s,
        )
        for number, device in enumerate(devices, 1)
    }


class Twins:
    """The same district under the same orders, once in bytes and once in observations."""

    def __init__(self, district: District, script: Script = (), *, step_s: float = 60.0) -> None:
        self.district, self.script, self.step_s = district, script, step_s
        self.registered = registered(district.devices)
        sites = {one.site_id: one.site_no for one in self.registered.values()}
        self.decoder = Decoder(Registry(sites, self.registered.values()), ProfileSet([]))

    def messages(self, seconds: float) -> list[Message]:
        said: list[Message] = []
        timetable, interventions = self._timetable()
        for at_s in self._slices(interventions, seconds):
            said += timetable.due(at_s)
        return said

    def heard(self, seconds: float) -> list[Observation | Misdated]:
        heard: list[Observation | Misdated] = []
        timetable, interventions = self._timetable()
        for at_s in self._slices(interventions, seconds):
            heard += timetable.said(at_s, self.registered)
        return heard

    def decoded(self, messages: Sequence[Message]) -> list[Observation | Misdated]:
        """By the decoder of the lanes, each message a moment after it was due."""
        heard: list[Observation | Misdated] = []
        for message in messages:
            received_at = datetime.fromtimestamp(message.due_s + TRAVEL_MS / 1000, UTC)
            decoded = self.decoder.decode(message.topic, message.payload, received_at)
            heard += decoded.observations
            for one in decoded.rejected:
                assert one.said_at is not None, one.detail
                device = self.registered[one.site_id, one.device_id]
                heard.append(Misdated(device, one.said_at, received_at))
        return heard

    def _timetable(self) -> tuple[Timetable, Interventions]:
        district = self.district
        interventions = Interventions(district.devices, district.sites)
        timetable = Timetable(
            district.devices, seed=1, start_s=START_S, interventions=interventions, sites=district.sites
        )
        return timetable, interventions

    def _slices(self, interventions: Interventions, seconds: float) -> Sequence[float]:
        """Orders are applied at the beginning, for their own times: they have to take effect inside of slices."""
        for after_s, order in self.script:
            interventions.apply(order, START_S + after_s)
        steps = int(seconds / self.step_s)
        return [START_S + (step + 1) * self.step_s for step in range(steps)]


ALL_AT_ONCE: Script = [
    (10.0, Order(op=Op.CUT, site="s002")),
    (37.5, Order(op=Op.HEAT, site="s001", device="s001-tmp-02", over_s=90)),
    (41.0, Order(op=Op.DRIFT, site="s001", device="s001-tmp-03", to_c=30, over_s=600)),
    (50.0, Order(op=Op.CLOCK, site="s001", device="s001-cam-09", off_s=-7200)),
    (51.0, Order(op=Op.CLOCK, site="s001", device="s001-cam-10", off_s=7200)),
    (52.0, Order(op=Op.CLOCK, site="s001", device="s001-tmp-04", off_s=-40 * 86_400)),
    (60.0, Order(op=Op.BATTERY, site="s001", device="s001-smk-05", pct=9.5)),
    (61.2, Order(op=Op.REPEAT, site="s001", device="s001-gw-01", times=40, over_s=20)),
    (90.0, Order(op=Op.IGNITE, site="s001", device="s001-smk-14", over_s=60)),
    (200.0, Order(op=Op.RESTORE, site="s002")),
    (260.0, Order(op=Op.EXTINGUISH, site="s001")),
    (300.0, Order(op=Op.CLOCK, site="s001", device="s001-cam-10")),
    (310.0, Order(op=Op.BATTERY, site="s001", device="s001-smk-05")),
]


@pytest.mark.parametrize("step_s", [1.0, 7.3, 600.0])
@pytest.mark.parametrize("script", [(), ALL_AT_ONCE], ids=["quiet", "all at once"])
def test_what_is_said_is_what_the_bytes_decode_to(script: Script, step_s: float) -> None:
    twins = Twins(build_district(sites=2), script, step_s=step_s)
    messages = twins.messages(1800)
    heard = twins.heard(1800)
    assert heard == twins.decoded(messages)
    assert {type(one) for one in heard} >= {Heartbeat, Reading, Event, StateReport}
    assert (Misdated in {type(one) for one in heard}) is bool(script)


def test_what_is_said_does_not_depend_on_how_time_is_sliced() -> None:
    district = build_district(sites=2)
    whole = Twins(district, ALL_AT_ONCE, step_s=900.0).messages(900)
    assert Twins(district, ALL_AT_ONCE, step_s=0.9).messages(900) == whole
    assert [one.due_s for one in whole] == sorted(one.due_s for one in whole)


def test_batteries_run_down_in_both_alike() -> None:
    district = build_district(sites=1)
    devices = [device for device in district.devices if device.device_id == "s001-smk-07"]
    in_bytes, said = (Timetable(devices, seed=1, start_s=START_S) for _ in range(2))
    known = registered(devices)
    levels: list[float] = []
    for days in (0, 1, 400):
        ends_s = START_S + days * 86_400 + 7200
        for timetable in (in_bytes, said):
            timetable.skip_to(START_S + days * 86_400)
        heard = [one.battery_pct for one in said.said(ends_s, known) if isinstance(one, Heartbeat)]
        told = [json.loads(one.payload).get("battery_pct") for one in in_bytes.due(ends_s)]
        assert heard == [level for level in told if level is not None]
        levels += [level for level in heard if level is not None]
    assert len(set(levels)) >= 2


def test_alarms_that_a_loop_repeats_can_be_had_in_bytes_for_their_own_lane() -> None:
    district = build_district(sites=1)
    interventions = Interventions(district.devices)
    timetable = Timetable(district.devices, seed=1, start_s=START_S, interventions=interventions)
    (alarm,), _ = interventions.apply(Order(op=Op.PRESS, site="s001"), START_S + 1)
    interventions.apply(Order(op=Op.REPEAT, site="s001", device="s001-btn-01", times=4, over_s=1), START_S + 2)
    alarms: list[Message] = []
    heard = list(timetable.said(START_S + 10, registered(district.devices), alarms=alarms))
    assert [one.payload for one in alarms] == [alarm.payload] * 4
    assert [one.due_s - START_S for one in alarms] == [2.0, 2.25, 2.5, 2.75]
    assert {type(one) for one in heard} == {Heartbeat, Reading}


def test_of_whom_is_not_registered_nothing_is_heard() -> None:
    twins = Twins(build_district(sites=1))
    gone = twins.registered.pop(("s001", "s001-cam-03"))
    assert gone not in {one.device for one in twins.heard(120)}
    assert len({one.device for one in twins.heard(120)}) == 107


def test_the_limits_of_time_are_those_of_the_server() -> None:
    assert (LIMITS.future.total_seconds(), LIMITS.age.total_seconds()) == (DEFAULT_FUTURE_S, DEFAULT_MAX_AGE_S)


def test_a_start_at_noon_gives_the_same_afternoon_byte_for_byte() -> None:
    district = build_district(sites=1)
    devices = quiet_devices(district)

    def day(from_hour: int) -> list[Message]:
        start_s = datetime(2026, 3, 10, from_hour, tzinfo=CHINA_TIME).timestamp()
        timetable = Timetable(devices, seed=1, start_s=start_s, sites=district.sites)
        return list(timetable.due(datetime(2026, 3, 10, 20, tzinfo=CHINA_TIME).timestamp()))

    noon_s = datetime(2026, 3, 10, 12, tzinfo=CHINA_TIME).timestamp()
    whole, afternoon = day(11), day(12)
    assert [message for message in whole if message.due_s >= noon_s] == afternoon
    assert day(12) == afternoon
    assert {message.topic.rpartition("/")[2] for message in afternoon} == {"heartbeat", "reading", "event", "state"}


def quiet_devices(district: District) -> list[Device]:
    """Two of each kind: days of them are quickly told."""
    seen: dict[object, int] = {}
    chosen: list[Device] = []
    for device in devices_of(district.sites[0]):
        seen[device.kind] = seen.get(device.kind, 0) + 1
        if seen[device.kind] <= 2:
            chosen.append(device)
    return chosen


@pytest.mark.parametrize("day", ["2026-03-13", "2026-10-01", "2026-07-27"], ids=["Friday", "holiday", "summer"])
def test_two_quiet_days_raise_nothing(day: str) -> None:
    district = build_district(sites=1)
    devices = quiet_devices(district)
    known = registered(devices)
    start = datetime.fromisoformat(f"{day}T00:00:00+08:00")
    timetable = Timetable(devices, seed=1, start_s=start.timestamp(), sites=district.sites)
    site = district.sites[0]
    grounds = Grounds(sites={1: SiteFacts(site.kind, site.township)})
    engine = Engine([*alarm_rules(), *bulk_rules(grounds=grounds)])
    engine.enrol(known.values(), start.astimezone(UTC))
    heard: set[str] = set()
    for ten_seconds in range(1, 2 * 8640 + 1):
        at_s = start.timestamp() + 10 * ten_seconds
        for observation in timetable.said(at_s, known):
            assert not engine.observe(observation)
            heard.add(observation.device.device_id)
        assert not engine.tick(datetime.fromtimestamp(at_s, UTC))
        engine.changes()
    assert len(heard) == len(devices)


def test_a_clock_that_goes_wrong_and_is_set_right_is_found_to_be_both() -> None:
    """A message that arrived in the very moment it names would be of a device without a clock, and prove nothing."""
    off, right = (Order(op=Op.CLOCK, site="s001", device="s001-btn-02", off_s=off_s) for off_s in (-2400.0, 0.0))
    twins = Twins(build_district(sites=1), [(60.0, off), (360.0, right)])
    engine = Engine(bulk_rules())
    engine.enrol(twins.registered.values(), datetime.fromtimestamp(START_S, UTC))
    found = [one for observation in twins.heard(600) for one in engine.observe(observation)]
    assert [(one.rule, one.kind.value, one.device_id) for one in found] == [
        ("clock_off", "raised", "s001-btn-02"),
        ("clock_off", "cleared", "s001-btn-02"),
    ]


def test_an_order_takes_effect_at_its_own_time_inside_of_a_slice() -> None:
    twins = Twins(build_district(sites=1), [(600.4, Order(op=Op.CUT, site="s001"))], step_s=1800.0)
    last_s = twins.messages(1800)[-1].due_s
    assert 598.0 < last_s - START_S < 600.4


def test_regular_messages_keep_their_distance_over_hours() -> None:
    district = build_district(sites=1)
    timetable = Timetable(district.devices, seed=1, start_s=START_S)
    times: dict[str, list[float]] = {}
    for message in timetable.due(START_S + 3 * 3600):
        times.setdefault(message.topic, []).append(message.due_s)
    for topic, moments in times.items():
        every_s = 30 if topic.endswith("/heartbeat") else 60
        assert all(0.94 * every_s < later - sooner < 1.06 * every_s for sooner, later in pairwise(moments))
        assert abs(len(moments) - 3 * 3600 / every_s) <= 1
