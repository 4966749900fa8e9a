"""The roster edited from the page, each change in a transaction of its own with its entry in the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dashboards.people import Who
from dashboards.rosters import DutyCalendar
from domain.clock import Clock
from domain.duty import DutyPattern, DutyRequirement, DutyRole
from domain.duty_spans import DutySpan, gaps, spans
from domain.errors import DutyError
from domain.roster import Gap, Roster
from storage import duty_edits
from storage.audit_trail import append
from storage.duty import load_roster, people_by_id, put_pattern, put_shift, requirements
from storage.pool import Connection, Pool, wrapped_errors


class RosterDesk:
    """A `dashboards.rosters.Roster`."""

    def __init__(self, pool: Pool, clock: Clock, zone: ZoneInfo) -> None:
        self._pool = pool
        self._clock = clock
        self._zone = zone

    async def calendar(self, site_id: str, since: datetime, until: datetime) -> DutyCalendar:
        async with wrapped_errors(), self._pool.connection() as conn:
            shifts = await duty_edits.written_shifts(conn, site_id, since, until)
            roster = await load_roster(conn, since, until, zone=self._zone, site_ids=[site_id])
            required = [one for one in await requirements(conn) if one.site_id == site_id]
            calendar = DutyCalendar(
                since=since,
                until=until,
                spans=[],
                gaps=[],
                shifts=shifts,
                patterns=await duty_edits.written_patterns(conn, site_id),
                overrides=await duty_edits.written_overrides(conn, site_id, since, until),
                swaps=await duty_edits.written_swaps(conn, [one.shift_no for one in shifts]),
                requirements=required,
            )
        # Thirty shifts a day over two months are seconds, in which the wall must not stand still.
        held, missing = await asyncio.to_thread(_laid_out, roster, site_id, since, until, required)
        return msgspec.structs.replace(calendar, spans=held, gaps=missing)

    async def add_shift(
        self, person_id: str, *, site_id: str, role: DutyRole, starts_at: datetime, ends_at: datetime, by: Who
    ) -> int:
        if ends_at <= starts_at:
            raise DutyError("expected an end after the beginning")
        if ends_at <= self._clock.now():
            raise DutyError("it would be over already; who was on duty is not written anew")
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            person = await _number(conn, person_id)
            number = await put_shift(conn, person, site_id=site_id, role=role, starts_at=starts_at, ends_at=ends_at)
            detail = {"person": person_id, "site": site_id, "role": role.value}
            detail |= {"from": starts_at.isoformat(), "until": ends_at.isoformat()}
            await self._audit(conn, "duty.shift_added", str(number), detail, by)
        return number

    async def remove_shift(self, shift_no: int, *, reason: str, by: Who) -> None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            name = await duty_edits.remove_shift(conn, shift_no, at=now)
            await self._audit(conn, "duty.shift_removed", str(shift_no), {"person": name, "reason": reason}, by)

    async def add_pattern(self, person_id: str, pattern: DutyPattern, *, by: Who) -> int:
        if pattern.last_day < pattern.first_day:
            raise DutyError("expected a last day that is not before the first")
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            person = await _number(conn, person_id)
            number = await put_pattern(conn, msgspec.structs.replace(pattern, person_no=person))
            said = msgspec.to_builtins(pattern)
            detail = {name: said[name] for name in ("site_id", "role", "starts", "ends", "first_day", "last_day")}
            detail |= {"weekdays": sorted(said["weekdays"]), "day_kinds": sorted(said["day_kinds"])}
            await self._audit(conn, "duty.pattern_added", str(number), detail | {"person": person_id}, by)
        return number

    async def remove_pattern(self, pattern_no: int, *, reason: str, by: Who) -> None:
        day = self._clock.now().astimezone(self._zone).date()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            whole = await duty_edits.remove_pattern(conn, pattern_no, day=day)
            await self._audit(conn, "duty.pattern_ended", str(pattern_no), {"whole": whole, "reason": reason}, by)

    async def void_override(self, override_no: int, *, reason: str, by: Who) -> None:
        now = self._clock.now()
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            await duty_edits.void_override(conn, override_no, reason=reason, at=now, by=by.actor)
            await self._audit(conn, "duty.override_voided", str(override_no), {"reason": reason}, by)

    async def require(self, site_id: str, role: DutyRole, wanted: Sequence[DutyRequirement], *, by: Who) -> None:
        async with wrapped_errors(), self._pool.connection() as conn, conn.transaction():
            await duty_edits.replace_requirements(conn, site_id, role, list(wanted))
            told = [f"{'/'.join(sorted(one.day_kinds))} {one.starts:%H:%M}-{one.ends:%H:%M}" for one in wanted]
            detail = {"site": site_id, "role": role.value, "required": told}
            await self._audit(conn, "duty.required", site_id or "bureau", detail, by)

    async def _audit(self, conn: Connection, action: str, subject: str, detail: dict[str, Any], by: Who) -> None:
        await append(
            conn,
            at=self._clock.now(),
            actor=by.actor,
            origin=by.origin,
            action=action,
            subject=subject,
            detail=detail,
        )


async def _number(conn: Connection, person_id: str) -> int:
    found = await people_by_id(conn, [person_id])
    if person_id not in found:
        raise DutyError(f"nobody on the list is called {person_id!r}")
    return found[person_id].person_no


def _laid_out(
    roster: Roster, site_id: str, since: datetime, until: datetime, required: Sequence[DutyRequirement]
) -> tuple[list[DutySpan], list[Gap]]:
    kept = {one.role for one in required}
    kept |= {one.role for one in roster.shifts if one.site_id == site_id}
    kept |= {one.role for one in roster.patterns if one.site_id == site_id}
    held = [one for role in DutyRole for one in spans(roster, site_id, role, since, until)]
    # Where nobody was ever written down and nobody is asked for there is no roster to have gaps.
    missing = [one for role in DutyRole if role in kept for one in gaps(roster, site_id, role, since, until, required)]
    return held, missing
