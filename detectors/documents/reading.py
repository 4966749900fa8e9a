"""From text or JSON to a `RuleDocument`; what is wrong with it, by line and field, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from detectors.documents.checking import Fault, Way, faults, faults_of_disabling
from detectors.documents.form import (
    BRANCHES,
    LEAVES,
    AllOf,
    AnyOf,
    Condition,
    Header,
    Not,
    RuleDocument,
)
from domain.errors import RuleRefused
from domain.markup import Problem, Unreadable, nearest, parse, way_text
from domain.shape import expected

M = TypeVar("M", bound=BaseModel)

MOST_DEPTH, MOST_CONDITIONS = 6, 50

_NAMES = "a name of a-z, 0-9 and _ that begins with a letter"
_BESIDE: Mapping[type[BaseModel], Sequence[str]] = {Header: ("when",)}


def read_text(text: str, file: str, *, ships: bool = False) -> RuleDocument:
    """The rule of a YAML text; ``file`` is what problems call it. ``ships``: others are held to it, and it to none.

    :raises RuleRefused: it is wrong; nothing follows from it.
    """
    try:
        root, twice = parse(text, file, "a rule")
    except Unreadable as error:
        raise RuleRefused([str(problem) for problem in error.problems]) from error
    document, wrong = _document(root.plain(), ships)
    problems = [*twice, *(Problem(file, root.line_of(way), way_text(way), what) for way, what in wrong)]
    return _accepted(document, [str(one) for one in sorted(problems, key=lambda one: (one.line, one.field))])


def located(text: str, file: str, wrong: Sequence[Fault]) -> list[str]:
    """Faults of a text that was read, with their lines."""
    root, _ = parse(text, file, "a rule")
    return [str(Problem(file, root.line_of(way), way_text(way), what)) for way, what in wrong]


def unlocated(wrong: Sequence[Fault]) -> list[str]:
    """Faults of what JSON said."""
    return [": ".join(filter(None, (way_text(way), what))) for way, what in wrong]


def read_said(said: Any) -> RuleDocument:
    """The rule of what JSON says.

    :raises RuleRefused: likewise, without lines.
    """
    document, wrong = _document(said, False)
    return _accepted(document, unlocated(wrong))


def enabled(document: RuleDocument, on: bool) -> RuleDocument:
    """The same rule, in force or not.

    :raises RuleRefused: it may not be switched off.
    """
    if not on and (wrong := faults_of_disabling(document)):
        raise RuleRefused(wrong)
    return replace(document, enabled=on)


def _accepted(document: RuleDocument | None, problems: list[str]) -> RuleDocument:
    if problems or document is None:
        raise RuleRefused(list(dict.fromkeys(problems)))
    return document


def _document(said: Any, ships: bool) -> tuple[RuleDocument | None, list[Fault]]:
    if not isinstance(said, Mapping):
        return None, [((), "expected a mapping: rule, title, category, severity, watch, when")]
    wrong: list[Fault] = []
    header = _held_to(Header, {key: value for key, value in said.items() if key != "when"}, (), wrong)
    ways: dict[int, Way] = {}
    if "when" not in said:
        wrong.append((("when",), "missing; expected the condition"))
        when = None
    else:
        when = _condition(said["when"], ("when",), wrong, ways, 1)
    if header is None or when is None or wrong:
        return None, wrong
    document = RuleDocument(header=header, when=when, said=dict(said))
    return document, faults(document, ways, ships=ships)


def _condition(said: Any, way: Way, wrong: list[Fault], ways: dict[int, Way], depth: int) -> Condition | None:
    """``ways``: how one gets to each condition, by its id."""
    if not isinstance(said, Mapping):
        wrong.append((way, f"expected a condition: a mapping with one of {', '.join((*BRANCHES, *LEAVES))}"))
        return None
    if depth > MOST_DEPTH or len(ways) >= MOST_CONDITIONS:
        wrong.append((way, f"expected at most {MOST_DEPTH} levels and {MOST_CONDITIONS} conditions"))
        return None
    heads = [key for key in said if key in LEAVES or key in BRANCHES]
    if not heads:
        known = (*BRANCHES, *LEAVES)
        hint = next((like for key in said if (like := nearest(key, known))), "")
        wrong.append((way, f"expected one of {', '.join(known)}{hint}"))
        return None
    if len(heads) > 1:
        wrong.append((way, f"expected one condition; here are {' and '.join(heads)}: put them into all or any"))
        return None
    (head,) = heads
    found: Condition | None
    if head not in BRANCHES:
        found = _held_to(LEAVES[head], dict(said), way, wrong)  # type: ignore[assignment]  # a `Leaf` by its table
    elif extra := [key for key in said if key != head]:
        wrong.append(((*way, extra[0]), f"unknown; {head} stands alone"))
        return None
    elif head == "not":
        part = _condition(said["not"], (*way, "not"), wrong, ways, depth + 1)
        found = None if part is None else Not(part)
    else:
        parts = said[head]
        if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
            wrong.append(((*way, head), "expected a list of conditions, at least one"))
            return None
        inner = [_condition(one, (*way, head, no), wrong, ways, depth + 1) for no, one in enumerate(parts)]
        whole = tuple(one for one in inner if one is not None)
        found = None if len(whole) < len(inner) else AllOf(whole) if head == "all" else AnyOf(whole)
    if found is not None:
        ways[id(found)] = way
    return found


def _held_to(model: type[M], said: Any, way: Way, wrong: list[Fault]) -> M | None:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        wrong += [
            ((*way, *_shown_way(detail["loc"])), expected(model, detail, names=_NAMES, beside=_BESIDE))
            for detail in error.errors(include_url=False)
        ]
        return None


def _shown_way(loc: Sequence[int | str]) -> Iterator[int | str]:
    """Without what pydantic adds of its own for a value that may be of several types."""
    for part in loc:
        if isinstance(part, int) or (part.isidentifier() and part not in ("bool", "int", "float", "str")):
            yield part
