"""Whether a scenario has the form that `simulators.scenarios.format` asks for; what is wrong, by line and field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulators.scenarios.format import MOST_STEPS, Header, Scenario, Step, Words
from simulators.scenarios.problems import NEEDS_QUOTES, Problem, nearest, way_text
from simulators.scenarios.source import Node

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text",
    "list_type": "a list",
    "too_short": "at least one",
    "string_too_short": "some text",
    "string_pattern_mismatch": "a name of letters, digits, _, . and -",
}


def header_of(root: Node, file: str) -> tuple[Header | None, list[Problem]]:
    """All but the steps."""
    said = {key: node.plain() for key, node in root.value.items() if key != "steps"}
    return _held_to(Header, said, root, (), file)


def steps_of(root: Node, file: str) -> tuple[list[Step | None], list[Problem]]:
    """Each step on its own; None where it is wrong."""
    node = root.value.get("steps")
    if node is None:
        return [], [Problem(file, root.line, "steps", f"missing; expected {_described(Scenario, 'steps')}")]
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
    kind, context, way = detail["type"], detail.get("ctx", {}), detail["loc"]
    got = detail["input"]
    if kind == "extra_forbidden":
        there = _model_at(model, way[:-1])
        known = list(_fields(Scenario if there is Header else there))
        if there is Words and not str(way[-1]).isidentifier():
            return f"unknown; {NEEDS_QUOTES}"
        return f"unknown; expected one of {', '.join(known)}{nearest(way[-1], known)}"
    if kind == "missing":
        return f"missing; expected {_described(_model_at(model, way[:-1]), str(way[-1]))}"
    if kind in ("model_type", "model_attributes_type"):
        return f"expected fields: {', '.join(_fields(_model_at(model, way)))}; got {_shown(got)}"
    match kind:
        case "expected":
            what = str(context["what"])
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            bound = next(iter(context.values()))
            what = f"a number {'from' if kind.startswith('greater') else 'up to'} {bound:g}"
        case "too_long" | "string_too_long":
            what = f"at most {context.get('max_length')}"
        case "dict_type":
            what = _described(_model_at(model, way[:-1]), str(way[-1]))
        case _:
            what = _EXPECTED.get(kind) or detail["msg"]
    if isinstance(got, dict | list):
        return f"expected {what}"
    return f"expected {what}; got {_shown(got)}{nearest(got, context.get('known', ()))}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _described(model: type[BaseModel], name: str) -> str:
    field = next(f for key, f in model.model_fields.items() if name in (key, f.alias))
    return field.description or name


def _model_at(model: type[BaseModel], way: Sequence[str | int]) -> type[BaseModel]:
    for part in way:
        if isinstance(part, str):
            field = next(f for key, f in model.model_fields.items() if part in (key, f.alias))
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
