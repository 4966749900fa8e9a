"""Failures with the part of the timeline that shows them: one excerpt for several that are about the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from simulators.scenarios.timeline import MOST_LINES, Span, Timeline


class Fault(NamedTuple):
    """Something that is not as it was wanted. ``spans``: first its own time, then what explains it."""

    line: int
    text: str
    spans: tuple[Span, ...]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` of the scenario. ``text`` says in one line what is wrong, ``timeline`` what came instead; it is empty
    where the next failure's shows that too.
    """

    line: int
    text: str
    timeline: str

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.text, self.timeline)))


def failures_of(faults: Iterable[Fault], timeline: Timeline) -> tuple[Failure, ...]:
    """In the order of the file."""
    found: list[Failure] = []
    for group in _groups(sorted(faults), timeline):
        excerpt = timeline.excerpt(_joined(span for fault in group for span in fault.spans))
        found += [Failure(line=fault.line, text=fault.text, timeline="") for fault in group[:-1]]
        found.append(Failure(line=group[-1].line, text=group[-1].text, timeline=excerpt))
    return tuple(found)


def _groups(faults: Sequence[Fault], timeline: Timeline) -> list[list[Fault]]:
    """Neighbours whose own times overlap, as long as one excerpt shows all of them."""
    groups: list[list[Fault]] = []
    for fault in faults:
        if groups and _overlaps(fault, groups[-1]):
            together = _joined(span for one in (*groups[-1], fault) for span in one.spans)
            if timeline.count(together) <= MOST_LINES:
                groups[-1].append(fault)
                continue
        groups.append([fault])
    return groups


def _overlaps(fault: Fault, others: Iterable[Fault]) -> bool:
    since_s, until_s = fault.spans[0]
    return any(other.spans[0][0] <= until_s and since_s <= other.spans[0][1] for other in others)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same times as spans that do not touch, in their order."""
    joined: list[Span] = []
    for since_s, until_s in sorted(spans):
        if joined and since_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until_s))
        else:
            joined.append((since_s, until_s))
    return joined
