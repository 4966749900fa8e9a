"""A scenario becomes exact: times, places, orders; and what could not happen in the district is told before it runs."""

from __future__ import annotations

import pytest

from simulators.errors import OrderRefused
from simulators.far_ends import LinkName, Mode
from simulators.interventions import Interventions
from simulators.orders import Op, Order
from simulators.scenarios.happening import HappeningKind
from simulators.scenarios.script import (
    DatabaseAct,
    DutyAct,
    LinkAct,
    OperatorAct,
    OperatorAction,
    Process,
    Quiet,
    RegistryAct,
    RegistryOp,
    RestartAct,
    Want,
)
from tests.unit.simulators.scenarios.texts import HEAD, at_s, problems_of, script_of

PRESS = "  - at: 21:50:00\n    press: s001-btn-01\n"
NAMES = "sites are called s001 to s184, devices like s001-smk-14"
BUTTONS = "there are s001-btn-01 to s001-btn-05"
INSIDE = "inside the scenario, which ends at 22:10:00"
TWO_SITES = "in this scenario; there are s001 to s002"


def acts(steps: str) -> list[object]:
    return [step.act for step in script_of(steps).steps]


# -- times ------------------------------------------------------------------------------------------------------------


def test_a_step_is_at_a_time_of_day_or_so_long_after_the_one_before_or_with_it() -> None:
    script = script_of("""\
  - press: s001-btn-01
  - at: 21:50:00.250
    press: s001-btn-02
  - press: s001-btn-03
  - at: +90s
    press: s001-btn-04
  - want: {incident: one_key_alarm, by: 1s}
  - at: +1m
    press: s001-btn-05
  - at: 2026-03-10 22:00
    press: s001-btn-01
""")
    times = ["21:40:00", "21:50:00.250", "21:50:00.250", "21:51:30.250", "21:52:30.250", "22:00:00"]
    assert [step.at_s for step in script.steps] == [at_s(text) for text in times]
    assert [step.line for step in script.steps] == [8, 10, 11, 13, 16, 18]
    assert (script.start_s, script.ends_s) == (at_s("21:40"), at_s("22:10"))


def test_a_time_of_day_goes_on_after_midnight() -> None:
    script = script_of("  - at: 00:30\n    press: s001-btn-01\n", HEAD.replace("30m", "4h"))
    assert script.steps[0].at_s == at_s("00:30") + 86_400


def test_times_ascend() -> None:
    assert problems_of(PRESS + "  - at: 21:49:59\n    press: s001-btn-02\n") == [
        (10, "steps[2].at", "21:49:59 is before line 9's 21:50; times never go back")
    ]
    assert problems_of("  - at: 2026-03-10 21:00\n    press: s001-btn-02\n") == [
        (8, "steps[1].at", "21:00 is before line 5's 21:40; times never go back")
    ]


@pytest.mark.parametrize("at", ["22:10:00.001", "+31m", "2026-03-11 21:50"])
def test_a_step_is_inside_the_scenario(at: str) -> None:
    assert problems_of(f"  - at: {at}\n    press: s001-btn-02\n") == [
        (8, "steps[1].at", "expected inside the scenario, which ends at 22:10:00")
    ]


def test_the_end_of_a_scenario_that_ends_on_another_day_is_told_with_its_date() -> None:
    assert problems_of("  - at: +9h\n    press: s001-btn-02\n", HEAD.replace("30m", "8h")) == [
        (8, "steps[1].at", "expected inside the scenario, which ends at 2026-03-11 05:40:00")
    ]


def test_a_time_of_day_before_the_beginning_means_the_next_day() -> None:
    assert problems_of("  - at: 21:30\n    press: s001-btn-02\n") == [
        (8, "steps[1].at", "21:30 is before the beginning, so it means 03-11 21:30, after the end (03-10 22:10)")
    ]


def test_a_want_after_a_wrong_action_is_not_told_of_it() -> None:
    assert problems_of("  - alarm: gas\n  - want: {incident: gas_alarm, by: 1s}\n") == [
        (8, "steps[1].alarm.kind", "missing; expected what is reported")
    ]
    assert len(problems_of("  - at: 22:11\n    press:\n  - want: {incident: one_key_alarm, by: 1s}\n")) == 1


def test_the_very_end_is_inside() -> None:
    assert script_of("  - at: 22:10:00\n    press: s001-btn-02\n").steps[0].at_s == at_s("22:10")


# -- wants and quiets -------------------------------------------------------------------------------------------------


def test_a_want_is_counted_from_the_last_action() -> None:
    script = script_of(
        PRESS
        + """\
  - want: {incident: one_key_alarm, device: s001-btn-01, severity: critical, by: 1s}
  - want: {receipt: police, of: one_key_alarm, test: true, drill: true, times: 2, not_before: 500ms, by: 21:50:30}
  - quiet: {until: 21:51, only: [incident, tamper], except: [updated], site: s002}
"""
    )
    pressed = at_s("21:50")
    assert script.wants == (
        Want(
            kind=HappeningKind.INCIDENT,
            what="one_key_alarm",
            site="s001",
            device="s001-btn-01",
            severity="critical",
            since_s=pressed,
            by_s=pressed + 1,
            line=10,
        ),
        Want(
            kind=HappeningKind.RECEIPT,
            what="police",
            of="one_key_alarm",
            test=True,
            drill=True,
            times=2,
            since_s=pressed + 0.5,
            by_s=pressed + 30,
            line=11,
        ),
    )
    assert script.quiets == (
        Quiet(
            since_s=pressed,
            until_s=pressed + 60,
            site="s002",
            only=frozenset({"incident", "tamper"}),
            but=frozenset({"updated"}),
            line=12,
        ),
    )


def test_a_quiet_without_an_action_begins_with_the_scenario() -> None:
    script = script_of("  - quiet: {until: 10m}\n")
    assert (script.quiets[0].since_s, script.quiets[0].until_s) == (at_s("21:40"), at_s("21:50"))


def test_a_want_needs_an_action_before_it() -> None:
    assert problems_of("  - want: {incident: tamper, by: 1s}\n") == [
        (8, "steps[1].want", "expected an action before it; a want is counted from the last one")
    ]


@pytest.mark.parametrize(
    ("want", "field", "expected"),
    [
        ("by: 21:49:59", "by", "21:49:59 is before its action (line 9) at 21:50"),
        ("by: 21m", "by", "expected inside the scenario, which ends at 22:10:00"),
        ("by: 1s, not_before: 2s", "not_before", "expected not after by (21:50:01)"),
        ("by: 1s, not_before: 21:40", "not_before", "21:40 is before its action (line 9) at 21:50"),
        ("by: 1s, site: s003", "site", f"no site 's003' {TWO_SITES}; `sites: 3` has a site s003"),
        ("by: 1s, site: x", "site", f"no site 'x' {TWO_SITES}; {NAMES}"),
        ("by: 1s, device: s001-btn-9", "device", f"no device 's001-btn-9' in this scenario; {BUTTONS}"),
        ("by: 1s, site: s002, device: s001-btn-01", "site", "expected s001, where s001-btn-01 is"),
    ],
)  # fmt: skip
def test_a_want_that_cannot_be_is_told(want: str, field: str, expected: str) -> None:
    assert problems_of(f"{PRESS}  - want: {{receipt: police, {want}}}\n") == [(10, f"steps[2].want.{field}", expected)]


# -- what happens to devices ------------------------------------------------------------------------------------------


def test_each_action_on_devices_becomes_the_order_of_its_name() -> None:
    assert acts("""\
  - press: {device: s001-btn-02, test: true, drill: true}
  - ignite: {device: s001-smk-14, to: 200, over: 90s, drill: true}
  - extinguish: {site: s001}
  - heat: {device: s001-tmp-02, to: 70, over: 1m}
  - drift: {device: s001-tmp-03, to: 40, over: 6h}
  - alarm: {kind: intrusion, device: s001-zone-01, active: false, test: true}
  - event: {kind: tamper, device: s001-cam-01, active: false}
  - state: {device: s001-door-01, state: {door: open}}
  - repeat: {device: s001-door-01, times: 20, over: 10s}
  - clock: {device: s001-btn-03, off: -2h}
  - battery: {device: s001-smk-03, percent: 14}
  - cut: {township: 双桥镇}
  - restore: {site: s001}
""") == [
        Order(op=Op.PRESS, site="s001", device="s001-btn-02", test=True, drill=True),
        Order(op=Op.IGNITE, site="s001", device="s001-smk-14", to_c=200, over_s=90, drill=True),
        Order(op=Op.EXTINGUISH, site="s001"),
        Order(op=Op.HEAT, site="s001", device="s001-tmp-02", to_c=70, over_s=60),
        Order(op=Op.DRIFT, site="s001", device="s001-tmp-03", to_c=40, over_s=21_600),
        Order(op=Op.ALARM, site="s001", device="s001-zone-01", kind="intrusion", active=False, test=True),
        Order(op=Op.EVENT, site="s001", device="s001-cam-01", kind="tamper", active=False),
        Order(op=Op.STATE, site="s001", device="s001-door-01", state={"door": "open"}),
        Order(op=Op.REPEAT, site="s001", device="s001-door-01", times=20, over_s=10),
        Order(op=Op.CLOCK, site="s001", device="s001-btn-03", off_s=-7200),
        Order(op=Op.BATTERY, site="s001", device="s001-smk-03", pct=14),
        Order(op=Op.CUT, township="双桥镇"),
        Order(op=Op.RESTORE, site="s001"),
    ]


def test_the_usual_one_is_meant_where_none_is_named() -> None:
    assert acts("  - press:\n  - press: s002\n  - press: s002-btn-03\n  - press: {}\n") == [
        Order(op=Op.PRESS, site="s001", device="s001-btn-01"),
        Order(op=Op.PRESS, site="s002", device="s002-btn-01"),
        Order(op=Op.PRESS, site="s002", device="s002-btn-03"),
        Order(op=Op.PRESS, site="s001", device="s001-btn-01"),
    ]


@pytest.mark.parametrize(
    ("step", "field", "expected"),
    [
        ("press: s001-smk-01", "press.device", "press needs a one-key alarm; s001-smk-01 is a smoke detector"),
        ("ignite: s001-tmp-01", "ignite.device", "ignite needs a smoke detector; s001-tmp-01 is a temperature sensor"),
        ("press: s001-btn-06", "press.device", f"no device 's001-btn-06' in this scenario; {BUTTONS}"),
        ("press: s003-btn-01", "press.device", "no device 's003-btn-01' in this scenario; `sites: 3` has a site s003"),
        ("press: s184-x", "press.device", "no device 's184-x' in this scenario; `sites: 184` has a site s184"),
        ("press: s185-x", "press.device", f"no device 's185-x' in this scenario; {NAMES}"),
        ("press: s000-x", "press.device", f"no device 's000-x' in this scenario; {NAMES}"),
        ("cut: s9", "cut.site", f"no site 's9' {TWO_SITES}; {NAMES}"),
        ("cut: {township: 双桥镇, site: s001}", "cut", "expected a township, or a site or a device, not both"),
        ("alarm: {kind: gas}", "alarm", "s001 has no gas detector; name who reports it, such as s001-gw-01"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_district_or_does_not_fit_is_told(step: str, field: str, expected: str) -> None:
    assert problems_of(f"  - {step}\n") == [(8, f"steps[1].{field}", expected)]


def test_an_unknown_township_is_told_with_those_that_are_there() -> None:
    [(line, field, expected)] = problems_of("  - cut: {township: 桃花镇}\n")
    assert (line, field) == (8, "steps[1].cut.township")
    assert "桃花镇" in expected
    assert "双桥镇" in expected
    assert "sites:" not in expected


def test_a_township_of_a_larger_district_is_told_with_its_number_of_sites() -> None:
    for name in ("锦河街道", "Jinhe"):
        [(_, _, expected)] = problems_of(f"  - cut: {{township: {name}}}\n")
        assert expected.endswith("; `sites: 4` has one in 锦河街道")


def test_what_is_cut_cannot_be_pressed() -> None:
    [(line, field, expected)] = problems_of("  - cut: s001\n  - at: +1m\n    press: s001-btn-01\n")
    assert (line, field) == (10, "steps[2].press.device")
    assert expected.endswith("is cut and cannot be heard; restore it first")
    assert len(acts("  - cut: s001\n  - restore: s001\n  - press: s001-btn-01\n")) == 3


def test_a_district_may_have_but_a_few_devices() -> None:
    script = script_of("  - press:\n", HEAD.replace("sites: 2", "devices: [s001-gw-01, s001-btn-04]"))
    assert [device.device_id for device in script.district.devices] == ["s001-gw-01", "s001-btn-04"]


def test_the_gateway_of_chosen_devices_comes_along() -> None:
    script = script_of("  - press: s002-btn-04\n", HEAD.replace("sites: 2", "sites: 2\ndevices: [s002-btn-04]"))
    assert [device.device_id for device in script.district.devices] == ["s002-gw-01", "s002-btn-04"]


def test_every_order_of_a_script_is_one_that_its_district_carries_out() -> None:
    script = script_of(PRESS + "  - ignite:\n  - cut: s002\n")
    interventions = Interventions(script.district.devices, script.district.sites)
    for step in script.steps:
        assert isinstance(step.act, Order)
        interventions.apply(step.act, step.at_s)
    with pytest.raises(OrderRefused):
        interventions.apply(Order(op=Op.PRESS, site="s002"), script.ends_s)


# -- what happens to the control room ---------------------------------------------------------------------------------


def test_a_link_that_fails_for_a_while_is_well_again_afterwards() -> None:
    script = script_of("""\
  - at: 21:50:00
    link: {link: police, mode: hang, seconds: 60, for: 5m}
  - at: 21:52:00
    press: s001-btn-01
  - want: {receipt: education, by: 1s}
""")
    assert [(step.at_s, step.act, step.line) for step in script.steps] == [
        (at_s("21:50"), LinkAct(link=LinkName.POLICE, mode=Mode.HANG, seconds=60), 9),
        (at_s("21:52"), Order(op=Op.PRESS, site="s001", device="s001-btn-01"), 11),
        (at_s("21:55"), LinkAct(link=LinkName.POLICE, mode=Mode.OK), 9),
    ]
    assert script.wants[0].since_s == at_s("21:52")


@pytest.mark.parametrize(
    ("link", "field", "expected"),
    [
        ("link: police, mode: hang, for: 31m", "for", f"expected to be over {INSIDE}"),
        ("link: police, mode: ok, for: 1m", "for", "expected only with a mode that is not ok"),
        ("link: police, mode: refuse, seconds: 5", "seconds", "expected only with slow and hang, which take so long"),
        ("link: phone, mode: wrong_receipt", "mode", "a telephone answers no receipt; expected another mode"),
    ],
)  # fmt: skip
def test_a_far_end_that_makes_no_sense_is_told(link: str, field: str, expected: str) -> None:
    assert problems_of(f"  - link: {{{link}}}\n") == [(8, f"steps[1].link.{field}", expected)]


def test_operators_act_on_incidents() -> None:
    assert acts("""\
  - acknowledge: smoke_alarm
  - reset: {incident: smoke_alarm, site: s002}
  - close: {incident: one_key_alarm, device: s001-btn-01, actor: 张三, note: 误报}
""") == [
        OperatorAct(action=OperatorAction.ACKNOWLEDGE, rule="smoke_alarm", actor="值班员"),
        OperatorAct(action=OperatorAction.RESET, rule="smoke_alarm", site="s002", actor="值班员"),
        OperatorAct(
            action=OperatorAction.CLOSE,
            rule="one_key_alarm",
            site="s001",
            device="s001-btn-01",
            actor="张三",
            note="误报",
        ),
    ]


def test_processes_die_and_the_database_and_leaders_come_and_go() -> None:
    assert acts("  - restart: bulk\n  - database: away\n  - database: back\n  - duty: nobody\n  - duty: leader\n") == [
        RestartAct(process=Process.BULK),
        DatabaseAct(away=True),
        DatabaseAct(away=False),
        DutyAct(present=False),
        DutyAct(present=True),
    ]


def test_the_registry_changes_by_what_the_simulated_district_has() -> None:
    assert acts(
        "  - guard: {act: leaves}\n  - guard: {guard: s001-g02, act: checks_in}\n  - barrier: {act: removed}\n"
        "  - barrier: {barrier: bar-2, act: lapses}\n  - post: {present: 3}\n  - enrolment: {pupils: 900}\n"
    ) == [
        RegistryAct(op=RegistryOp.LEAVES, site="s001", subject="s001-g01"),
        RegistryAct(op=RegistryOp.CHECKS_IN, site="s001", subject="s001-g02"),
        RegistryAct(op=RegistryOp.REMOVED, site="s001", subject="bar-1"),
        RegistryAct(op=RegistryOp.LAPSES, site="s001", subject="bar-2"),
        RegistryAct(op=RegistryOp.REPORTED, site="s001", subject="post-1", count=3),
        RegistryAct(op=RegistryOp.ENROLLED, site="s001", count=900),
    ]


def test_a_guard_or_barrier_that_is_not_there_is_told_with_those_that_are() -> None:
    assert problems_of("  - guard: {guard: s001-g09, act: leaves}\n") == [
        (8, "steps[1].guard.guard", "no guard 's001-g09' at s001; there are s001-g01, s001-g02, s001-g03, s001-g04")
    ]
    assert problems_of("  - barrier: {barrier: bar-9, act: removed}\n") == [
        (8, "steps[1].barrier.barrier", "no barrier 'bar-9' at s001; there are bar-1, bar-2")
    ]
    assert problems_of("  - enrolment: {pupils: 10, boarders: 20}\n") == [
        (8, "steps[1].enrolment.boarders", "expected at most 10, which are all of them")
    ]


def test_a_database_that_never_comes_back_or_was_never_away_is_told() -> None:
    assert problems_of("  - database: away\n  - press:\n") == [
        (8, "steps[1].database", "expected `database: back` later on; it never comes back")
    ]
    assert problems_of("  - database: back\n") == [(8, "steps[1].database", "expected away; it is there already")]
    assert problems_of("  - database: away\n  - database: away\n  - database: back\n") == [
        (9, "steps[2].database", "expected back; it is away already")
    ]
