"""What was wanted against what came."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulators.alarm_lines import Language
from simulators.scenarios.happening import Happening, HappeningKind
from simulators.scenarios.judge import Judgement, judge
from simulators.scenarios.script import Script
from tests.unit.simulators.scenarios.texts import at_s, script_of

PRESSED = at_s("21:50")
PRESS = "  - at: 21:50:00\n    press: s001-btn-01\n"


def script(*lines: str) -> Script:
    return script_of(PRESS + "".join(f"  - {line}\n" for line in lines))


def happening(after_s: float, kind: str, what: str, **other: Any) -> Happening:
    about = {"rule": "one_key_alarm", "site": "s001", "device": "s001-btn-01", "severity": "critical", **other}
    return Happening(at_s=PRESSED + after_s, kind=HappeningKind(kind), what=what, **about)


def incident(after_s: float, **other: Any) -> Happening:
    return happening(after_s, "incident", "one_key_alarm", **other)


def english(script: Script, *happenings: Happening) -> Judgement:
    return judge(script, happenings, language=Language.EN)


def texts(script: Script, *happenings: Happening) -> list[str]:
    return [failure.text for failure in english(script, *happenings).failures]


def test_what_was_wanted_and_came_is_well() -> None:
    found = english(
        script("want: {incident: one_key_alarm, by: 1s}", "want: {receipt: police, by: 1s}", "quiet: {until: 1m}"),
        happening(0.1, "receipt", "police"),
        incident(0.05),
    )
    assert (found.ok, found.failures) == (True, ())


def test_the_limits_of_a_time_are_right() -> None:
    wanted = script("want: {incident: one_key_alarm, not_before: 2s, by: 3s}")
    assert english(wanted, incident(2.0)).ok
    assert english(wanted, incident(3.0)).ok
    assert not english(wanted, incident(1.999)).ok
    assert not english(wanted, incident(3.001)).ok


def test_what_came_too_late_or_too_early_is_told_by_how_much() -> None:
    wanted = script("want: {incident: one_key_alarm, not_before: 2s, by: 3s}")
    head = "line 10: wanted incident One-key alarm, 21:50:02 – 21:50:03: did not come; "
    assert texts(wanted, incident(4.2)) == [head + "one came 1.2s too late, at 21:50:04.200"]
    assert texts(wanted, incident(0.5)) == [head + "one came 1.5s too early, at 21:50:00.500"]


def test_what_came_in_time_and_with_something_else_is_told_by_that() -> None:
    wanted = script("want: {incident: one_key_alarm, device: s001-btn-01, severity: critical, by: 1s}")
    assert texts(wanted, incident(0.5, drill=True)) == [
        "line 10: wanted incident One-key alarm s001-btn-01 门卫室一键报警 critical, 21:50:00 – 21:50:01: did not come;"
        " at 21:50:00.500 one came with drill: true"
    ]
    wanted = script("want: {receipt: police, of: one_key_alarm, by: 1s}")
    head = "line 10: wanted receipt police · One-key alarm, 21:50:00 – 21:50:01: did not come"
    assert texts(wanted, happening(0.1, "receipt", "education")) == [head + "; at 21:50:00.100 one came with education"]
    assert texts(wanted, happening(0.1, "receipt", "police", rule="tamper")) == [
        head + "; at 21:50:00.100 one came with Tamper"
    ]
    assert texts(wanted, happening(0.1, "notice", "duty")) == [head]


def test_a_drill_is_no_answer_to_a_want_of_the_real_thing_nor_the_other_way_round() -> None:
    assert not english(script("want: {incident: one_key_alarm, by: 1s}"), incident(0.1, drill=True)).ok
    assert not english(script("want: {incident: one_key_alarm, drill: true, by: 1s}"), incident(0.1)).ok
    assert english(script("want: {incident: one_key_alarm, drill: true, by: 1s}"), incident(0.1, drill=True)).ok
    assert not english(script("want: {incident: one_key_alarm, by: 1s}"), incident(0.1, test=True)).ok


def test_each_happening_answers_one_want() -> None:
    twice = script("want: {incident: one_key_alarm, by: 1s}", "want: {incident: one_key_alarm, by: 1s}")
    assert english(twice, incident(0.1), incident(0.2)).ok
    assert [failure.line for failure in english(twice, incident(0.1)).failures] == [11]


def test_a_want_takes_the_earliest_and_leaves_the_others_to_the_next() -> None:
    wanted = script(
        "want: {incident: one_key_alarm, by: 5s}", "want: {incident: one_key_alarm, not_before: 2s, by: 5s}"
    )
    assert english(wanted, incident(3.0), incident(1.0)).ok


def test_a_want_of_many_takes_so_many_and_says_how_many_came() -> None:
    wanted = script("want: {incident: one_key_alarm, times: 3, by: 5s}", "quiet: {until: 5s}")
    assert english(wanted, incident(1), incident(2), incident(3)).ok
    assert texts(wanted, incident(1), incident(2)) == [
        "line 10: wanted incident One-key alarm 3 times, 21:50:00 – 21:50:05: 2 of 3 came"
    ]
    assert [failure.line for failure in english(wanted, *(incident(n) for n in (1, 2, 3, 4))).failures] == [11]


def test_nothing_but_what_was_wanted_may_be_where_it_is_quiet() -> None:
    wanted = script("want: {incident: one_key_alarm, by: 1s}", "quiet: {until: 30s}")
    assert texts(wanted, incident(0.1), happening(30, "notice", "duty", to="王强")) == [
        "line 11: wanted nothing else, 21:50:00 – 21:50:30; 1 came: 21:50:30.000 notice duty leader · One-key alarm"
        " s001-btn-01"
    ]
    assert english(wanted, incident(0.1), happening(30.001, "notice", "duty")).ok
    assert not english(wanted, incident(0.1), happening(0.0, "notice", "duty")).ok
    assert english(wanted, incident(0.1), happening(-0.001, "notice", "duty")).ok


def test_a_failure_is_a_disturbance_too() -> None:
    assert not english(script("quiet: {until: 30s}"), happening(1, "failure", "police")).ok
    assert english(
        script("want: {failure: police, by: 2s}", "quiet: {until: 30s}"), happening(1, "failure", "police")
    ).ok


def test_a_quiet_may_be_about_some_things_or_not_about_others_or_about_one_site() -> None:
    notice, change = happening(1, "notice", "duty"), happening(1, "change", "updated", rule="high_temperature")
    for word in ("notice", "duty", "one_key_alarm"):
        assert not english(script(f"quiet: {{until: 30s, only: [{word}]}}"), notice, change).ok
        assert english(script(f"quiet: {{until: 30s, only: [{word}]}}"), change).ok
        assert english(script(f"quiet: {{until: 30s, except: [{word}]}}"), notice).ok
    assert english(script("quiet: {until: 30s, except: [high_temperature]}"), change).ok
    assert english(script("quiet: {until: 30s, only: [notice], except: [duty]}"), notice).ok
    assert english(script("quiet: {until: 30s, site: s002}"), notice).ok
    assert not english(script("quiet: {until: 30s, site: s001}"), notice).ok


def test_a_failure_shows_what_came_instead_where_it_was_wanted() -> None:
    wanted = script("want: {notice: duty, by: 2s}", "quiet: {until: 30s}")
    late = happening(2.9, "notice", "duty", to="王强", text="raised")
    [missed, disturbed] = english(wanted, incident(0.041), late).failures
    assert missed.timeline == ""
    assert str(missed) == missed.text
    assert disturbed.timeline.splitlines() == [
        "2026-03-10",
        "   21:50:00.000 >  press                                  s001-btn-01 门卫室一键报警  (line 9)",
        "   21:50:00.041 !  incident  One-key alarm                s001-btn-01 门卫室一键报警  critical",
        "   21:50:02.000 ?  notice    duty leader                                              wanted by now (line 10)",
        "   21:50:02.900 !  notice    duty leader · One-key alarm  s001-btn-01 门卫室一键报警  → 王强 raised",
    ]


def test_failures_far_apart_have_an_excerpt_each() -> None:
    wanted = script("want: {notice: duty, by: 2s}", "want: {failure: police, not_before: 10m, by: 11m}")
    first, second = english(wanted).failures
    assert first.timeline
    assert "line 11" in second.timeline
    assert "line 10" not in second.timeline


def test_an_excerpt_shows_what_came_too_early_and_the_action_that_it_is_counted_from() -> None:
    wanted = script("want: {incident: one_key_alarm, not_before: 2m, by: 3m}")
    [failure] = english(wanted, incident(70)).failures
    assert [line.split()[0] for line in failure.timeline.splitlines()[1:]] == [
        "21:50:00.000",
        "21:51:10.000",
        "21:53:00.000",
    ]


def test_what_an_operator_could_not_do_fails_unless_it_was_wanted() -> None:
    steps = ["acknowledge: one_key_alarm", "reset: one_key_alarm", "close: one_key_alarm"]
    prevented = happening(0, "failure", "operator", rule="", site="", device="", text="reset: not acknowledged yet")
    assert texts(script(*steps), prevented) == [
        "line 11: the operator could not reset: not acknowledged yet; if that is right: want: {failure: operator, …}"
    ]
    assert english(script(*steps, "want: {failure: operator, by: 1s}"), prevented).ok
    assert texts(script(*steps, "quiet: {until: 30s}"), prevented) == texts(script(*steps), prevented)


def test_failures_come_in_the_order_of_the_file() -> None:
    wanted = script("quiet: {until: 30s}", "want: {notice: duty, by: 2s}")
    assert [failure.line for failure in english(wanted, incident(1)).failures] == [10, 11]


def test_of_many_that_disturb_five_are_named() -> None:
    [failure] = english(script("quiet: {until: 30s}"), *(incident(n) for n in range(1, 9))).failures
    assert failure.text.count("One-key alarm") == 5
    assert failure.text.endswith(" and 3 more")


def test_it_is_told_in_chinese_unless_asked_otherwise() -> None:
    [failure] = judge(script("want: {notice: duty, of: one_key_alarm, by: 2s}"), [incident(0.1)]).failures
    assert failure.text == "第 10 行：应有 通知 带班领导 · 一键报警，21:50:00 – 21:50:02：没有出现"
    assert str(failure).splitlines()[-1].split() == [
        "21:50:02.000", "?", "通知", "带班领导", "·", "一键报警", "最迟此时应有", "（第", "10", "行）",
    ]  # fmt: skip


@given(st.permutations([incident(n / 10, device=f"s001-btn-0{n}") for n in range(1, 6)]))
def test_the_order_in_which_happenings_are_told_makes_no_difference(happenings: list[Happening]) -> None:
    wanted = script("want: {incident: one_key_alarm, times: 3, by: 1s}", "quiet: {until: 30s}")
    expected = english(wanted, *sorted(happenings, key=lambda one: one.at_s))
    assert english(wanted, *happenings) == expected


def test_what_was_found_has_to_be_as_it_was_wanted() -> None:
    wanted = script("want: {incident: one_key_alarm, proof: {value: 25, sites: s002}, by: 1s}")
    assert english(wanted, incident(0.1, proofs=({"value": 25.0, "sites": ["s001", "s002"], "more": 1},))).ok
    for wrong in ({"value": 24, "sites": ["s002"]}, {"value": 25, "sites": ["s001"]}, {"value": 25}, {}):
        assert not english(wanted, incident(0.1, proofs=(wrong,))).ok
    [text] = texts(wanted, incident(0.1, proofs=({"value": 24},)))
    assert text.endswith("one came with value=24")


def test_a_proof_is_of_the_cause_that_was_wanted() -> None:
    wanted = script("want: {target: networking, cause: receipt, proof: {subject: s001-btn-01@police}, by: 1s}")
    causes = ({"requirement": "heartbeat", "subject": "s001-btn-01@police"}, {"requirement": "receipt", "subject": "x"})
    about = {"rule": "", "severity": "", "device": "", "standing": "dropped", "causes": ("heartbeat", "receipt")}
    assert not english(wanted, happening(0.1, "target", "networking", proofs=causes, **about)).ok
    right = ({"requirement": "receipt", "subject": "s001-btn-01@police"},)
    assert english(wanted, happening(0.1, "target", "networking", proofs=right, **about)).ok
