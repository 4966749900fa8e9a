"""The daily audit of the roster, and what it found as a finding for whoever is on duty.

Every morning it looks a week ahead. A site (or the bureau) with faults has one incident `roster_gap`; it is over when
an audit finds the roster in order. Any number of processes may run one: what they find has the same ids.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from alerting.roster_audit import RosterFault, RosterFaultKind, audited
from domain.clock import Clock
from domain.errors import StorageError
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from storage.duty import kept_audits, load_roster, record_audits, requirements, rostered, site_number
from storage.findings import store_findings
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("campuswatch.roster")

RULE = "roster_gap"
AHEAD = timedelta(days=7)
#: When the day's audit is made, by the district's clock: people are at their desks soon.
AT_HOUR = 7
_NAMED = 10


async def faults_of(conn: Connection, *, now: datetime, zone: ZoneInfo) -> list[RosterFault]:
    """What is wrong with the roster in the time to come."""
    roster = await load_roster(conn, now, now + AHEAD, zone=zone)
    return audited(roster, await rostered(conn), await requirements(conn), starts_at=now, ends_at=now + AHEAD)


class RosterWatch:
    """`run` it, or `once` by hand."""

    def __init__(self, *, pool: Pool, clock: Clock, zone: ZoneInfo) -> None:
        self._pool = pool
        self._clock = clock
        self._zone = zone

    async def run(self) -> None:
        """Every morning, until cancelled."""
        away = False
        while True:
            try:
                await asyncio.sleep(60.0 if away else self._until_morning_s())
                await self.once()
                away = False
            except StorageError as error:
                if not away:
                    log.warning("roster not audited", error=str(error))
                away = True
            except Exception:
                # A slip in here must not end the role that carries alarms to people.
                log.exception("roster not audited")
                away = False

    def _until_morning_s(self) -> float:
        now = self._clock.now().astimezone(self._zone)
        morning = now.replace(hour=AT_HOUR, minute=0, second=0, microsecond=0)
        if morning <= now:
            morning = (morning + timedelta(days=1)).replace(hour=AT_HOUR)
        return max(1.0, morning.timestamp() - now.timestamp())

    async def once(self) -> list[RosterFault]:
        """Audit now; what was found."""
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            found = await faults_of(conn, now=now, zone=self._zone)
            by_site: dict[str, list[RosterFault]] = defaultdict(list)
            for fault in found:
                by_site[fault.site_id].append(fault)
            before = await kept_audits(conn)
            await record_audits(conn, by_site, at=now)
            findings = [await self._finding(conn, site_id, faults, now) for site_id, faults in by_site.items()]
            findings += [await self._finding(conn, site_id, [], now) for site_id in before - by_site.keys()]
            await store_findings(conn, findings)
        if found:
            log.warning("faults of the roster", faults=len(found), sites=len(by_site))
        return found

    async def _finding(self, conn: Connection, site_id: str, faults: list[RosterFault], now: datetime) -> Finding:
        day = now.astimezone(self._zone).date().isoformat()
        gap = any(fault.kind is RosterFaultKind.GAP for fault in faults)
        kind = FindingKind.RAISED if faults else FindingKind.CLEARED
        return Finding(
            finding_id=finding_id(RULE, site_id, kind.value, day),
            kind=kind,
            rule=RULE,
            key=f"{RULE}/{site_id}",
            category=Category.SYSTEM,
            severity=Severity.MAJOR if gap else Severity.MINOR,
            life_safety=False,
            site_no=await site_number(conn, site_id) or 0,
            site_id=site_id,
            device_no=None,
            device_id="",
            at=now,
            found_at=now,
            detail={
                "faults": len(faults),
                "zh": [fault.zh for fault in faults[:_NAMED]],
                "en": [fault.en for fault in faults[:_NAMED]],
            },
        )
