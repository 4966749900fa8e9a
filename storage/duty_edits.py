"""The parts of a roster one by one, as people edit them: shifts, patterns, overrides and requirements by their numbers.

What has begun is never taken away: somebody stands in instead (`storage.duty.put_override`).
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import LiteralString

import msgspec

from domain.duty import DutyRequirement, DutyRole
from domain.errors import DutyError
from domain.school_calendar import DayKind
from storage.duty import site_number
from storage.instants import utc, utc_or_none
from storage.pool import Connection


class WrittenShift(msgspec.Struct, frozen=True, kw_only=True):
    """``person_id`` "" = somebody who is not on the list."""

    shift_no: int
    role: DutyRole
    person_id: str
    name: str
    starts_at: datetime
    ends_at: datetime


class WrittenPattern(msgspec.Struct, frozen=True, kw_only=True):
    pattern_no: int
    role: DutyRole
    person_id: str
    name: str
    day_kinds: list[DayKind]
    weekdays: list[int]
    starts: time
    ends: time
    first_day: date
    last_day: date


class WrittenOverride(msgspec.Struct, frozen=True, kw_only=True):
    """``instead_of`` "" = of everybody. ``voided_at``: it holds no more."""

    override_no: int
    role: DutyRole
    person_id: str
    name: str
    instead_of: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    made_by: str
    note: str
    voided_at: datetime | None
    voided_by: str | None
    void_reason: str | None


class WrittenSwap(msgspec.Struct, frozen=True, kw_only=True):
    swap_no: int
    shift_no: int
    other_no: int
    made_at: datetime
    made_by: str
    note: str


_SITE: LiteralString = "site_no IS NOT DISTINCT FROM %(site)s"


async def name_on_duty(conn: Connection, person_id: str) -> str | None:
    """Of somebody on the list, or of who is named in a shift alone (``shift-7``)."""
    cursor = await conn.execute(
        "SELECT name FROM person WHERE person_id = %(id)s AND left_at IS NULL"
        " UNION ALL SELECT leader FROM duty_shift WHERE person_no IS NULL AND 'shift-' || shift_no = %(id)s LIMIT 1",
        {"id": person_id},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def written_shifts(conn: Connection, site_id: str, since: datetime, until: datetime) -> list[WrittenShift]:
    cursor = await conn.execute(
        "SELECT d.shift_no, d.role, coalesce(p.person_id, ''), coalesce(p.name, d.leader), d.starts_at, d.ends_at"
        " FROM duty_shift AS d LEFT JOIN person AS p USING (person_no)"
        f" WHERE d.{_SITE} AND d.starts_at < %(until)s AND d.ends_at > %(since)s ORDER BY d.starts_at, d.shift_no"
        " LIMIT 2000",
        {"site": await site_number(conn, site_id), "since": since, "until": until},
    )
    return [
        WrittenShift(
            shift_no=number, role=DutyRole(role), person_id=person, name=name, starts_at=utc(begin), ends_at=utc(end)
        )
        for number, role, person, name, begin, end in await cursor.fetchall()
    ]


async def written_patterns(conn: Connection, site_id: str) -> list[WrittenPattern]:
    cursor = await conn.execute(
        "SELECT d.pattern_no, d.role, p.person_id, p.name, d.day_kinds, d.weekdays, d.starts, d.ends, d.first_day,"
        f" d.last_day FROM duty_pattern AS d JOIN person AS p USING (person_no) WHERE d.{_SITE}"
        " ORDER BY d.role, d.starts, d.pattern_no LIMIT 1000",
        {"site": await site_number(conn, site_id)},
    )
    return [
        WrittenPattern(
            pattern_no=row[0],
            role=DutyRole(row[1]),
            person_id=row[2],
            name=row[3],
            day_kinds=[DayKind(kind) for kind in row[4]],
            weekdays=list(row[5]),
            starts=row[6],
            ends=row[7],
            first_day=row[8],
            last_day=row[9],
        )
        for row in await cursor.fetchall()
    ]


async def written_overrides(conn: Connection, site_id: str, since: datetime, until: datetime) -> list[WrittenOverride]:
    """Those that were voided too."""
    cursor = await conn.execute(
        "SELECT d.override_no, d.role, p.person_id, p.name, coalesce(o.name, ''), d.starts_at, d.ends_at, d.made_at,"
        " d.made_by, d.note, d.voided_at, d.voided_by, d.void_reason FROM duty_override AS d"
        " JOIN person AS p USING (person_no) LEFT JOIN person AS o ON o.person_no = d.instead_of"
        f" WHERE d.{_SITE} AND d.starts_at < %(until)s AND d.ends_at > %(since)s"
        " ORDER BY d.starts_at, d.override_no LIMIT 500",
        {"site": await site_number(conn, site_id), "since": since, "until": until},
    )
    return [
        WrittenOverride(
            override_no=row[0],
            role=DutyRole(row[1]),
            person_id=row[2],
            name=row[3],
            instead_of=row[4],
            starts_at=utc(row[5]),
            ends_at=utc(row[6]),
            made_at=utc(row[7]),
            made_by=row[8],
            note=row[9],
            voided_at=utc_or_none(row[10]),
            voided_by=row[11],
            void_reason=row[12],
        )
        for row in await cursor.fetchall()
    ]


async def written_swaps(conn: Connection, shift_nos: list[int]) -> list[WrittenSwap]:
    """Of these shifts, the newest first."""
    cursor = await conn.execute(
        "SELECT swap_no, shift_no, other_no, made_at, made_by, note FROM duty_swap"
        " WHERE shift_no = ANY(%(nos)s) OR other_no = ANY(%(nos)s) ORDER BY swap_no DESC LIMIT 200",
        {"nos": shift_nos},
    )
    return [
        WrittenSwap(swap_no=no, shift_no=one, other_no=other, made_at=utc(at), made_by=by, note=note)
        for no, one, other, at, by, note in await cursor.fetchall()
    ]


async def remove_shift(conn: Connection, shift_no: int, *, at: datetime) -> str:
    """Whose it was.

    :raises DutyError: there is none, it has begun, or it was swapped with one that has, which without it would be
        somebody else's again.
    """
    cursor = await conn.execute(
        "WITH RECURSIVE pair (shift_no, other_no) AS ("
        "  SELECT shift_no, other_no FROM duty_swap UNION SELECT other_no, shift_no FROM duty_swap"
        "), swapped (shift_no) AS ("
        "  SELECT %(no)s::integer UNION SELECT pair.other_no FROM swapped JOIN pair USING (shift_no)"
        ") SELECT shift_no FROM duty_shift JOIN swapped USING (shift_no)"
        " WHERE shift_no <> %(no)s AND starts_at <= %(at)s ORDER BY shift_no LIMIT 1",
        {"no": shift_no, "at": at},
    )
    begun = await cursor.fetchone()
    if begun is not None:
        raise DutyError(
            f"shift {shift_no} was swapped with shift {begun[0]}, which has begun: let somebody stand in instead"
        )
    cursor = await conn.execute(
        "DELETE FROM duty_shift WHERE shift_no = %s AND starts_at > %s RETURNING leader", (shift_no, at)
    )
    row = await cursor.fetchone()
    if row is None:
        raise DutyError(f"shift {shift_no} has begun, or there is none: let somebody stand in instead")
    return str(row[0])


async def remove_pattern(conn: Connection, pattern_no: int, *, day: date) -> bool:
    """It holds no more from ``day`` on; True where nothing of it is left. :raises DutyError: there is none."""
    cursor = await conn.execute(
        "DELETE FROM duty_pattern WHERE pattern_no = %s AND first_day >= %s RETURNING pattern_no", (pattern_no, day)
    )
    if await cursor.fetchone() is not None:
        return True
    cursor = await conn.execute(
        "UPDATE duty_pattern SET last_day = least(last_day, %(day)s::date - 1) WHERE pattern_no = %(no)s"
        " AND last_day >= %(day)s RETURNING pattern_no",
        {"day": day, "no": pattern_no},
    )
    if await cursor.fetchone() is None:
        raise DutyError(f"pattern {pattern_no} holds no more, or there is none")
    return False


async def void_override(conn: Connection, override_no: int, *, reason: str, at: datetime, by: str) -> None:
    """:raises DutyError: there is none, it is void already, or it is over."""
    cursor = await conn.execute(
        "UPDATE duty_override SET voided_at = %(at)s, voided_by = %(by)s, void_reason = %(reason)s"
        " WHERE override_no = %(no)s AND voided_at IS NULL AND ends_at > %(at)s RETURNING override_no",
        {"no": override_no, "at": at, "by": by, "reason": reason},
    )
    if await cursor.fetchone() is None:
        raise DutyError(f"override {override_no} is void or over, or there is none")


async def replace_requirements(conn: Connection, site_id: str, role: DutyRole, wanted: list[DutyRequirement]) -> None:
    """When somebody has to be on duty there; nothing = no say."""
    site = await site_number(conn, site_id)
    await conn.execute(
        f"DELETE FROM duty_requirement WHERE {_SITE} AND role = %(role)s", {"site": site, "role": role.value}
    )
    for one in wanted:
        await conn.execute(
            "INSERT INTO duty_requirement (site_no, role, day_kinds, starts, ends) VALUES (%s, %s, %s, %s, %s)",
            (site, role.value, sorted(kind.value for kind in one.day_kinds), one.starts, one.ends),
        )
