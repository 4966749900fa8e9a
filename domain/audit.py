"""The audit trail as a chain: who did what, when, from where, and a hash that ties each entry to all before it.

::

    digest = SHA-256(entry_no, at, actor, origin, action, subject, detail)     each as a netstring
    hash   = SHA-256(hash of the link before, digest)                          the first one follows 32 zero bytes

``at`` counts microseconds since 1970, ``detail`` is the JSON as PostgreSQL prints it. The database makes digests and
links when entries are written (migration 0013); what is here makes them once more, to find what was changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

#: What the first link follows.
GENESIS = bytes(32)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AuditHead(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the chain at one moment: kept elsewhere, it proves later that nothing was cut off."""

    position: int
    hash: str  # in hexadecimal


class ChainedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry and its link, as far as either is there. ``detail`` is JSON as text."""

    position: int | None
    hash: bytes
    entry_no: int
    at: datetime | None = None  # None: the entry itself is gone
    actor: str = ""
    origin: str = ""
    action: str = ""
    subject: str = ""
    detail: str = "{}"
    digest: bytes = b""


class FaultKind(StrEnum):
    CHANGED = "changed"  # a field is not what it was
    MISSING = "missing"  # an entry or a link is gone
    BROKEN = "broken"  # a link does not follow the one before: something was moved, put in or taken out there
    UNCHAINED = "unchained"  # an entry that is in no link
    CUT = "cut"  # the end is gone, or is another one


class AuditFault(msgspec.Struct, frozen=True, kw_only=True):
    kind: FaultKind
    position: int | None
    entry_no: int | None
    words: str


def entry_digest(entry: ChainedEntry) -> bytes:
    """The digest that an entry with these fields has."""
    assert entry.at is not None
    micros = (entry.at - _EPOCH) // timedelta(microseconds=1)
    fields = (str(entry.entry_no), str(micros), entry.actor, entry.origin, entry.action, entry.subject, entry.detail)
    return hashlib.sha256(b"".join(_netstring(field) for field in fields)).digest()


def link_hash(before: bytes, digest: bytes) -> bytes:
    return hashlib.sha256(before + digest).digest()


class Verifier:
    """Takes the entries in the order of their positions, those without one last, and says what is wrong with each.

    After a fault it goes on from what is stored, so that one fault is named once and hides no other.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.head = AuditHead(position=0, hash=GENESIS.hex())
        self._before = GENESIS
        self._position = 0

    def step(self, entry: ChainedEntry) -> Iterator[AuditFault]:
        if entry.at is not None:
            self.entries += 1
        if entry.position is None:
            yield _fault(FaultKind.UNCHAINED, entry, "was put in past the chain")
            return
        expected = self._position + 1
        whole = entry.position == expected
        if not whole:
            gone = f"{expected}" if entry.position == expected + 1 else f"{expected} to {entry.position - 1}"
            yield AuditFault(
                kind=FaultKind.MISSING, position=expected, entry_no=None, words=f"position {gone} of the chain is gone"
            )
        if entry.at is None:
            yield _fault(FaultKind.MISSING, entry, "was deleted")
        elif entry_digest(entry) != entry.digest:
            yield _fault(FaultKind.CHANGED, entry, "was changed")
        elif whole and link_hash(self._before, entry.digest) != entry.hash:
            yield _fault(
                FaultKind.BROKEN, entry, "does not follow the one before: something was changed, moved or taken out"
            )
        self._before, self._position = entry.hash, entry.position
        self.head = AuditHead(position=entry.position, hash=entry.hash.hex())

    def hold_against(self, anchor: AuditHead, found: str | None) -> Iterator[AuditFault]:
        """``found`` is the hash (hexadecimal) that the chain has at the anchor's position now; None = none."""
        if found is None:
            yield AuditFault(
                kind=FaultKind.CUT,
                position=anchor.position,
                entry_no=None,
                words=f"the chain ended at position {anchor.position} or later and now ends at {self.head.position}",
            )
        elif found != anchor.hash:
            yield AuditFault(
                kind=FaultKind.CUT,
                position=anchor.position,
                entry_no=None,
                words=f"position {anchor.position} had another hash when its head was kept: the chain was made anew",
            )


def _netstring(field: str) -> bytes:
    raw = field.encode()
    return b"%d:%b," % (len(raw), raw)


def _fault(kind: FaultKind, entry: ChainedEntry, words: str) -> AuditFault:
    return AuditFault(
        kind=kind, position=entry.position, entry_no=entry.entry_no, words=f"entry {entry.entry_no} {words}"
    )
