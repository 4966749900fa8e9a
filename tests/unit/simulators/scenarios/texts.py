"""Scenarios as text, for tests: what stands above the steps, and what one has to say about a wrong one."""

from __future__ import annotations

import pytest

from simulators.scenarios.problems import ScenarioInvalid
from simulators.scenarios.reading import loads
from simulators.scenarios.script import Script
from simulators.scenarios.times import date

#: Seven lines; the first step is on line 8.
HEAD = """\
title: {zh: 宿舍楼火灾, en: Fire in a dormitory}
about: {zh: 起火。, en: It burns.}
seed: 7
sites: 2
start: 2026-03-10 21:40
lasts: 30m
steps:
"""
FIRST_LINE = 8


def script_of(steps: str, head: str = HEAD) -> Script:
    return loads(head + steps, "mine", file="mine.yaml")


def problems_of(steps: str, head: str = HEAD) -> list[tuple[int, str, str]]:
    """(line, field, expected) of all that is wrong, in the order they are told in."""
    with pytest.raises(ScenarioInvalid) as refused:
        script_of(steps, head)
    assert {problem.file for problem in refused.value.problems} == {"mine.yaml"}
    return [(problem.line, problem.field, problem.expected) for problem in refused.value.problems]


def at_s(time_of_day: str) -> float:
    """Of the day on which `HEAD` begins."""
    instant = date(f"2026-03-10 {time_of_day}")
    assert instant is not None
    return instant.at_s
