from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.audit import (
    GENESIS,
    AuditHead,
    ChainedEntry,
    FaultKind,
    Verifier,
    entry_digest,
    link_hash,
)

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def chain(count: int) -> list[ChainedEntry]:
    made: list[ChainedEntry] = []
    before = GENESIS
    for number in range(1, count + 1):
        entry = ChainedEntry(
            position=number,
            hash=b"",
            entry_no=number * 10,  # numbers of transactions that were rolled back are missing
            at=AT + timedelta(seconds=number),
            actor="张伟",
            action="incident.acknowledged",
            subject="s001",
            detail='{"n": 1}',
        )
        digest = entry_digest(entry)
        before = link_hash(before, digest)
        made.append(msgspec.structs.replace(entry, digest=digest, hash=before))
    return made


def faults(entries: list[ChainedEntry]) -> list[tuple[FaultKind, int | None, int | None]]:
    verifier = Verifier()
    return [(f.kind, f.position, f.entry_no) for entry in entries for f in verifier.step(entry)]


def test_a_whole_chain_has_no_fault_and_its_head_is_the_last_link() -> None:
    entries, verifier = chain(5), Verifier()
    assert [fault for entry in entries for fault in verifier.step(entry)] == []
    assert verifier.head == AuditHead(position=5, hash=entries[-1].hash.hex())
    assert verifier.entries == 5


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "张韦"},
        {"at": AT + timedelta(seconds=3, microseconds=1)},
        {"origin": "127.0.0.1"},
        {"action": "incident.acknowledgee"},
        {"subject": "s002"},
        {"detail": '{"n": 2}'},
    ],
)
def test_an_entry_that_was_changed_is_named_and_no_other(change: dict[str, object]) -> None:
    entries = chain(5)
    entries[2] = msgspec.structs.replace(entries[2], **change)
    assert faults(entries) == [(FaultKind.CHANGED, 3, 30)]


def test_bytes_that_move_from_a_field_to_its_neighbour_are_a_change() -> None:
    entries = chain(3)
    entries[1] = msgspec.structs.replace(entries[1], action="incident.acknowledgeds", subject="001")
    assert faults(entries) == [(FaultKind.CHANGED, 2, 20)]


def test_a_change_with_its_digest_made_anew_is_named() -> None:
    entries = chain(5)
    forged = msgspec.structs.replace(entries[2], actor="nobody")
    entries[2] = msgspec.structs.replace(forged, digest=entry_digest(forged))
    assert faults(entries) == [(FaultKind.BROKEN, 3, 30)]


def test_a_deleted_entry_is_named_with_its_link_and_without() -> None:
    entries = chain(5)
    assert faults([*entries[:2], msgspec.structs.replace(entries[2], at=None, digest=b""), *entries[3:]]) == [
        (FaultKind.MISSING, 3, 30)
    ]
    assert faults([*entries[:2], *entries[3:]]) == [(FaultKind.MISSING, 3, None)]


def test_entries_that_changed_places_are_named_both() -> None:
    entries = chain(5)
    entries[1], entries[2] = (
        msgspec.structs.replace(entries[2], position=2),
        msgspec.structs.replace(entries[1], position=3),
    )
    assert {fault[1] for fault in faults(entries)} >= {2, 3}


def test_an_entry_past_the_chain_is_named() -> None:
    entries = chain(2)
    stray = msgspec.structs.replace(entries[1], position=None, hash=b"", entry_no=99)
    assert faults([*entries, stray]) == [(FaultKind.UNCHAINED, None, 99)]


def test_a_cut_end_and_a_chain_made_anew_are_found_by_a_kept_head() -> None:
    entries, verifier = chain(5), Verifier()
    for entry in entries[:4]:
        assert not list(verifier.step(entry))
    kept = AuditHead(position=5, hash=entries[4].hash.hex())
    assert [f.kind for f in verifier.hold_against(kept, None)] == [FaultKind.CUT]
    assert [f.kind for f in verifier.hold_against(kept, "00" * 32)] == [FaultKind.CUT]
    assert not list(verifier.hold_against(kept, kept.hash))
