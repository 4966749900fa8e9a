"""Files of the registry that come in over the page, one at a time: all but small ones in a process of their own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from campuswatch.import_order import Order, Outcome
from dashboards.imports import Imported, ImportedSheet, WrongCell
from dashboards.people import Who
from domain.attachment import safe_name
from domain.clock import Clock
from domain.errors import RegistryError

#: Bytes of a CSV that is read in a moment. A workbook is packed: its size says nothing.
SMALL = 64 * 1024
_PACKED = b"PK"
#: Files that wait for the one that is read, each in memory; beyond those one is refused.
MOST_WAITING = 3

log = structlog.get_logger("campuswatch.web")


class WebImporter:
    """A `dashboards.imports.Importer`. ``profiles``: folder of makers' profiles beside those that ship."""

    def __init__(self, dsn: str, clock: Clock, *, zone: str, profiles: Path | None) -> None:
        self._dsn = dsn
        self._clock = clock
        self._zone = zone
        self._profiles = profiles
        self._busy = asyncio.Lock()
        self._here = 0

    async def take(self, name: str, content: bytes, *, dry_run: bool, by: Who) -> Imported:
        if self._here > MOST_WAITING:
            raise RegistryError(f"{self._here} other files are being read or wait for it; try again in a minute")
        self._here += 1
        try:
            return await self._taken(name, content, dry_run=dry_run, by=by)
        finally:
            self._here -= 1

    async def _taken(self, name: str, content: bytes, *, dry_run: bool, by: Who) -> Imported:
        async with self._busy:
            with tempfile.TemporaryDirectory(prefix="campuswatch-import-") as directory:
                file = Path(directory) / safe_name(name)
                await asyncio.to_thread(file.write_bytes, content)
                order = Order(
                    dsn=self._dsn,
                    file=str(file),
                    profiles=None if self._profiles is None else str(self._profiles),
                    zone=self._zone,
                    actor=by.actor,
                    origin=by.origin,
                    at=self._clock.now(),
                    dry_run=dry_run,
                )
                small = len(content) <= SMALL and not content.startswith(_PACKED)
                outcome = await (asyncio.to_thread(_here, order) if small else self._apart(order))
        if outcome.error:
            raise RegistryError(outcome.error)
        log.info(
            "registry imported" if not (dry_run or outcome.faults) else "import checked",
            file=file.name,
            faults=outcome.faults,
            actor=by.actor,
        )
        return Imported(
            applied=not dry_run and not outcome.faults,
            sheets=[ImportedSheet(**msgspec.structs.asdict(one)) for one in outcome.sheets],
            ignored=outcome.ignored,
            faults=outcome.faults,
            wrong=[WrongCell(**msgspec.structs.asdict(one)) for one in outcome.wrong],
        )

    @staticmethod
    async def _apart(order: Order) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "campuswatch.import_process", stdin=PIPE, stdout=PIPE
        )
        try:
            said, _ = await process.communicate(msgspec.json.encode(order) + b"\n")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise RegistryError("the file could not be read; the log says why")
        return msgspec.json.decode(said, type=Outcome)


def _here(order: Order) -> Outcome:
    """In a thread: even a small file is compared with every device that there is. What reads it is loaded when
    the first one comes.
    """
    from campuswatch.import_process import imported

    return asyncio.run(imported(order))
