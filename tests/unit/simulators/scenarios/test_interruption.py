"""Of a run that somebody ended: what was answered, and no verdict."""

from __future__ import annotations

import pytest

from simulators.alarm_lines import Language
from simulators.scenarios.interruption import interruption
from simulators.scenarios.script import Script
from tests.unit.simulators.scenarios.test_judge import PRESSED, incident
from tests.unit.simulators.scenarios.texts import at_s, script_of


@pytest.fixture
def script() -> Script:
    return script_of("""\
  - at: 21:50:00
    press: s001-btn-01
  - want: {incident: one_key_alarm, by: 1s}
  - want: {notice: duty, by: 10s}
  - at: 22:00:00
    press: s001-btn-02
  - want: {incident: one_key_alarm, device: s001-btn-02, by: 1s}
  - quiet: {until: 22:09}
""")


def test_what_is_ahead_is_no_failure(script: Script) -> None:
    found = interruption(script, [incident(0.1)], PRESSED + 5.9, language=Language.EN)
    assert found.text == "Interrupted at 21:50:05 of 22:10:00: 1 want answered, 2 not reached. No verdict."
    assert [line.split()[0] for line in found.timeline.splitlines()] == ["2026-03-10", "21:50:00.000", "21:50:00.100"]
    assert "?" not in found.timeline


def test_what_should_have_come_by_then_is_told(script: Script) -> None:
    found = interruption(script, [incident(0.1)], PRESSED + 60, language=Language.EN)
    assert found.text == (
        "Interrupted at 21:51:00 of 22:10:00: 1 want answered, 1 did not come, 1 not reached. No verdict."
    )
    assert "wanted by now (line 11)" in found.timeline
    assert "line 14" not in found.timeline
    chinese = interruption(script, [incident(0.1)], PRESSED + 60)
    assert chinese.text == "于 21:51:00 中断（应至 22:10:00）：1 项已满足，1 项未出现，1 项未到时间。不作结论。"


def test_before_the_beginning_nothing_was_wanted(script: Script) -> None:
    found = interruption(script, [], at_s("21:39"), language=Language.EN)
    assert found == ("Interrupted before it began. No verdict.", "")
