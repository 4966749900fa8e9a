"""What people and faults can do to devices, and what an order is refused for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import pytest

from domain.observation import AlarmKind, EventKind
from simulators.course import COOLING_S, KEPT_S
from simulators.district import build_district
from simulators.errors import OrderRefused
from simulators.gazetteer import TOWNSHIPS
from simulators.interventions import Interventions
from simulators.message import CHINA_TIME, Message
from simulators.orders import KINDS, Op, Order, decode_order, faults
from simulators.timetable import Timetable

START_S = datetime(2026, 3, 10, 9, tzinfo=CHINA_TIME).timestamp()
DISTRICT = build_district(sites=12)
SITE = build_district(sites=1)
NUMBER = {device.device_id: number for number, device in enumerate(DISTRICT.devices)}
TOWNSHIP = DISTRICT.sites[0].township


@pytest.fixture
def interventions() -> Interventions:
    return Interventions(DISTRICT.devices, DISTRICT.sites)


class School:
    """One site under orders, and what it says."""

    def __init__(self) -> None:
        self.interventions = Interventions(SITE.devices, SITE.sites)
        self.timetable = Timetable(
            SITE.devices, seed=1, start_s=START_S, interventions=self.interventions, sites=SITE.sites
        )

    def apply(self, after_s: float, op: Op, device: str = "", **fields: object) -> list[Message]:
        order = decode_order(json.dumps({"op": op, "site": "s001", "device": device, **fields}).encode())
        return self.interventions.apply(order, START_S + after_s)[0]

    def until(self, after_s: float, device: str = "") -> list[Message]:
        return [one for one in self.timetable.due(START_S + after_s) if f"/{device}/" in one.topic or not device]


def values(said: Sequence[Message]) -> list[float]:
    return [value for one in said if one.topic.endswith("/reading") for value in told(one)["values"].values()]


def told(message: Message) -> dict[str, dict[str, float]]:
    return json.loads(message.payload)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("op", "kind", "device", "channel"),
    [
        (Op.ALARM, AlarmKind.MANUAL_CALL_POINT, "s001-btn-01", "alarm"),
        (Op.ALARM, AlarmKind.INTRUSION, "s001-zone-01", "alarm"),
        (Op.ALARM, AlarmKind.HEAT, "s001-tmp-01", "alarm"),
        (Op.EVENT, EventKind.TAMPER, "s001-cam-01", "event"),
        (Op.EVENT, EventKind.DOOR_FORCED, "s001-door-01", "event"),
        (Op.EVENT, EventKind.PATROL_CHECKED, "s001-pat-01", "event"),
    ],
)
def test_a_report_comes_from_the_first_device_that_usually_makes_it(
    interventions: Interventions, op: Op, kind: str, device: str, channel: str
) -> None:
    (message,), _ = interventions.apply(Order(op=op, site="s001", kind=kind), START_S)
    assert message.topic == f"campus/v1/s001/{device}/{channel}"
    assert message.urgent is (channel == "alarm")
    payload = json.loads(message.payload)
    assert payload[channel] == kind
    assert payload["active"] is True


@pytest.mark.parametrize(
    ("device", "metric", "speaks"),
    [
        ("", "temperature_c", "s001-tmp-01"),
        ("", "smoke_obscuration_db_m", "s001-smk-01"),
        ("s001-gw-01", "gas_lel_pct", "s001-gw-01"),
    ],
)
def test_a_reading_is_said_once_by_whoever_is_named_or_measures_it(
    interventions: Interventions, device: str, metric: str, speaks: str
) -> None:
    order = Order(op=Op.READING, site="s001", device=device, metric=metric, value=12.5)
    (message,), _ = interventions.apply(order, START_S)
    assert message.topic == f"campus/v1/s001/{speaks}/reading"
    assert told(message)["values"] == {metric: 12.5}
    assert not message.urgent


def test_every_kind_of_report_has_a_device_that_makes_it_but_gas(interventions: Interventions) -> None:
    """No school of the district has a gas detector."""
    orders = [Order(op=op, site="s001", kind=kind) for op, kinds in KINDS.items() for kind in kinds]
    sent = [message for order in orders if order.kind != "gas" for message in interventions.apply(order, START_S)[0]]
    assert len(sent) == len(AlarmKind) + len(EventKind) - 1


def test_a_report_can_be_of_the_end_of_something_a_drill_and_from_any_device(interventions: Interventions) -> None:
    order = Order(op=Op.ALARM, site="s002", device="s002-cam-05", kind="smoke", active=False, drill=True)
    (message,), detail = interventions.apply(order, START_S)
    payload = json.loads(message.payload)
    assert (payload["active"], payload["drill"], payload["test"]) == (False, True, False)
    assert "ended" in detail


def test_the_same_order_at_another_time_is_another_report(interventions: Interventions) -> None:
    order = Order(op=Op.EVENT, site="s001", kind="tamper")
    ids = {json.loads(interventions.apply(order, START_S + n)[0][0].payload)["id"] for n in range(3)}
    assert len(ids) == 3


def test_a_state_is_told_whole(interventions: Interventions) -> None:
    order = Order(op=Op.STATE, site="s001", state={"door": "open", "locked": False})
    (message,), _ = interventions.apply(order, START_S)
    assert message.topic == "campus/v1/s001/s001-door-01/state"
    assert json.loads(message.payload)["state"] == {"door": "open", "locked": False}


def test_what_is_cut_reports_nothing(interventions: Interventions) -> None:
    interventions.apply(Order(op=Op.CUT, site="s001"), START_S)
    for order in (
        Order(op=Op.EVENT, site="s001", kind="tamper"),
        Order(op=Op.STATE, site="s001", state={"door": "open"}),
        Order(op=Op.REPEAT, site="s001", times=3),
    ):
        with pytest.raises(OrderRefused, match="cut"):
            interventions.apply(order, START_S + 1)


@pytest.mark.parametrize("name", [TOWNSHIP, "english"])
def test_a_township_is_cut_and_restored_by_either_name(interventions: Interventions, name: str) -> None:
    if name == "english":
        name = next(one.name_en for one in TOWNSHIPS if one.name == TOWNSHIP)
    there = {site.site_id for site in DISTRICT.sites if site.township == TOWNSHIP}
    assert 0 < len(there) < len(DISTRICT.sites)
    interventions.apply(Order(op=Op.CUT, township=name), START_S)
    assert {DISTRICT.devices[number].site_id for number in interventions.cut} == there
    assert len(interventions.cut) == 108 * len(there)
    interventions.apply(Order(op=Op.RESTORE, township=name), START_S + 60)
    assert not interventions.cut


def test_a_loop_sends_the_last_message_again_byte_for_byte() -> None:
    school = School()
    last = school.until(100, "s001-gw-01")[-1]
    assert school.apply(100, Op.REPEAT, "s001-gw-01", times=500, over_s=50) == []
    again = school.until(150, "s001-gw-01")
    looped = [one for one in again if one.payload == last.payload]
    assert len(looped) == 500
    assert {one.topic for one in looped} == {last.topic}
    assert all(0.09 < later.due_s - sooner.due_s < 0.11 for sooner, later in pairwise(looped))
    assert len(again) - len(looped) in (1, 2)  # its heartbeats go on meanwhile
    assert not [one for one in school.until(300, "s001-gw-01") if one.payload == last.payload]


def test_a_loop_repeats_an_alarm_that_was_the_last_thing_said() -> None:
    school = School()
    (alarm,) = school.apply(20.0, Op.PRESS, "s001-btn-02")
    school.apply(20.5, Op.REPEAT, "s001-btn-02", times=3, over_s=0)
    looped = [one for one in school.until(21, "s001-btn-02") if one.topic.endswith("/alarm")]
    assert [(one.payload, one.due_s, one.urgent) for one in looped] == [(alarm.payload, START_S + 20.5, True)] * 3


def test_a_loop_that_is_started_as_the_simulator_is_has_something_to_say() -> None:
    """What was said before anybody listened is worked out as well."""
    early = School().until(100, "s001-gw-01")[-1]
    late = School()
    late.timetable.skip_to(START_S + 100)
    late.apply(100, Op.REPEAT, "s001-gw-01", times=1, over_s=0)
    assert late.until(100.01, "s001-gw-01")[0].payload == early.payload


def test_a_loop_stops_where_its_device_is_cut() -> None:
    school = School()
    school.apply(10, Op.REPEAT, "s001-gw-01", times=100, over_s=100)
    school.apply(40, Op.CUT, "s001-gw-01")
    said = school.until(120, "s001-gw-01")
    assert 28 <= len(said) <= 34
    assert said[-1].due_s < START_S + 40


def test_a_wrong_clock_shifts_what_the_device_names_and_not_when_it_speaks() -> None:
    right, wrong = School(), School()
    wrong.apply(60, Op.CLOCK, "s001-cam-01", off_s=-3600)
    wrong.apply(180, Op.CLOCK, "s001-cam-01")
    pairs = list(zip(right.until(300, "s001-cam-01"), wrong.until(300, "s001-cam-01"), strict=True))
    for one, other in pairs:
        assert one.due_s == other.due_s
        said, shifted = (datetime.fromisoformat(str(told(message)["ts"])) for message in (one, other))
        off_s = -3600 if 60 <= one.due_s - START_S < 180 else 0
        assert (shifted - said).total_seconds() == off_s
    assert {one == other for one, other in pairs} == {True, False}


def test_an_ordered_alarm_names_the_devices_own_time() -> None:
    school = School()
    school.apply(0, Op.CLOCK, "s001-btn-01", off_s=90)
    (message,) = school.apply(5, Op.PRESS)
    assert datetime.fromisoformat(str(told(message)["ts"])).timestamp() == START_S + 95
    assert message.due_s == START_S + 5


def test_a_sensor_drifts_slowly_and_speaks_no_oftener() -> None:
    quiet, drifting = School(), School()
    drifting.apply(0, Op.DRIFT, "s001-tmp-03", to_c=40, over_s=6 * 3600)
    normal, wrong = quiet.until(7 * 3600, "s001-tmp-03"), drifting.until(7 * 3600, "s001-tmp-03")
    assert [one.due_s for one in normal] == [one.due_s for one in wrong]
    off = [b - a for a, b in zip(values(normal), values(wrong), strict=True)]
    assert off[0] < 0.2
    assert values(wrong)[-1] == 40
    assert all(-0.2 < later - sooner < 0.2 for sooner, later in pairwise(values(wrong)))


def test_a_drift_that_catches_fire_goes_on_from_where_it_stood() -> None:
    school = School()
    school.apply(0, Op.DRIFT, "s001-tmp-03", to_c=35, over_s=600)
    school.apply(600, Op.HEAT, "s001-tmp-03", to_c=90, over_s=300)
    said = values(school.until(900, "s001-tmp-03"))
    assert said == sorted(said)
    assert 30 < said[9] <= 36  # the last before the fire
    assert 60 < len(said) < 85  # every few seconds while it burns


def test_a_restored_sensor_measures_what_it_would_have() -> None:
    quiet, school = School(), School()
    school.apply(0, Op.DRIFT, "s001-tmp-03", to_c=40, over_s=60)
    school.apply(300, Op.RESTORE, "s001-tmp-03")
    after_s = 300 + COOLING_S + 1
    assert values(school.until(300, "s001-tmp-03"))[-1] == 40
    quiet.until(after_s)
    school.until(after_s)
    assert school.until(after_s + 600, "s001-tmp-03") == quiet.until(after_s + 600, "s001-tmp-03")


def test_a_battery_stands_where_it_is_put_until_it_is_let_go() -> None:
    school = School()
    natural = told(school.until(60, "s001-smk-05")[0])["battery_pct"]
    school.apply(60, Op.BATTERY, "s001-smk-05", pct=9.5)
    school.apply(180, Op.BATTERY, "s001-smk-05")
    said = [told(one)["battery_pct"] for one in school.until(300, "s001-smk-05") if "battery_pct" in told(one)]
    assert said == [9.5] * 4 + [natural] * 4


def test_what_makes_no_difference_any_more_is_forgotten() -> None:
    school = School()
    school.apply(0, Op.CUT, "s001-cam-01")
    school.apply(0, Op.CLOCK, "s001-gw-01", off_s=5)
    school.apply(0, Op.BATTERY, "s001-smk-02", pct=50)
    school.apply(0, Op.IGNITE, "s001-smk-01")
    school.apply(0, Op.REPEAT, "s001-gw-01", times=3, over_s=5)
    school.apply(20, Op.RESTORE)
    school.apply(20, Op.CLOCK, "s001-gw-01")
    school.apply(20, Op.BATTERY, "s001-smk-02")
    school.until(20)
    assert school.interventions.touched
    school.until(20 + KEPT_S + COOLING_S + 120)
    assert not school.interventions.touched
    assert not school.interventions.loops


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"op": "cut"}, "site"),
        ({"op": "press", "township": TOWNSHIP}, "township"),
        ({"op": "cut", "township": TOWNSHIP, "site": "s001"}, "township"),
        ({"op": "cut", "township": "Atlantis"}, "Atlantis"),
        ({"op": "alarm", "site": "s001"}, "kind"),
        ({"op": "alarm", "site": "s001", "kind": "tamper"}, "kind"),
        ({"op": "event", "site": "s001", "kind": "panic"}, "tamper"),
        ({"op": "alarm", "site": "s001", "kind": "gas"}, "gas"),
        ({"op": "state", "site": "s001"}, "state"),
        ({"op": "repeat", "site": "s001"}, "times"),
        ({"op": "repeat", "site": "s001", "times": 100_001}, "times"),
        ({"op": "battery", "site": "s001", "device": "s001-cam-01", "pct": 5}, "camera"),
        ({"op": "battery", "site": "s001", "pct": 101}, "pct"),
        ({"op": "drift", "site": "s001", "device": "s001-smk-01"}, "temperature"),
        ({"op": "clock", "site": "s001", "device": "s001-cam-99"}, "s001-cam-59"),
        ({"op": "heat", "site": "s001", "to_c": 9000}, "to_c"),
        ({"op": "reading", "site": "s001", "metric": "smell", "value": 1}, "gas_lel_pct"),
        ({"op": "reading", "site": "s001", "metric": "gas_lel_pct", "value": 101}, "0 to 100 %LEL"),
        ({"op": "reading", "site": "s001", "metric": "gas_lel_pct", "value": 10}, "gas detector"),
    ],
)
def test_a_refused_order_names_what_is_wrong(
    interventions: Interventions, fields: dict[str, object], named: str
) -> None:
    with pytest.raises(OrderRefused, match=named):
        interventions.apply(decode_order(json.dumps(fields).encode()), START_S)


def test_an_order_can_be_held_to_its_form_before_anybody_is_there() -> None:
    assert [field for field, _ in faults(Order(op=Op.ALARM, kind="bang"))] == ["site", "kind"]
    assert not list(faults(Order(op=Op.REPEAT, site="s001", times=2)))


def test_a_district_without_its_sites_knows_no_townships() -> None:
    with pytest.raises(OrderRefused, match="none in this district"):
        Interventions(SITE.devices).apply(Order(op=Op.CUT, township=TOWNSHIP), START_S)
