"""Slips of the hand are told as what they are, not as what they lead to."""

from __future__ import annotations

import pytest

from tests.unit.simulators.scenarios.texts import HEAD, problems_of, script_of

COLON = "full-width ： is no colon here; write ': '"
QUOTES = 'a text with a comma or a colon in {…} needs quotes: en: "…"'


@pytest.mark.parametrize(
    ("steps", "line", "expected"),
    [
        ("  - press：s001-btn-01\n", 8, COLON),
        ("  - press:\n  - want：{incident: one_key_alarm, by: 1s}\n", 9, COLON),
        ("  - press: {device：s001-btn-01}\n", 8, COLON),
        ("  - press: {device: s001-btn-01，drill: true}\n", 8, "full-width ， is no comma here; write ', '"),
        ("  - press: ｛device: s001-btn-01｝\n", 8, "full-width ｛ is no brace here; write '{'"),
        ("  - press: {device: s001-btn-01｝\n", 8, "full-width ｝ is no brace here; write '}'"),
        ("\t- press:\n", 8, "indent with spaces; there is a tab"),
    ],
)
def test_full_width_punctuation_and_tabs_are_named(steps: str, line: int, expected: str) -> None:
    assert problems_of(steps) == [(line, "", expected)]


def test_in_the_head_too() -> None:
    assert problems_of("  - press:\n", HEAD.replace("about: ", "about：")) == [(2, "", COLON)]


def test_other_faults_are_told_beside_a_slip() -> None:
    assert [line for line, _, _ in problems_of("  - press：\n  - press: 5\n")] == [8, 9]


def test_in_a_text_they_may_stand() -> None:
    assert script_of("  - acknowledge: {incident: smoke_alarm, note: 甲：乙，丙｝}\n")
    assert problems_of("  - acknowledge: {incident: smoke_alarm, note: 甲：乙，丙}\n  - press: 5\n")[0][0] == 9


def test_a_text_that_needs_quotes_is_told_so() -> None:
    wrong = HEAD.replace("en: It burns.", "en: At 10:30 smoke, at 10:40 fire")
    assert problems_of("  - press:\n", wrong) == [(2, "about.at 10:40 fire", f"unknown; {QUOTES}")]
    [(line, _, expected)] = problems_of("  - press:\n", HEAD.replace("en: It burns.", "en: Now: it burns"))
    assert line == 2
    assert "column" in expected
    assert expected.endswith(QUOTES)


def test_what_is_there_twice_in_a_step_is_told_with_the_step() -> None:
    assert problems_of("  - press:\n  - want: {incident: tamper, by: 1s, by: 2s}\n") == [
        (9, "steps[2].want.by", "expected once; it is on line 9 already")
    ]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("state: open", "missing; expected fields such as {door: open}"),
        ("state: {state: open}", "expected fields such as {door: open}; got open"),
    ],
)
def test_a_state_is_told_with_an_example(step: str, expected: str) -> None:
    assert problems_of(f"  - {step}\n") == [(8, "steps[1].state.state", expected)]
