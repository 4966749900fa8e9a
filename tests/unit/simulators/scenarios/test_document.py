"""docs/scenarios.md teaches what is true: every example in it is read as the product reads it."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from jsonschema import Draft202012Validator

from domain.observation import AlarmKind, EventKind
from domain.vocabulary import RULE_WORDS
from simulators.far_ends import Mode
from simulators.scenarios.format import Header, Step, Want
from simulators.scenarios.happening import CHANGES
from simulators.scenarios.reading import loads, schema
from simulators.scenarios.script import Process, Script
from simulators.scenarios.source import parse
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
    assert len(EXAMPLES) == len(actions) + 5


@pytest.mark.parametrize("word", [*AlarmKind, *EventKind, *Mode, *CHANGES, *Process, "test", "drill", "not_before"])
def test_every_word_that_a_field_takes_is_named(word: str) -> None:
    assert re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", TEXT)


def test_every_rule_that_devices_can_set_off_is_described() -> None:
    of_the_house = {"ledger_difference", "journal_filling", "session_forgotten"}
    for rule in set(RULE_WORDS) - of_the_house:
        assert f"`{rule}`" in TEXT
