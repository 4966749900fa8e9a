"""Replay: what was put aside is decoded once more, with today's registry, profiles and bounds.

A message is decoded with the topic, payload and time of receipt that it had, by the decoder of the lanes, and stored
under its own time by the code of the lanes. No rule hears it: rules conclude from what happens now, and this has
happened. So a replay raises no alarm, calls nobody and proves nobody alive (docs/adr/0010).

Rows, marks, ledger and audit are one transaction. The same observation has the same key as ever, so what is replayed
twice, or had come by another way meanwhile, is stored once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from devices.formats.decode import Decoder
from domain.errors import StorageError, StorageUnavailable
from domain.finding import Finding
from domain.observation import Alarm, Observation
from domain.quarantine import Reason
from domain.replay import ReplayedAlarm, ReplayReport
from ingest.books import hour_of
from ingest.parcel import Parcel
from storage.pool import Connection, wrapped_errors
from storage.quarantine import Held, QuarantineFilter, hold, mark_replayed

#: The ledger's name for what is stored by a replay.
LANE = "replay"
#: Messages of one transaction.
BATCH = 1000


class _RolledBack(Exception):
    """A dry run ends its transaction."""


class Replay:
    """``note_alarm`` makes the finding by which people who look at the doubt that a message once raised see what it
    was; it must open nothing.
    """

    def __init__(self, decoder: Decoder, *, note_alarm: Callable[[Alarm, Held], Finding]) -> None:
        self._decoder = decoder
        self._note_alarm = note_alarm

    async def step(
        self,
        conn: Connection,
        only: QuarantineFilter,
        *,
        after: int = 0,
        limit: int = BATCH,
        dry_run: bool = False,
        actor: str,
        now: datetime,
    ) -> ReplayReport:
        """Replay up to ``limit`` messages, the oldest behind number ``after`` first, in a transaction of its own. A dry
        run does all of it and takes it back.

        :raises StorageUnavailable: nothing was done.
        """
        try:
            return await self._step(conn, only, after=after, limit=limit, dry_run=dry_run, actor=actor, now=now)
        except StorageUnavailable:
            raise
        except StorageError:
            if limit == 1:
                raise
        # The database will not have one of them: it must not keep the others.
        report = ReplayReport(next=after)
        while report.next is not None and report.examined < limit:
            behind = report.next
            try:
                one = await self._step(conn, only, after=behind, limit=1, dry_run=dry_run, actor=actor, now=now)
            except StorageUnavailable:
                raise
            except StorageError:
                one = await self._pass_over(conn, only, after=behind)
            report.add(one)
        return report

    async def _pass_over(self, conn: Connection, only: QuarantineFilter, *, after: int) -> ReplayReport:
        async with wrapped_errors(), conn.transaction():
            held = await hold(conn, only=only, after=after, limit=1)
        if not held:
            return ReplayReport()
        return ReplayReport(examined=1, refused={Reason.UNSTORABLE: 1}, next=held[-1].quarantine_no)

    async def _step(
        self,
        conn: Connection,
        only: QuarantineFilter,
        *,
        after: int,
        limit: int,
        dry_run: bool,
        actor: str,
        now: datetime,
    ) -> ReplayReport:
        report = ReplayReport()
        try:
            async with wrapped_errors(), conn.transaction():
                held = await hold(conn, only=only, after=after, limit=limit)
                report = await self._store(conn, held, only, actor=actor, now=now)
                report.next = held[-1].quarantine_no if len(held) == limit else None
                if dry_run:
                    raise _RolledBack
        except _RolledBack:
            pass
        return report

    async def _store(
        self, conn: Connection, held: Sequence[Held], only: QuarantineFilter, *, actor: str, now: datetime
    ) -> ReplayReport:
        report = ReplayReport(examined=len(held))
        refused: Counter[Reason] = Counter()
        parcel, done = Parcel(), []
        for message in held:
            if message.cut:
                report.cut += 1
                continue
            said = self._decode(message, refused)
            if said is None:
                continue
            done.append(message.quarantine_no)
            parcel.add(said)
            for one in said:
                sites = parcel.door.setdefault(hour_of(one.received_at), Counter())
                sites[one.device.site_no] += 1
                if isinstance(one, Alarm):
                    report.alarms.append(_alarm(one))
                    parcel.findings.append(self._note_alarm(one, message))
        counts = await parcel.write(conn, LANE)
        report.replayed, report.refused = len(done), dict(refused)
        report.stored, report.duplicate = counts.stored, counts.duplicate
        if done:
            detail = {"messages": report.replayed, "stored": report.stored, "duplicate": report.duplicate}
            await mark_replayed(conn, done, at=now, actor=actor, subject=described(only), detail=detail)
        return report

    def _decode(self, message: Held, refused: Counter[Reason]) -> Sequence[Observation] | None:
        """What ``message`` says today; None where it is still refused. Of a maker's message with several faults, a row
        is done with when its own fault is gone and something of the message can be stored.
        """
        decoded = self._decoder.decode(message.topic, message.payload, message.received_at)
        same = [one for one in decoded.rejected if (one.reason, one.detail) == (message.reason, message.detail)]
        if same or (decoded.rejected and not decoded.observations):
            refused[(same or decoded.rejected)[0].reason] += 1
            return None
        return decoded.observations


def described(only: QuarantineFilter) -> str:
    """The filter, as the audit names it."""
    named = {name: value for name, value in only.parameters.items() if value is not None}
    return ", ".join(f"{name} {value}" for name, value in named.items()) or "all"


def _alarm(alarm: Alarm) -> ReplayedAlarm:
    device = alarm.device
    return ReplayedAlarm(
        device.site_id, device.device_id, alarm.alarm.value, alarm.at, alarm.received_at, alarm.test, alarm.drill
    )
