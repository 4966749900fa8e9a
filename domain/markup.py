"""Text that people write by hand (scenarios, rules) as a tree that knows its lines: YAML 1.2, as far as they need it.

So `10:00:00`, `on` and `no` stay text. Anchors, aliases and tags are refused: nothing that is written by hand needs
them, and they are how a few lines of YAML become gigabytes. The tree is built from the parser's events, one node for
each, and nothing is constructed that the text does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

NEEDS_QUOTES = 'a text with a comma or a colon in {…} needs quotes: en: "…"'

#: Whatever is written by hand is a page or two.
MOST_BYTES = 200_000
MOST_DEPTH = 12

Way: TypeAlias = Sequence[str | int]

_NUMBER = re.compile(r"^[-+]?(\d+|\d*\.\d+|\d+\.)([eE][-+]?\d+)?$", re.ASCII)
_WHOLE = re.compile(r"^[-+]?\d{1,18}$", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Problem(NamedTuple):
    """``line`` counts from 1; ``field`` is the way to it (``steps[3].ignite.to``), empty for the file itself."""

    file: str
    line: int
    field: str
    expected: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.field, self.expected) if part)


class Node(msgspec.Struct):
    """``value``: a scalar, the nodes of a list, or those of a mapping by their keys. ``keys``: the lines of those."""

    line: int
    value: Any
    keys: dict[str, int] = {}

    def plain(self) -> Any:
        """As plain Python."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: Way) -> int:
        """The line of ``path``, or of the innermost part of it that is there."""
        node, line = self, self.line
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                line, node = node.keys[str(part)], node.value[part]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.line
            else:
                break
        return line


class Unreadable(Exception):
    """The text is no tree. ``problems`` says why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(str(problems[0]))
        self.problems = list(problems)


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


def parse(text: str, file: str, what: str = "a scenario") -> tuple[Node, list[Problem]]:
    """The tree of ``text``, and keys that are there twice (the first one counts).

    :raises Unreadable: it is no YAML, or more than anybody writes by hand.
    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise Unreadable(Problem(file, 1, "", f"expected {what} of at most {MOST_BYTES // 1000} kB"))
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or str(error).strip().splitlines()[0]
        where = f" (column {mark.column + 1})" if mark else ""
        hint = f"; {NEEDS_QUOTES}" if what.startswith("expected ',' or '}'") else ""
        problem = Problem(file, mark.line + 1 if mark else 1, "", f"expected YAML: {what}{where}{hint}")
        raise Unreadable(problem) from error
    if builder.root is None:
        raise Unreadable(Problem(file, 1, "", f"expected {what}; the file is empty"))
    return builder.root, builder.problems


def _events(text: str) -> Iterator[Event]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    yield from yaml.parse(text)


class _Builder:
    """Puts the tree together, one event after the other."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[Node] = []
        self._keys: list[tuple[str, int] | None] = []  # of each open node: the key whose value comes next
        self._ways: list[tuple[str | int, ...]] = []  # of each open node: how one gets there
        self._documents = 0

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refused(event, "expected one document; remove the line ---")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
            self._ways.pop()
        elif isinstance(event, NodeEvent):
            self._node(event)

    def _node(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            raise self._refused(event, f"no aliases here: write out what *{event.anchor} stands for")
        if event.anchor:
            raise self._refused(event, f"no anchors here: remove &{event.anchor}")
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise self._refused(event, f"no tags here: remove {tag}")
        line = event.start_mark.line + 1
        if self._open and isinstance(self._open[-1].value, dict) and self._keys[-1] is None:
            self._keys[-1] = (self._key(event), line)
            return
        if isinstance(event, ScalarEvent):
            self._place(Node(line, _scalar(event)))
            return
        node = Node(line, {} if isinstance(event, MappingStartEvent) else [])
        way = self._place(node)
        if len(self._open) == MOST_DEPTH:
            raise self._refused(event, f"expected at most {MOST_DEPTH} levels")
        self._open.append(node)
        self._keys.append(None)
        self._ways.append(way)

    def _key(self, event: NodeEvent) -> str:
        if not isinstance(event, ScalarEvent):
            raise self._refused(event, "expected a word before the colon")
        return str(event.value)

    def _place(self, node: Node) -> tuple[str | int, ...]:
        """Put it into the innermost open node; how one gets there from the root."""
        if not self._open:
            self.root = node
            return ()
        into, pending, way = self._open[-1], self._keys[-1], self._ways[-1]
        if pending is None:
            into.value.append(node)
            return (*way, len(into.value) - 1)
        self._keys[-1] = None
        key, line = pending
        way = (*way, key)
        if key in into.value:
            expected = f"expected once; it is on line {into.keys[key]} already"
            self.problems.append(Problem(self._file, line, way_text(way), expected))
        else:
            into.value[key] = node
            into.keys[key] = line
        return way

    def _refused(self, event: Event, why: str) -> Unreadable:
        return Unreadable(Problem(self._file, event.start_mark.line + 1, "", why))


def _scalar(event: ScalarEvent) -> Any:
    text = str(event.value)
    if event.style in ("'", '"', "|", ">"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.match(text):
        return int(text)
    return float(text) if _NUMBER.match(text) and isfinite(float(text)) else text
