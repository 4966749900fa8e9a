"""The scenarios that ship: each is right, says what it wants, and is described."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from detectors.documents.shipped import shipped
from simulators.orders import Op, Order
from simulators.scenarios.format import TARGETS
from simulators.scenarios.happening import HappeningKind
from simulators.scenarios.reading import LIBRARY, library, load, schema
from simulators.scenarios.script import Want
from simulators.scenarios.source import parse
from tests.unit.simulators.scenarios.texts import HEAD

NAMES = sorted(path.stem for path in LIBRARY.glob("*.yaml"))
DOCUMENT = Path(__file__).parents[4] / "docs" / "scenarios.md"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def document(name: str) -> Any:
    return parse((LIBRARY / f"{name}.yaml").read_text("utf-8"), name)[0].plain()


def test_at_least_sixteen_scenarios_ship() -> None:
    assert len(NAMES) >= 16
    assert [entry.name for entry in library()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_is_right_and_wants_something(name: str) -> None:
    script = load(name)
    assert script.name == name
    assert script.wants or script.quiets
    assert script.quiets, "what shall not happen is as much of a scenario as what shall"
    assert len(script.steps) == len({(step.at_s, step.line, str(step.act)) for step in script.steps})


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_has_its_title_and_its_story_in_both_languages(name: str) -> None:
    script = load(name)
    for words in (script.title, script.about):
        assert CHINESE.search(words.zh)
        assert not CHINESE.search(words.en)
    assert len(script.title.zh) <= 16
    assert script.about.zh.endswith("。")
    assert script.about.en.rstrip().endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_scenario_is_described_in_the_document(name: str) -> None:
    script = load(name)
    assert f"| `{name}` | {script.title.zh} |" in DOCUMENT.read_text("utf-8")


def test_the_document_describes_no_scenario_that_does_not_ship() -> None:
    table = DOCUMENT.read_text("utf-8").partition("## The scenarios that ship")[2]
    described = re.findall(r"^\| `([a-z-]+)` \| [\u4e00-\u9fff]", table, re.MULTILINE)
    assert sorted(described) == NAMES


def test_the_titles_are_all_different() -> None:
    assert len({entry.title.zh for entry in library()}) == len({entry.title.en for entry in library()}) == len(NAMES)


def test_every_kind_of_action_occurs_in_a_shipped_scenario() -> None:
    ops = {step.act.op for name in NAMES for step in load(name).steps if isinstance(step.act, Order)}
    assert set(Op) == ops


# -- the schema -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_takes_what_ships(name: str) -> None:
    Draft202012Validator(schema()).validate(document(name))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "step",
    [
        "pres: s001-btn-01",
        "press: {divice: s001-btn-01}",
        "press: 5",
        "heat: {to: 601}",
        "heat: {over: 90}",
        "at: 24:00\n    press:",
        "want: {receipt: phone, by: 1s}",
        "want: {receipt: police}",
        "alarm: {kind: fire}",
        "link: {link: police}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(step: str) -> None:
    wrong = parse(f"{HEAD}  - {step}\n", "mine")[0].plain()
    assert list(Draft202012Validator(schema()).iter_errors(wrong))


def test_an_editor_finds_in_the_schema_what_each_action_is_for() -> None:
    definitions = schema()["$defs"]
    steps = definitions["Step"]["properties"]
    assert {"press", "want", "quiet", "database"} <= steps.keys()
    for name in ("Press", "Ignite", "Link", "Want", "Quiet"):
        found = definitions[name]
        text = found.get("description") or found["anyOf"][0]["description"]
        assert text


#: What the control room finds by itself beside the rules that ship as documents.
FOUND = ("doubtful_alarm", "target_dropped", "expiry_ahead", "self_test_missing", "link_silent")
ENDS = {"returned", "reset", "closed"}


@cache
def wants_of(name: str) -> Sequence[Want]:
    return load(name).wants


@pytest.mark.parametrize("rule", sorted({*shipped(), *FOUND}))
def test_a_shipped_rule_is_raised_with_its_proof_and_ends_in_one_scenario(rule: str) -> None:
    """A rule without both directions has nobody who would notice that one of them is gone."""
    for name in NAMES:
        wants = wants_of(name)
        raised = [one for one in wants if one.kind is HappeningKind.INCIDENT and one.what == rule]
        ended = [one for one in wants if one.kind is HappeningKind.CHANGE and one.of == rule and one.what in ENDS]
        proved = [one for one in raised if one.device or one.site or one.proof]
        if proved and ended and min(one.line for one in proved) < max(one.line for one in ended):
            return
    pytest.fail(f"no scenario has {rule} raised, with device, site or proof, and over again")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_drops_with_its_cause_and_is_met_again_in_one_scenario(target: str) -> None:
    for name in NAMES:
        wants = [one for one in wants_of(name) if one.kind is HappeningKind.TARGET and one.what == target]
        dropped = [one.line for one in wants if one.standing == "dropped" and one.cause]
        met = [one.line for one in wants if one.standing == "compliant"]
        if dropped and met and min(dropped) < max(met):
            return
    pytest.fail(f"no scenario has a site drop from {target}, with its cause, and meet it again")
