"""Pictures on disk: the newest thumbnail of each camera, the reference of each light, and the evidence of diagnoses.

::

    newest/42/10042.jpg            thumbnail, replaced with every look
    reference/42/10042-day.jpg     a good picture, at most one a day
    evidence/2026-11-29/<id>-picture.jpg, -reference.jpg, -difference.jpg

Newest and references are bounded by the number of cameras, evidence by time and by size. Everything here blocks:
call it in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import UUID

Part: TypeAlias = Literal["picture", "reference", "difference"]
PARTS: tuple[Part, ...] = ("picture", "reference", "difference")
#: A reference younger than this is not replaced: what people compare with should be calm.
REFERENCE_S = 86_400.0


class Album:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self, device_no: int) -> Path:
        return self._directory / "newest" / f"{device_no % 100:02}" / f"{device_no}.jpg"

    def reference(self, device_no: int, light: str) -> Path:
        return self._directory / "reference" / f"{device_no % 100:02}" / f"{device_no}-{light}.jpg"

    def evidence(self, evidence_id: UUID, at: datetime, part: Part) -> Path:
        return self._directory / "evidence" / at.astimezone(UTC).date().isoformat() / f"{evidence_id}-{part}.jpg"

    def keep_newest(self, device_no: int, jpeg: bytes) -> None:
        _write(self.newest(device_no), jpeg)

    def keep_reference(self, device_no: int, light: str, jpeg: bytes, at: datetime) -> None:
        file = self.reference(device_no, light)
        with suppress(OSError):
            if at.timestamp() - file.stat().st_mtime < REFERENCE_S:
                return
        _write(file, jpeg)

    def keep_evidence(self, evidence_id: UUID, at: datetime, parts: dict[Part, bytes]) -> int:
        """Bytes that were written."""
        for part, jpeg in parts.items():
            _write(self.evidence(evidence_id, at, part), jpeg)
        return sum(map(len, parts.values()))

    def remove_evidence(self, gone: Iterable[tuple[UUID, datetime]]) -> None:
        folders = set()
        for evidence_id, at in gone:
            for part in PARTS:
                file = self.evidence(evidence_id, at, part)
                file.unlink(missing_ok=True)
                folders.add(file.parent)
        for folder in folders:
            with suppress(OSError):  # other evidence of the day is still there
                folder.rmdir()


def read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _write(file: Path, jpeg: bytes) -> None:
    """Whole or not at all: the web role reads meanwhile."""
    if not jpeg:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(jpeg)
    fresh.replace(file)
