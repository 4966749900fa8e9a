"""What is wrong with a scenario, told so that whoever wrote it can mend it: file, line, field, what was expected."""

from __future__ import annotations

from collections.abc import Iterable

from domain.markup import NEEDS_QUOTES as NEEDS_QUOTES
from domain.markup import Problem as Problem
from domain.markup import nearest as nearest
from domain.markup import way_text as way_text
from simulators.errors import SimulatorError


class ScenarioInvalid(SimulatorError):
    """A scenario is wrong; nothing of it was started.

    ``problems`` are all that were found, by line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.line, problem.field, problem.expected))
        super().__init__("\n".join(map(str, self.problems)))


class UnknownScenario(SimulatorError):
    """There is no scenario of this name."""
