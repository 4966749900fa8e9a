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

from devices.formats.decode import Decoder
from domain.clock import Clock
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from domain.observation import Alarm
from ingest.alarm_batch import Part, told_once
from ingest.books import Counts
from ingest.meters import LaneMeters
from ingest.parcel import Parcel, Share
from ingest.session import Inbound
from storage.pool import Connection, connect, patience, wrapped_errors

log = structlog.get_logger("ingest.alarm")

LANE = "alarm"
#: A database that takes longer is away: it may hang, and others wait behind this alarm.
COMMIT_PATIENCE_S = 8.0


class IncidentWriter(Protocol):
    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        """Incidents, timeline and outbox, inside the caller's transaction."""


class AlarmCommit:
    """One connection of its own, which comes and goes with the database."""

    def __init__(
        self, dsn: str, *, decoder: Decoder, share: Share, writer: IncidentWriter, clock: Clock, meters: LaneMeters
    ) -> None:
        self._dsn = dsn
        self._decoder = decoder
        self._share = share
        self._writer = writer
        self._clock = clock
        self._meters = meters
        self._conn: Connection | None = None

    async def commit(self, part: Part) -> Counts:
        """Commit, however long the database is away."""
        wait_s, away = 0.05, False
        while True:
            try:
                try:
                    counts = await self._try_commit(part.parcel, part.causes)
                except StorageUnavailable:
                    raise
                except StorageError as error:
                    log.error("database refused alarms", error=str(error), messages=len(part.parcel.messages))
                    counts = await self._commit_singly(part)
                break
            except StorageUnavailable as error:
                if not away:
                    log.warning("database away; alarms go to the links all the same", error=str(error))
                    self._meters.database(False)
                away = True
                await self.close()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 1.0)
        if away:
            log.info("database back")
            self._meters.database(True)
        return counts

    async def _try_commit(self, parcel: Parcel, causes: Mapping[UUID, UUID]) -> Counts:
        """Commit ``parcel``. A finding whose cause had been stored before was handled then: a message that comes again,
        however late, repeats nothing and opens nothing.
        """
        async with wrapped_errors(), patience(COMMIT_PATIENCE_S):
            if self._conn is None:
                self._conn = await connect(self._dsn, name="alarm lane")
            async with self._conn.transaction():
                # The findings become incidents right here, so they take no detour through the finding table.
                stored = replace(parcel, findings=[])
                counts = await stored.write(self._conn, LANE)
                # Batches that are committed together may hold the same message: sent twice, it is one finding.
                once = {finding.finding_id: finding for finding in parcel.findings}.values()
                fresh = [f for f in once if causes.get(f.finding_id) not in stored.known]
                await self._writer.write(self._conn, told_once(fresh), now=self._clock.now())
        return counts

    async def _commit_singly(self, part: Part) -> Counts:
        """The database will not have all of this. Whatever it refuses stops nothing else: each message by itself, with
        the incidents that follow from it, and the refused ones into the quarantine.

        Message and incident stay together, so that a try that is broken off in the middle repeats nothing.
        """
        following: dict[UUID, list[Finding]] = {}
        for finding in part.parcel.findings:
            cause = part.causes.get(finding.finding_id)
            if cause is None:
                await self._open_alone(finding)
            else:
                following.setdefault(cause, []).append(finding)
        counts = await self._try_commit(Parcel(losses=part.parcel.losses, counts=part.parcel.counts), {})
        for message in part.parcel.messages:
            written = await self._commit_message(message, following, part.causes)
            counts.add(written)
        for findings in following.values():  # of what the registry does not know any more
            for finding in findings:
                await self._open_alone(finding)
        return counts

    async def _commit_message(
        self, message: Inbound, following: dict[UUID, list[Finding]], causes: Mapping[UUID, UUID]
    ) -> Counts:
        """``following``: findings by their cause; those of ``message`` are taken out."""
        single = Parcel()
        said = single.open([message], self._decoder, self._share)
        if message.limited:
            single.limit(message, self._decoder, self._share, evidence=False)
        uids = [observation.uid for observation in said if isinstance(observation, Alarm)]
        findings = [finding for uid in uids for finding in following.pop(uid, ())]
        try:
            return await self._try_commit(replace(single, findings=findings), causes)
        except StorageUnavailable:
            raise
        except StorageError as error:
            detail = str(error)
        if not all([await self._open_alone(finding) for finding in findings]):
            detail = "the database refused the incident that follows from it"
        elif findings:
            try:
                return await self._try_commit(single, {})
            except StorageUnavailable:
                raise
            except StorageError as error:
                detail = str(error)
        return await self._try_commit(Parcel.of_unstorable(message, detail), {})

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
