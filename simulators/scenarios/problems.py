"""What is wrong with a scenario, told so that whoever wrote it can mend it: file, line, field, what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from simulators.errors import SimulatorError

NEEDS_QUOTES = 'a text with a comma or a colon in {…} needs quotes: en: "…"'


class Problem(NamedTuple):
    """``line`` counts from 1; ``field`` is the way to it (``steps[3].ignite.to``), empty for the file itself."""

    file: str
    line: int
    field: str
    expected: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.field, self.expected) if part)


class ScenarioInvalid(SimulatorError):
    """A scenario is wrong; nothing of it was started.

    ``problems`` are all that were found, by line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.line, problem.field, problem.expected))
        super().__init__("\n".join(map(str, self.problems)))


class UnknownScenario(SimulatorError):
    """There is no scenario of this name."""


def nearest(word: object, known: Iterable[str]) -> str:
    """«; did you mean …?» where one of ``known`` looks like ``word``, else nothing."""
    found = get_close_matches(str(word).lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def way_text(way: Sequence[str | int]) -> str:
    """``steps[3].ignite.to``; steps are counted from 1, as lines are."""
    text = ""
    for part in way:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
