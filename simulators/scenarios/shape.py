"""Whether a scenario has the form that `simulators.scenarios.format` asks for; what is wrong, by line and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.shape import described, expected, model_at
from simulators.scenarios.format import MOST_STEPS, Header, Scenario, Step, Words
from simulators.scenarios.problems import NEEDS_QUOTES, Problem, way_text
from simulators.scenarios.source import Node

M = TypeVar("M", bound=BaseModel)

_NAMES = "a name of letters, digits, _, . and -"
_BESIDE: Mapping[type[BaseModel], Sequence[str]] = {Header: ("steps",)}


def header_of(root: Node, file: str) -> tuple[Header | None, list[Problem]]:
    """All but the steps."""
    said = {key: node.plain() for key, node in root.value.items() if key != "steps"}
    return _held_to(Header, said, root, (), file)


def steps_of(root: Node, file: str) -> tuple[list[Step | None], list[Problem]]:
    """Each step on its own; None where it is wrong."""
    node = root.value.get("steps")
    if node is None:
        return [], [Problem(file, root.line, "steps", f"missing; expected {described(Scenario, 'steps')}")]
    if not isinstance(node.value, list) or not node.value:
        return [], [Problem(file, root.line_of(("steps",)), "steps", "expected a list of steps, at least one")]
    if len(node.value) > MOST_STEPS:
        return [], [Problem(file, node.line, "steps", f"expected at most {MOST_STEPS} steps")]
    steps: list[Step | None] = []
    problems: list[Problem] = []
    for number, said in enumerate(node.value):
        step, wrong = _held_to(Step, said.plain(), root, ("steps", number), file)
        steps.append(step)
        problems += wrong
    return steps, problems


def _held_to(
    model: type[M], said: Any, root: Node, before: tuple[str | int, ...], file: str
) -> tuple[M | None, list[Problem]]:
    try:
        return model.model_validate(said), []
    except ValidationError as error:
        return None, [
            Problem(file, root.line_of(way), way_text(way), what)
            for detail in error.errors(include_url=False)
            for way, what in (((*before, *detail["loc"]), _expected(model, detail)),)
        ]


def _expected(model: type[BaseModel], detail: ErrorDetails) -> str:
    way = detail["loc"]
    if detail["type"] == "extra_forbidden" and model_at(model, way[:-1]) is Words and not str(way[-1]).isidentifier():
        return f"unknown; {NEEDS_QUOTES}"
    return expected(model, detail, names=_NAMES, beside=_BESIDE)
