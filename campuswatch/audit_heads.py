"""Heads of the audit trail, kept on this machine's disk: whoever cuts the end off the chain in the database, or makes
it anew, has these against him. They go into the log too, and `campuswatch audit head` prints one to be kept elsewhere.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from campuswatch.roles.places import state_directory
from campuswatch.settings import Settings
from domain.audit import AuditHead

#: Lines of the file; when there are twice as many the older half goes, but the first stays.
MOST_KEPT = 10_000


class KeptHead(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    position: int
    hash: str

    @property
    def head(self) -> AuditHead:
        return AuditHead(position=self.position, hash=self.hash)


def heads_file(settings: Settings) -> Path:
    return state_directory(settings) / "audit" / "heads.jsonl"


def keep_head(file: Path, head: AuditHead, at: datetime) -> None:
    """Add a line. Blocking.

    :raises OSError: the disk did not take it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = msgspec.json.encode(KeptHead(at=at, position=head.position, hash=head.hash)) + b"\n"
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    if len(lines) >= 2 * MOST_KEPT:
        fresh = file.with_suffix(".new")
        fresh.write_bytes(b"".join([lines[0], *lines[-MOST_KEPT:], line]))
        fresh.replace(file)
        return
    with file.open("ab") as kept:
        if lines and not lines[-1].endswith(b"\n"):
            kept.write(b"\n")
        kept.write(line)


def kept_heads(file: Path) -> list[KeptHead]:
    """What is kept, oldest first; a line that a crash cut is left out. Blocking.

    :raises OSError: it cannot be read.
    """
    if not file.exists():
        return []
    found: list[KeptHead] = []
    for line in file.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=KeptHead))
        except msgspec.MsgspecError:
            continue
    return found
