"""What the alarm lane carries: batches as they came, and the parts of them that are committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

import msgspec

from domain.finding import Finding, FindingKind
from ingest.admission import Stay
from ingest.journal import Loss
from ingest.parcel import Parcel
from ingest.session import Inbound
from ingest.spool import Position
from ingest.turned_away import TurnedAway

#: So often a button may be pressed within one batch by an impatient finger; more is a device that loops.
FINGERS = 10


@dataclass(slots=True)
class Part:
    """What a message of ``sender`` (`ingest.journal.site_of`) has for the database, or a piece of it; together with
    others, as ``of`` tells, it goes into one transaction.

    :ivar causes: the observation that a finding rests on.
    :ivar keys: of the findings that are waited for (`ingest.admission`).
    """

    parcel: Parcel = field(default_factory=Parcel)
    sender: bytes = b""
    message: Inbound | None = None
    causes: dict[UUID, UUID] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    of: list[Part] = field(default_factory=list)

    def belongs_to(self, batch: Batch) -> None:
        self.batches.append(batch)
        batch.parts += 1

    def absorb(self, other: Part) -> None:
        self.parcel.absorb(other.parcel)
        self.causes |= other.causes
        self.batches.extend(other.batches)
        self.of.append(other)

    def cut(self, most: int) -> Part:
        """Take out the first ``most`` findings as a part of its own; itself where there are no more.

        What was said goes with what follows from it: whoever dies between the two repeats nothing and loses nothing.
        The message itself stays with the last piece.
        """
        causes, findings = self.causes, self.parcel.findings
        while most < len(findings) and (cause := causes.get(findings[most].finding_id)) is not None:
            if cause != causes.get(findings[most - 1].finding_id):
                break
            most += 1
        if most >= len(findings):
            return self
        taken, self.parcel.findings = findings[:most], findings[most:]
        taken_causes = {f.finding_id: causes.pop(f.finding_id) for f in taken if f.finding_id in causes}
        piece = Part(self.parcel.cut(set(taken_causes.values())), self.sender, self.message, taken_causes)
        piece.parcel.findings = taken
        # As long as one waits, its key does.
        left = {finding.key for finding in self.parcel.findings}
        piece.keys = [key for key in self.keys if key not in left]
        self.keys = [key for key in self.keys if key in left]
        return piece


class Batch:
    """Messages that came together.

    :ivar safe: where the journal holds them; fails where it does not; None = a later batch says it for this one too.
    :ivar turned_away: what came with them and is only counted; ``stays``: what they are charged for their room.
    :ivar stored: every part of it is committed.
    :ivar timeless: it holds an alarm that names no time of its own.
    """

    def __init__(self, messages: Sequence[Inbound], safe: asyncio.Future[Position] | None = None) -> None:
        self.messages = messages
        self.safe = safe
        self.turned_away = TurnedAway()
        self.stays: list[Stay] = []
        self.losses: list[Loss] = []
        self.stored = asyncio.Event()
        self.understood: list[Part] = []
        self.unreadable: list[Part] = []
        self.timeless = False
        self.parts = 0

    def part_stored(self) -> None:
        self.parts -= 1
        if not self.parts:
            self.stored.set()


def told_once(findings: Sequence[Finding]) -> list[Finding]:
    """A button that is pressed a hundred times in one batch is raised, and raised once more with a count."""
    by_key: dict[str, list[Finding]] = {}
    for finding in findings:
        by_key.setdefault(finding.key, []).append(finding)
    told: list[Finding] = []
    for said in by_key.values():
        for _, run in groupby(said, key=lambda f: (f.kind, f.test, f.drill)):
            first, *rest = run
            told.append(first)
            if first.kind is not FindingKind.RAISED or len(rest) < FINGERS:
                told += rest
            else:
                told.append(msgspec.structs.replace(rest[-1], detail={**rest[-1].detail, "times": len(rest)}))
    return told
