from __future__ import annotations

import itertools
import json

import pytest

from domain.observation import AlarmKind
from simulators.district import build_district
from simulators.errors import OrderRefused
from simulators.interventions import COOLING_S, FIRE_SMOKE_DB_M, Interventions
from simulators.orders import Op, Order, decode_order

NOW_S = 1_795_000_000.0
DEVICES = build_district(sites=2).devices
NUMBER = {device.device_id: number for number, device in enumerate(DEVICES)}


@pytest.fixture
def interventions() -> Interventions:
    return Interventions(DEVICES)


def order(op: Op, device: str = "", **fields: object) -> Order:
    return decode_order(json.dumps({"op": op, "site": "s001", "device": device, "id": "o1", **fields}).encode())


def test_a_press_sends_one_panic_alarm_from_the_guardroom(interventions: Interventions) -> None:
    (message,), detail = interventions.apply(order(Op.PRESS), NOW_S)
    assert message.topic == "campus/v1/s001/s001-btn-01/alarm"
    assert message.urgent
    payload = json.loads(message.payload)
    assert payload["alarm"] == AlarmKind.PANIC
    assert payload["active"] is True
    assert payload["test"] is payload["drill"] is False
    assert 1 <= len(payload["id"]) <= 64
    assert "门卫室" in detail


def test_two_presses_are_two_alarms(interventions: Interventions) -> None:
    first = interventions.apply(order(Op.PRESS, id="a"), NOW_S)[0][0]
    second = interventions.apply(order(Op.PRESS, id="b"), NOW_S)[0][0]
    assert json.loads(first.payload)["id"] != json.loads(second.payload)["id"]


def test_tests_and_drills_are_marked(interventions: Interventions) -> None:
    (message,), _ = interventions.apply(order(Op.PRESS, test=True, drill=True), NOW_S)
    payload = json.loads(message.payload)
    assert payload["test"] is payload["drill"] is True


def test_a_fire_alarms_at_once_and_heats_the_sensor_of_the_same_place(interventions: Interventions) -> None:
    (message,), _ = interventions.apply(order(Op.IGNITE, "s001-smk-04", to_c=200, over_s=100), NOW_S)
    assert json.loads(message.payload)["alarm"] == AlarmKind.SMOKE
    smoke, heat = NUMBER["s001-smk-04"], NUMBER["s001-tmp-03"]
    assert DEVICES[smoke].place == DEVICES[heat].place
    assert interventions.measured(smoke, NOW_S + 30, 0.01) == FIRE_SMOKE_DB_M
    assert interventions.measured(heat, NOW_S + 50, 20.0) == 110
    assert interventions.measured(heat, NOW_S + 500, 20.0) == 200
    assert interventions.measured(NUMBER["s001-tmp-01"], NOW_S + 500, 20.0) == 20


def test_an_alarm_sent_by_who_ordered_is_not_sent_twice(interventions: Interventions) -> None:
    messages, _ = interventions.apply(order(Op.IGNITE, alarm_sent=True), NOW_S)
    assert messages == []
    assert interventions.measured(NUMBER["s001-smk-01"], NOW_S + 60, 0.0) == FIRE_SMOKE_DB_M


def test_extinguishing_ends_the_smoke_alarm_under_a_new_id_and_cools_down(interventions: Interventions) -> None:
    (on,), _ = interventions.apply(order(Op.IGNITE), NOW_S)
    (off,), _ = interventions.apply(order(Op.EXTINGUISH), NOW_S + 60)
    assert off.topic == on.topic
    assert json.loads(off.payload)["active"] is False
    assert json.loads(off.payload)["id"] != json.loads(on.payload)["id"]
    smoke = NUMBER["s001-smk-01"]
    halfway = interventions.measured(smoke, NOW_S + 60 + COOLING_S / 2, 0.0)
    assert halfway == pytest.approx(FIRE_SMOKE_DB_M / 2)
    assert interventions.measured(smoke, NOW_S + 61 + COOLING_S, 0.012) == 0.012


def test_extinguishing_twice_ends_the_alarm_once(interventions: Interventions) -> None:
    interventions.apply(order(Op.IGNITE), NOW_S)
    assert len(interventions.apply(order(Op.EXTINGUISH), NOW_S + 5)[0]) == 1
    assert interventions.apply(order(Op.EXTINGUISH), NOW_S + 6)[0] == []


def test_restoring_also_puts_the_fire_out(interventions: Interventions) -> None:
    interventions.apply(order(Op.IGNITE), NOW_S)
    interventions.apply(order(Op.CUT), NOW_S + 5)
    (end,), _ = interventions.apply(order(Op.RESTORE), NOW_S + 10)
    assert json.loads(end.payload)["active"] is False
    assert not interventions.cut


def test_a_cut_button_cannot_be_heard_and_says_so(interventions: Interventions) -> None:
    interventions.apply(order(Op.CUT), NOW_S)
    with pytest.raises(OrderRefused, match="cut"):
        interventions.apply(order(Op.PRESS), NOW_S)


def test_a_fire_that_has_cooled_is_forgotten(interventions: Interventions) -> None:
    interventions.apply(order(Op.HEAT), NOW_S)
    assert list(interventions.extra_readings(NOW_S, NOW_S + 10))
    interventions.apply(order(Op.EXTINGUISH), NOW_S + 10)
    assert list(interventions.extra_readings(NOW_S + 50, NOW_S + 60))
    assert list(interventions.extra_readings(NOW_S + 11 + COOLING_S, NOW_S + 100 + COOLING_S)) == []


def test_no_reading_is_missed_or_doubled_between_slices(interventions: Interventions) -> None:
    interventions.apply(order(Op.HEAT), NOW_S)
    edges = [NOW_S + step * 0.7 for step in range(101)]
    sliced = [due for a, b in itertools.pairwise(edges) for due in interventions.extra_readings(a, b)]
    assert sliced == list(interventions.extra_readings(edges[0], edges[-1]))
    assert len(sliced) == 14


@pytest.mark.parametrize(
    ("op", "site", "device", "told"),
    [
        (Op.CUT, "s099", "", "s001 to s002"),
        (Op.CUT, "s001", "s001-cam-99", "no device"),
        (Op.PRESS, "s001", "s002-btn-01", "s001-btn-01"),
        (Op.PRESS, "s001", "s001-cam-01", "one-key alarm"),
        (Op.HEAT, "s001", "s001-smk-01", "temperature"),
    ],
)
def test_an_order_for_what_is_not_there_is_refused_with_a_hint(
    interventions: Interventions, op: Op, site: str, device: str, told: str
) -> None:
    with pytest.raises(OrderRefused, match=told):
        interventions.apply(Order(op=op, site=site, device=device), NOW_S)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b'{"op":"bang","site":"s001"}', b'{"op":"cut"}', b'{"op":"heat","site":"s001","to_c":9000}'],
)
def test_what_is_no_order_is_refused(payload: bytes) -> None:
    with pytest.raises(OrderRefused, match="not an order"):
        decode_order(payload)


def test_values_stay_inside_the_range_of_the_metric(interventions: Interventions) -> None:
    interventions.apply(order(Op.HEAT, to_c=600, over_s=0), NOW_S)
    assert interventions.measured(NUMBER["s001-tmp-01"], NOW_S, 25.0) == 600
