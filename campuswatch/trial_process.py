"""One trial of a rule in a process of its own: ``python -m campuswatch.trial_process``.

It is nice to everybody else, and its queries use no parallel workers: nothing that is alive waits for what was. The
order comes as one line on standard input, progress and result go to standard output, a line each. It ends when its
input does, so with whoever asked for it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from campuswatch.backtest import Backtest, OnProgress, Tried, Trouble
from campuswatch.rulebook import document_of
from detectors.documents.form import RuleDocument
from detectors.documents.reading import read_said
from domain.errors import CampuswatchError, RuleRefused
from storage.rules import RuleVersion

#: Troubles that are handed back one by one; all are counted.
LISTED = 300
_NICE = 15
_TELL_EVERY_S = 0.3
#: A rule is a page of text.
MOST_ORDER = 1_000_000


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """``today``: the rule as it is in force, where it is another one."""

    dsn: str
    document: dict[str, Any]
    today: RuleVersion | None
    since: datetime
    until: datetime
    site_id: str | None
    zone: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``mark``: raised by the tried rule alone, by both, by today's alone. ``known``: there was an incident of it."""

    mark: str
    key: str
    site_id: str
    device_id: str
    raised_at: datetime
    ended_at: datetime | None
    known: bool


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """``raised``, ``today``: how much each would have raised (None: today's was not tried); ``incidents`` of this rule
    that there were, ``missed`` those of them that the tried one would not have raised; ``sites``: how many it names.
    """

    observations: int
    seconds: float
    raised: int
    today: int | None
    new: int
    gone: int
    incidents: int
    missed: int
    sites: int
    lines: list[Line]


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    part: float
    observations: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    error: str


Told = Result | Progress | Failed


def compared(tried: Tried, today: Tried | None) -> Result:
    """What the tried rule would have raised beside what today's would have."""
    lines: list[Line] = []
    by_key: dict[str, list[Trouble]] = {}
    for one in today.raised if today is not None else ():
        by_key.setdefault(one.key, []).append(one)
    new = 0
    met: set[int] = set()
    for one in tried.raised:
        same = [other for other in by_key.get(one.key, ()) if _overlap(one, other)]
        met.update(id(other) for other in same)
        new += not same
        lines.append(_line(one, "both" if same else "new"))
    gone = [one for one in (today.raised if today is not None else ()) if id(one) not in met]
    lines.extend(_line(one, "gone") for one in gone)
    # What differs is what people look for.
    lines.sort(key=lambda line: (line.mark == "both", line.raised_at, line.key))
    return Result(
        observations=tried.observations + (today.observations if today is not None else 0),
        seconds=round(tried.seconds + (today.seconds if today is not None else 0.0), 1),
        raised=len(tried.raised),
        today=None if today is None else len(today.raised),
        new=new,
        gone=len(gone),
        incidents=tried.incidents,
        missed=len(tried.missed),
        sites=len({one.site_id for one in tried.raised}),
        lines=lines[:LISTED],
    )


def _overlap(one: Trouble, other: Trouble) -> bool:
    return (other.ended_at is None or one.raised_at <= other.ended_at) and (
        one.ended_at is None or other.raised_at <= one.ended_at
    )


def _line(one: Trouble, mark: str) -> Line:
    return Line(
        mark=mark,
        key=one.key,
        site_id=one.site_id,
        device_id=one.device_id,
        raised_at=one.raised_at,
        ended_at=one.ended_at,
        known=one.known,
    )


class _Teller:
    """Progress over several runs, not more often than people can look."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._run = 0
        self._before = 0
        self._last_s = 0.0
        self._count = 0

    def next_run(self) -> None:
        self._run += 1
        self._before += self._count

    def tell(self, part: float, observations: int) -> None:
        self._count = observations
        now_s = time.monotonic()
        if now_s - self._last_s >= _TELL_EVERY_S:
            self._last_s = now_s
            _say(Progress((self._run + part) / self._runs, self._before + observations))


def _say(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


def _tried(order: Order, document: RuleDocument, on_progress: OnProgress) -> Tried:
    zone = ZoneInfo(order.zone)
    trial = Backtest(
        order.dsn, document, since=order.since, until=order.until, site_id=order.site_id or None, zone=zone
    )
    return trial.run(on_progress)


def _work(order: Order) -> Told:
    teller = _Teller(1 if order.today is None else 2)
    try:
        tried = _tried(order, read_said(order.document), teller.tell)
        today = None
        if order.today is not None:
            teller.next_run()
            try:
                today = _tried(order, document_of(order.today), teller.tell)
            except RuleRefused:
                today = None  # what is in force is of a kind that cannot be tried
    except CampuswatchError as error:
        return Failed(str(error))
    return compared(tried, today)


def _end_with_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(3)


def main() -> None:
    os.nice(_NICE)
    order = msgspec.json.decode(sys.stdin.buffer.readline(MOST_ORDER), type=Order)
    threading.Thread(target=_end_with_input, daemon=True, name="input").start()
    _say(_work(order))
    os._exit(0)  # the thread waits in a read that nothing interrupts


if __name__ == "__main__":
    main()
