"""What is wrong with a scenario is told all at once: line, field, what was expected."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from simulators.errors import SimulatorError
from simulators.scenarios.problems import ScenarioInvalid, UnknownScenario
from simulators.scenarios.reading import LIBRARY, load, loads
from tests.unit.simulators.scenarios.texts import HEAD, problems_of, script_of

ONE_STEP = "  - press: s001-btn-01\n"


def test_all_faults_are_told_at_once_by_their_lines() -> None:
    text = """\
  - at: 21:50:00
    ignite: {device: s001-smk-44, to: 1800, ower: 2m}
  - want: {incident: smok_alarm, by: 1s}
  - want: {receipt: police}
  - press: 5
  - at: 21:55:00
    press: s001-smk-01
"""
    found = problems_of(text)
    assert [(line, field) for line, field, _ in found] == [
        (9, "steps[1].ignite.ower"),
        (9, "steps[1].ignite.to"),
        (10, "steps[2].want.incident"),
        (11, "steps[3].want.by"),
        (12, "steps[4].press"),
        (14, "steps[5].press.device"),
    ]


def test_an_error_reads_file_line_field_and_what_was_expected() -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        script_of("  - ignite: {to: 1800}\n")
    assert str(refused.value) == "mine.yaml:8: steps[1].ignite.to: expected a number up to 600; got 1800"
    assert isinstance(refused.value, SimulatorError)


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    [(_, field, expected)] = problems_of("  - pres: s001-btn-01\n")
    assert field == "steps[1].pres"
    assert expected.endswith("did you mean press?")
    [(line, field, expected)] = problems_of(ONE_STEP, HEAD.replace("sites: 2", "site: 2"))
    assert (line, field) == (4, "site")
    assert expected == (
        "unknown; expected one of title, about, seed, sites, devices, start, lasts, supervised, tested,"
        " limits, steps; did you mean sites?"
    )
    [(_, _, expected)] = problems_of("  - press: {divice: s001-btn-01}\n")
    assert expected == "unknown; expected one of site, device, test, drill, links; did you mean device?"


def test_a_wrong_word_is_told_with_those_that_are_right() -> None:
    [(_, field, expected)] = problems_of("  - link: {link: polic, mode: ok}\n")
    assert (field, expected) == (
        "steps[1].link.link",
        "expected one of police, education, phone; got polic; did you mean police?",
    )


@pytest.mark.parametrize(
    ("step", "field", "expected"),
    [
        ("press: {test: yes}", "press.test", "expected true or false; got yes"),
        ("press: 5", "press", "expected fields: site, device, test, drill, links; got 5"),
        ("press: [s001-btn-01]", "press", "expected fields: site, device, test, drill, links; got ['s001-btn-01']"),
        ("heat: {to: warm}", "heat.to", "expected a number; got warm"),
        ("heat: {to: -61}", "heat.to", "expected a number from -60; got -61"),
        ("heat: {to: '50'}", "heat.to", "expected a number; got 50"),
        ("heat: {over: 90}", "heat.over", "expected a duration such as 250ms, 90s, 2m, 1h30m or 14d; got 90"),
        ("repeat: {times: 0, over: 1s}", "repeat.times", "expected a number from 1; got 0"),
        ("repeat: {times: 1.5, over: 1s}", "repeat.times", "expected a whole number; got 1.5"),
        ("drift: {to: 50}", "drift.over", "missing; expected how long it takes to get so wrong"),
        ("battery: {percent: 101}", "battery.percent", "expected a number up to 100; got 101"),
        ("press: {device: 's001 btn'}", "press.device", "expected a name of letters, digits, _, . and -; got s001 btn"),
        ("state: {state: {}}", "state.state", "expected at least one"),
        ("database: gone", "database", "expected one of away, back; got gone"),
        ("restart: web", "restart", "expected one of alarm, bulk, alerting; got web"),
        ("alarm:", "alarm.kind", "missing; expected what is reported"),
        ("want: {by: 1s}", "want", "expected one of incident, change, receipt, notice, failure, target"),
        (
            "want: {receipt: police, notice: duty, by: 1s}",
            "want",
            "expected one of incident, change, receipt, notice, failure, target; here are receipt and notice",
        ),
        (
            "want: {incident: tamper, of: tamper, by: 1s}",
            "want",
            "expected no of here: incident names the rule already",
        ),
        (
            "reading: {device: s001-gw-01, metric: gas_lel_pct, value: 25, unit: ppm}",
            "reading.unit",
            "expected %LEL, the unit of gas_lel_pct; got ppm",
        ),
        (
            "reading: {device: s001-gw-01, metric: gas_lel_pct, value: 125, unit: '%LEL'}",
            "reading.value",
            "expected 0 to 100 %LEL; beyond that no sensor is believed; got 125",
        ),
        (
            "reading: {metric: gas_lel_pct, value: 25, unit: '%LEL'}",
            "reading",
            "s001 has no gas detector; name who reports it, such as s001-gw-01",
        ),
        (
            "post: {present: 1, reported: true}",
            "post",
            "expected either present, how many stand there, or reported, whether the guards report it",
        ),
        (
            "want: {receipt: police, proof: {a: 1}, by: 1s}",
            "want",
            "expected proof only with incident, change and target",
        ),
        (
            "want: {incident: tamper, proof: {a: [1]}, by: 1s}",
            "want.proof.a",
            "expected a text, a number, true or false",
        ),
        ("{}", "", "expected one action, want or quiet a step; here is none"),
        ("{press: , cut: s001}", "", "expected one action, want or quiet a step; here are cut, press"),
        ("{at: '21:50', quiet: {until: 1m}}", "", "expected no at here: a quiet begins with the action before it"),
    ],
)
def test_a_step_of_the_wrong_form_is_told_by_its_field(step: str, field: str, expected: str) -> None:
    way = f"steps[1].{field}" if field else "steps[1]"
    assert problems_of(f"  - {step}\n") == [(8, way, expected)]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ("21:40", "25:40", 5, "start", "expected a date and time such as 2026-03-10 21:40; got 2026-03-10 25:40"),
        ("03-10", "02-30", 5, "start", "expected a date and time such as 2026-03-10 21:40; got 2026-02-30 21:40"),
        ("30m", "40d", 6, "lasts", "expected longer than nothing and at most 31d"),
        ("30m", "31d1s", 6, "lasts", "expected longer than nothing and at most 31d"),
        ("30m", "0s", 6, "lasts", "expected longer than nothing and at most 31d"),
        ("sites: 2", "sites: 185", 4, "sites", "expected a number up to 184; got 185"),
        (", en: It burns.", "", 2, "about.en", "missing; expected en"),
        (
            "sites: 2",
            "devices: [s001-btn-01, s009-btn-01]",
            4,
            "devices[2]",
            "no device 's009-btn-01' in this district; `sites: 9` has a site s009",
        ),
        (
            "sites: 2",
            "devices: [s001-btn-77]",
            4,
            "devices[1]",
            "no device 's001-btn-77' in this district; there are s001-btn-01 to s001-btn-05",
        ),
    ],
)
def test_what_stands_above_the_steps_is_checked(old: str, new: str, line: int, field: str, expected: str) -> None:
    assert problems_of(ONE_STEP, HEAD.replace(old, new)) == [(line, field, expected)]


def test_the_longest_and_the_largest_that_is_allowed_is_allowed() -> None:
    head = HEAD.replace("30m", "31d").replace("sites: 2", "sites: 184")
    script = script_of("  - heat: {to: -60}\n  - heat: {to: 600}\n  - battery: {percent: 0}\n", head)
    assert script.ends_s - script.start_s == 31 * 86_400
    assert len(script.district.sites) == 184
    assert len(script_of(ONE_STEP * 5000).steps) == 5000
    assert problems_of(ONE_STEP * 5001) == [(8, "steps", "expected at most 5000 steps")]


def test_a_text_of_one_language_is_taken_for_both() -> None:
    script = script_of(ONE_STEP, HEAD.replace("{zh: 起火。, en: It burns.}", "起火。"))
    assert (script.about.zh, script.about.en) == ("起火。", "起火。")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- press:\n", "expected a mapping: title, about, start, lasts, steps"),
        ("hello\n", "expected a mapping: title, about, start, lasts, steps"),
    ],
)
def test_what_is_no_mapping_is_no_scenario(text: str, expected: str) -> None:
    assert problems_of(text, head="") == [(1, "", expected)]


def test_a_scenario_without_steps_is_none() -> None:
    head = HEAD.removesuffix("steps:\n")
    assert problems_of("", head) == [(1, "steps", "missing; expected what happens, in its order")]
    assert problems_of("", HEAD) == [(7, "steps", "expected a list of steps, at least one")]
    assert problems_of("steps: {press: }\n", head) == [(7, "steps", "expected a list of steps, at least one")]


def test_a_key_that_is_there_twice_is_an_error_of_the_scenario() -> None:
    assert problems_of(ONE_STEP, HEAD.replace("steps:", "lasts: 1h\nsteps:")) == [
        (7, "lasts", "expected once; it is on line 6 already")
    ]


def test_a_shipped_scenario_is_found_by_its_name_and_a_file_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + ONE_STEP, "utf-8")
    assert load(path).name == "mine"
    assert load(str(path)).name == "mine"
    assert load("intruder").name == "intruder"


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UnknownScenario, match=r"did you mean intruder\?"):
        load("intruders")
    for name in ("../library/intruder", "", "intruder/../intruder"):
        with pytest.raises(UnknownScenario):
            load(name)


def test_a_folder_or_a_missing_file_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ScenarioInvalid, match="Is a directory"):
        load(tmp_path / "folder.yaml")
    with pytest.raises(ScenarioInvalid, match=r"none\.yaml:1: cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_whatever_a_file_holds_it_is_a_script_or_a_list_of_problems() -> None:
    chance = Random(4)
    texts = [path.read_text("utf-8") for path in sorted(LIBRARY.glob("*.yaml"))]
    scraps = ["*a", "&a", "!!x ", "- ", "{", "}", "[", ": ", "\n", "\t", "'", '"', "|", "? ", "---\n", "\0", "9" * 30]
    refused = []
    for _ in range(300):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 5)):
            here, there = chance.randrange(len(text) + 1), chance.randrange(40)
            text = text[:here] + chance.choice(scraps) + text[here + chance.choice((0, there)) :]
        try:
            loads(text, "mine", file="mine.yaml")
        except ScenarioInvalid as error:
            refused.append(error.problems)
    assert len(refused) > 100
    for problems in refused:
        lines = [problem.line for problem in problems]
        assert lines == sorted(lines)
        assert lines[0] >= 1
        assert all(problem.expected for problem in problems)
