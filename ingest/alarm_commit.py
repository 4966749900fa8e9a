"""How the alarm lane's parts come into the database: tried until they are in, and what is refused stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from ingest.alarm_batch import Part, told_once
from ingest.books import Counts
from ingest.meters import LaneMeters
from ingest.parcel import Parcel
from storage.pool import Connection, connect, patience, wrapped_errors

log = structlog.get_logger("ingest.alarm")

LANE = "alarm"
#: A database that takes longer is away, or has too much to do at once.
COMMIT_PATIENCE_S = 8.0
#: Findings in one transaction: of a thousand a slow database would manage none in time, however often it tried.
MOST_FINDINGS = 200
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0


class IncidentWriter(Protocol):
    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        """Incidents, timeline and outbox, inside the caller's transaction."""


class AlarmCommit:
    """One connection of its own, which comes and goes with the database.

    :ivar most: how many findings to commit at once. Fewer after a try that failed, down to one, so that a database that
        is only slow gets on with them.
    """

    def __init__(self, dsn: str, *, writer: IncidentWriter, clock: Clock, meters: LaneMeters) -> None:
        self._dsn = dsn
        self._writer = writer
        self._clock = clock
        self._meters = meters
        self._conn: Connection | None = None
        self._away = False
        self._pause_s = FIRST_PAUSE_S
        self.most = MOST_FINDINGS

    async def commit(self, part: Part) -> Counts:
        """Commit, however long the database cannot be reached.

        :raises StorageUnavailable: it was reached and did not manage. Nothing is lost where the same comes again, in
            other company and in smaller pieces.
        """
        await self._reach()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            try:
                counts = await self._try_commit(part.parcel, part.causes)
            except StorageUnavailable:
                raise
            except StorageError as error:
                log.error("database refused alarms", error=str(error), messages=len(part.parcel.messages))
                counts = await self._commit_singly(part)
        except StorageUnavailable as error:
            self.most = max(1, min(self.most, len(part.parcel.findings)) // 2)
            await self._wait_for_it(error)
            raise
        if loop.time() - began < COMMIT_PATIENCE_S / 4:
            self.most = min(self.most + self.most // 8 + 1, MOST_FINDINGS)
        self._pause_s = FIRST_PAUSE_S
        if self._away:
            log.info("database back")
            self._away = False
            self._meters.database(True)
        return counts

    async def _reach(self) -> None:
        while self._conn is None:
            try:
                async with wrapped_errors(), patience(COMMIT_PATIENCE_S):
                    self._conn = await connect(self._dsn, name="alarm lane")
            except StorageUnavailable as error:
                await self._wait_for_it(error)

    async def _wait_for_it(self, error: StorageUnavailable) -> None:
        if not self._away:
            log.warning("database away; alarms go to the links all the same", error=str(error))
            self._meters.database(False)
        self._away = True
        await self.close()
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    async def _try_commit(self, parcel: Parcel, causes: Mapping[UUID, UUID]) -> Counts:
        """Commit ``parcel``. A finding whose cause had been stored before was handled then: a message that comes again,
        however late, repeats nothing and opens nothing.
        """
        conn = self._conn
        assert conn is not None
        async with wrapped_errors(), patience(COMMIT_PATIENCE_S), conn.transaction():
            # The findings become incidents right here, so they take no detour through the finding table.
            stored = replace(parcel, findings=[])
            counts = await stored.write(conn, LANE)
            # Batches that are committed together may hold the same message: sent twice, it is one finding.
            once = {finding.finding_id: finding for finding in parcel.findings}.values()
            fresh = [f for f in once if causes.get(f.finding_id) not in stored.known]
            await self._writer.write(conn, told_once(fresh), now=self._clock.now())
        return counts

    async def _commit_singly(self, part: Part) -> Counts:
        """The database will not have all of this. Whatever it refuses stops nothing else: each message by itself, with
        the incidents that follow from it, and the refused ones into the quarantine.

        Message and incident stay together, so that a try that is broken off in the middle repeats nothing.
        """
        counts = Counts()
        for one in part.of:
            counts.add(await self._commit_alone(one))
        return counts

    async def _commit_alone(self, one: Part) -> Counts:
        try:
            return await self._try_commit(one.parcel, one.causes)
        except StorageUnavailable:
            raise
        except StorageError as error:
            detail, findings = str(error), one.parcel.findings
            if one.message is None and not findings:
                raise
        if not all([await self._open_alone(finding) for finding in findings]):
            detail = "the database refused the incident that follows from it"
        elif findings:
            try:
                return await self._try_commit(replace(one.parcel, findings=[]), {})
            except StorageUnavailable:
                raise
            except StorageError as error:
                detail = str(error)
        if one.message is None:
            return Counts()
        return await self._try_commit(Parcel.of_unstorable(one.message, detail), {})

    async def _open_alone(self, finding: Finding) -> bool:
        """Whether the incident of ``finding`` stands, be it without what the device had said."""
        try:
            await self._try_commit(Parcel(findings=[finding]), {})
        except StorageUnavailable:
            raise
        except StorageError as error:
            log.error("database refused an incident; the links are told all the same", error=str(error))
            return await self._opened_bare(finding, error)
        return True

    async def _opened_bare(self, finding: Finding, error: StorageError) -> bool:
        """Whether the incident stands without what the device had said: people must see it on the wall."""
        bare = msgspec.structs.replace(finding, detail={"refused": ascii(str(error))[:300]})
        try:
            await self._try_commit(Parcel(findings=[bare]), {})
        except StorageUnavailable:
            raise
        except StorageError:
            return False
        return True

    async def close(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            await conn.close()
