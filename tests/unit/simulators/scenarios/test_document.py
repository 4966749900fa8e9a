"""docs/scenarios.md teaches what is true: every example in it is read as the product reads it."""

from __future__ import annotations

import json
import re
from textwrap import dedent

import msgspec
import pytest
from jsonschema import Draft202012Validator

from campuswatch.commands.sim.run_report import RunReport
from domain.observation import AlarmKind, EventKind
from domain.vocabulary import HOUSE_RULES, RULE_WORDS
from simulators.alarm_lines import Language
from simulators.district import build_district
from simulators.far_ends import Mode
from simulators.gazetteer import TOWNSHIPS
from simulators.scenarios.format import Header, Step, Want
from simulators.scenarios.happening import CHANGES, Happening, HappeningKind
from simulators.scenarios.played import Played
from simulators.scenarios.reading import loads, schema
from simulators.scenarios.script import Process, Script
from simulators.scenarios.source import parse
from simulators.scenarios.telling import Telling
from tests.unit.simulators.scenarios.test_library import DOCUMENT

TEXT = DOCUMENT.read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
#: The second column of the tables of actions and wants.
EXAMPLES = [
    f"  - {example}\n"
    for word, example in re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE)
    if word in Step.model_fields or word in Want.model_fields
]
HEAD = """\
title: 演示
about: 文档中的例子。
sites: 3
start: 2026-03-10 08:00
lasts: 20h
steps:
  - at: 09:00
    alarm: {kind: smoke}
"""
#: What an example needs around it.
AFTERWARDS = "  - database: back\n"
SCHEMA = Draft202012Validator(schema())


def read(steps: str) -> Script:
    """As the reader takes it; the schema must take it too."""
    text = HEAD + steps + (AFTERWARDS if "database: away" in steps else "")
    SCHEMA.validate(parse(text, "example.yaml")[0].plain())
    return loads(text, "example", file="example.yaml")


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_document_is_right(block: str) -> None:
    if block.startswith("title:"):
        assert loads(block, "night", file="night.yaml").wants
    else:
        assert read("  " + dedent(block).replace("\n", "\n  ").rstrip(" "))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_in_a_table_is_right(example: str) -> None:
    assert read(example)


def test_every_action_want_and_key_of_the_head_is_described_with_an_example() -> None:
    described = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    actions = set(Step.model_fields) - {"at", "want", "quiet"}
    assert actions <= described
    assert set(Header.model_fields) | {"steps"} <= described
    assert {"incident", "receipt", "notice", "change", "failure"} <= described
    assert len(EXAMPLES) == len(actions) + 6


@pytest.mark.parametrize("word", [*AlarmKind, *EventKind, *Mode, *CHANGES, *Process, "test", "drill", "not_before"])
def test_every_word_that_a_field_takes_is_named(word: str) -> None:
    assert re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", TEXT)


def test_every_rule_that_devices_can_set_off_is_described() -> None:
    of_the_house = {"ledger_difference", "journal_filling", "session_forgotten"}
    for rule in set(RULE_WORDS) - of_the_house:
        assert f"`{rule}`" in TEXT


def test_the_words_of_the_timeline_are_those_of_the_table() -> None:
    table = TEXT.partition("| in the file | 中文 | English |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table, re.MULTILINE)
    chinese, english = (Telling(build_district(1, 1), language) for language in (Language.ZH, Language.EN))
    for word, in_chinese, in_english in rows:
        assert (chinese.matter(word), english.matter(word)) == (in_chinese, in_english)
    assert {*HappeningKind, *CHANGES, *RULE_WORDS} - HOUSE_RULES <= {word for word, _, _ in rows}


def test_each_township_is_named_with_its_number_of_sites() -> None:
    district = build_district(1)
    told = re.findall(r"(\S+)\s(\w+)\s\((\d+)\)", TEXT.partition("The 12 townships")[2].partition("\n\n")[0])
    names = {township.name: township.name_en for township in TOWNSHIPS}
    assert {name for name, _, _ in told} == set(names)
    for name, in_english, sites in told:
        assert names[name] == in_english
        assert [site.township for site in district.sites].index(name) + 1 == int(sites)


def test_how_far_ends_behave_is_told_mode_by_mode() -> None:
    assert set(Mode) <= set(re.findall(r"^\| `(\w+)` \| [^`]", TEXT, re.MULTILINE))


def test_the_result_as_json_has_the_fields_that_are_described() -> None:
    [block] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    described = json.loads(block)["night"]
    report = RunReport(Language.EN, timeline=False, aside=True)
    script = loads(BLOCKS[0], "night", file="night.yaml")
    happening = msgspec.convert(described["happenings"][0], Happening)
    report.tell(Played(script, [happening], None), 1.0)
    written = json.loads(report.json())["night"]
    assert set(written) == set(described)
    assert written["happenings"] == described["happenings"]
    assert (written["verdict"], set(written["failures"][0])) == ("failed", {"line", "text"})
    assert report.exit_code == 1
    report.tell(Played(script, [happening], happening.at_s), 1.0)
    assert json.loads(report.json())["night"]["verdict"] == "interrupted"
    assert report.exit_code == 130
