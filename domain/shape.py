"""What a text that people write by hand should have said in the place of what pydantic refused in it; beside
`domain.markup`, which reads such a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from domain.markup import Way, nearest

_EXPECTED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text",
    "list_type": "a list",
    "too_short": "at least one",
    "string_too_short": "some text",
}


def expected(
    model: type[BaseModel],
    detail: ErrorDetails,
    *,
    names: str,
    beside: Mapping[type[BaseModel], Sequence[str]] | None = None,
) -> str:
    """What ``detail``, of an error of ``model``, should have been. ``names``: what a name looks like. ``beside``: what
    may stand beside the fields of a model, read by somebody else.
    """
    kind, context, way, got = detail["type"], detail.get("ctx", {}), detail["loc"], detail["input"]
    if kind == "extra_forbidden":
        there = model_at(model, way[:-1])
        known = [*fields(there), *(beside or {}).get(there, ())]
        return f"unknown; expected one of {', '.join(known)}{nearest(way[-1], known)}"
    if kind == "missing":
        return f"missing; expected {described(model_at(model, way[:-1]), str(way[-1]))}"
    if kind in ("model_type", "model_attributes_type"):
        return f"expected fields: {', '.join(fields(model_at(model, way)))}; got {_shown(got)}"
    match kind:
        case "expected":
            what = str(context["what"])
        case "literal_error":
            what = str(context["expected"]).replace("'", "")
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            bound = next(iter(context.values()))
            what = f"a number {'from' if kind.startswith('greater') else 'up to'} {bound:g}"
        case "too_long" | "string_too_long":
            what = f"at most {context.get('max_length')}"
        case "dict_type":
            what = described(model_at(model, way[:-1]), str(way[-1]))
        case "string_pattern_mismatch":
            what = names
        case _:
            what = _EXPECTED.get(kind) or detail["msg"]
    if isinstance(got, dict | list):
        return f"expected {what}"
    return f"expected {what}; got {_shown(got)}{nearest(got, context.get('known', ()))}"


def fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def described(model: type[BaseModel], name: str) -> str:
    field = next(f for key, f in model.model_fields.items() if name in (key, f.alias))
    return field.description or name


def model_at(model: type[BaseModel], way: Way) -> type[BaseModel]:
    """The innermost model on the way; what is no field of it is passed over."""
    for part in way:
        if isinstance(part, str):
            field = next((f for key, f in model.model_fields.items() if part in (key, f.alias)), None)
            model = next(_models_in(field.annotation), model) if field is not None else model
    return model


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
