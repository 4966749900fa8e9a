"""What the journals hold, for those who cannot ask the lanes.

The owner of a journal writes its state into a small file beside it, at most once a second; the web role reads it. So
the wall shows what waits while the database is away, and also when the lane itself is dead (docs/adr/0009). The file
has a fixed size and is written in place: a full disk, of all things, must not keep it from saying so.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from campuswatch.roles.places import journal_directory
from campuswatch.settings import Settings
from detectors.house import JournalWatch
from domain.clock import Clock
from domain.finding import Finding
from domain.journal import JournalState
from ingest.journal import Journal
from ingest.meters import LaneMeters

log = structlog.get_logger("campuswatch.journals")

LANES = ("alarm", "bulk")
EVERY_S = 1.0
#: A state that does not change is written again after so long: an old file means that its lane is not at work.
STILL_S = 5.0
STATE_BYTES = 16 * 1024
#: Sites that the file names, those with most messages first.
SITES_NAMED = 400


def _file(settings: Settings, lane: str) -> Path:
    return journal_directory(settings, lane) / "state"


def encode_state(state: JournalState) -> bytes:
    """`STATE_BYTES` with a checksum before them: a file that is half old and half new is told from a whole one."""
    named = sorted(state.sites.items(), key=lambda site: -site[1])[:SITES_NAMED]
    body = msgspec.json.encode(msgspec.structs.replace(state, sites=dict(named)))
    if len(body) > STATE_BYTES - 9:
        body = msgspec.json.encode(msgspec.structs.replace(state, sites={}))
    body = body.ljust(STATE_BYTES - 9)
    return b"%08x\n" % zlib.crc32(body) + body


def decode_state(content: bytes) -> JournalState | None:
    """None where it is no whole state."""
    if content[:9] != b"%08x\n" % zlib.crc32(content[9:]):
        return None
    try:
        return msgspec.json.decode(content[9:], type=JournalState)
    except msgspec.MsgspecError:
        return None


def write_state(file: Path, state: JournalState) -> None:
    """Blocking.

    :raises OSError: the disk did not take it.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, encode_state(state), 0)
    finally:
        os.close(descriptor)


def read_states(settings: Settings) -> list[JournalState]:
    """The journals of this machine's lanes, as far as there are any. Blocking."""
    found: list[JournalState] = []
    for lane in LANES:
        for _ in range(3):  # it may be in the middle of being written
            try:
                state = decode_state(_file(settings, lane).read_bytes())
            except OSError:
                break
            if state is not None:
                found.append(state)
                break
    return found


async def watch_journal(
    journal: Journal,
    *,
    lane: str,
    settings: Settings,
    clock: Clock,
    meters: LaneMeters,
    report: Callable[[Sequence[Finding]], None],
) -> None:
    """Tell /metrics, the state file and the lane how full the journal is, until cancelled."""
    watch, file = JournalWatch(lane), _file(settings, lane)
    written: JournalState | None = None
    writing: asyncio.Task[None] | None = None
    refused = False
    while True:
        state = journal.state(lane, clock.now())
        meters.spooled(state)
        report(watch.look(state.fill, state.messages, state.at))
        if writing is not None and writing.done():
            error = writing.exception()
            if error is not None and not refused:
                log.warning("journal's state not written", file=str(file), error=str(error))
            refused, writing = error is not None, None
        # A disk that hangs holds up the file and nothing else.
        if writing is None and _changed(written, state):
            written = state
            writing = asyncio.create_task(asyncio.to_thread(write_state, file, state), name=f"state of {lane} journal")
        await asyncio.sleep(EVERY_S)


def _changed(before: JournalState | None, now: JournalState) -> bool:
    if before is None or (now.at - before.at).total_seconds() >= STILL_S:
        return True
    return (before.messages, before.size_bytes) != (now.messages, now.size_bytes)
