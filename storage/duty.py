"""Duty: people with their contacts, shifts, patterns, swaps, overrides and hand-overs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from domain.delivery import DeliveryChannel
from domain.duty import (
    Contact,
    DutyOverride,
    DutyPattern,
    DutyRequirement,
    DutyRole,
    DutyShift,
    DutySwap,
    Person,
)
from domain.errors import DutyError, UnknownSite
from domain.roster import Roster
from domain.school_calendar import USUAL, DayKind
from storage.pool import Connection
from storage.school_calendar import school_calendar

_SHIFT: LiteralString = (
    "d.shift_no, coalesce(p.name, d.leader), coalesce(s.site_id, ''), d.contacts, d.language, d.starts_at, d.ends_at,"
    " d.role, d.person_no"
)
_SHIFTS: LiteralString = "duty_shift AS d LEFT JOIN site AS s USING (site_no) LEFT JOIN person AS p USING (person_no)"


def _shift(row: Sequence[Any]) -> DutyShift:
    return DutyShift(
        shift_no=row[0],
        leader=row[1],
        site_id=row[2],
        contacts=tuple(row[3]),
        language=row[4],
        starts_at=row[5],
        ends_at=row[6],
        role=DutyRole(row[7]),
        person_no=row[8],
    )


async def shifts_at(conn: Connection, at: datetime) -> list[DutyShift]:
    """All shifts that run at ``at``, as they are written: without swaps and overrides."""
    cursor = await conn.execute(
        f"SELECT {_SHIFT} FROM {_SHIFTS} WHERE d.starts_at <= %s AND d.ends_at > %s ORDER BY d.shift_no", (at, at)
    )
    return [_shift(row) for row in await cursor.fetchall()]


async def load_roster(
    conn: Connection,
    starts_at: datetime,
    ends_at: datetime,
    *,
    zone: ZoneInfo,
    site_ids: Iterable[str] | None = None,
) -> Roster:
    """Everything that says who is on duty between the two (both included), of these sites and the bureau, or of all."""
    wanted = None if site_ids is None else sorted({"", *site_ids})
    about = {"since": starts_at, "until": ends_at, "sites": wanted, "all": wanted is None}
    of_sites: LiteralString = "(%(all)s OR coalesce(s.site_id, '') = ANY(%(sites)s::text[]))"
    cursor = await conn.execute(
        # Beside what runs then: those with whom these were swapped, over however many swaps. Years of shifts and of
        # swaps lie beside them, and calls to people wait for this.
        "WITH RECURSIVE pair (shift_no, other_no) AS ("
        "  SELECT shift_no, other_no FROM duty_swap UNION SELECT other_no, shift_no FROM duty_swap"
        "), wanted (shift_no) AS ("
        "  SELECT shift_no FROM duty_shift LEFT JOIN site AS s USING (site_no)"
        f"  WHERE starts_at <= %(until)s AND ends_at > %(since)s AND {of_sites}"
        "  UNION SELECT pair.other_no FROM wanted JOIN pair USING (shift_no)"
        f") SELECT {_SHIFT} FROM {_SHIFTS} WHERE d.shift_no IN (SELECT shift_no FROM wanted) ORDER BY d.shift_no",
        about,
    )
    shifts = tuple(_shift(row) for row in await cursor.fetchall())
    swaps: tuple[DutySwap, ...] = ()
    if numbers := [shift.shift_no for shift in shifts if shift.person_no is not None]:
        cursor = await conn.execute(
            "SELECT swap_no, shift_no, other_no FROM duty_swap WHERE shift_no = ANY(%s)", (numbers,)
        )
        swaps = tuple(DutySwap(swap_no=no, shift_no=one, other_no=other) for no, one, other in await cursor.fetchall())
    cursor = await conn.execute(
        "SELECT pattern_no, coalesce(s.site_id, ''), role, person_no, day_kinds, weekdays, starts, ends, first_day,"
        f" last_day FROM duty_pattern LEFT JOIN site AS s USING (site_no) WHERE {of_sites}",
        about,
    )
    patterns = tuple(
        DutyPattern(
            pattern_no=row[0],
            site_id=row[1],
            role=DutyRole(row[2]),
            person_no=row[3],
            day_kinds=frozenset(DayKind(kind) for kind in row[4]),
            weekdays=frozenset(row[5]),
            starts=row[6],
            ends=row[7],
            first_day=row[8],
            last_day=row[9],
        )
        for row in await cursor.fetchall()
    )
    cursor = await conn.execute(
        "SELECT override_no, coalesce(s.site_id, ''), role, person_no, instead_of, starts_at, ends_at"
        " FROM duty_override LEFT JOIN site AS s USING (site_no)"
        f" WHERE starts_at <= %(until)s AND ends_at > %(since)s AND voided_at IS NULL AND {of_sites}",
        about,
    )
    overrides = tuple(
        DutyOverride(
            override_no=row[0],
            site_id=row[1],
            role=DutyRole(row[2]),
            person_no=row[3],
            instead_of=row[4],
            starts_at=row[5],
            ends_at=row[6],
        )
        for row in await cursor.fetchall()
    )
    named = {
        *(shift.person_no for shift in shifts),
        *(pattern.person_no for pattern in patterns),
        *(override.person_no for override in overrides),
    }
    people = await people_by_no(conn, [number for number in named if number is not None])
    return Roster(
        zone=zone,
        people=people,
        shifts=shifts,
        patterns=patterns,
        swaps=swaps,
        overrides=overrides,
        calendar=await school_calendar(conn) if patterns else USUAL,
    )


# -- people -----------------------------------------------------------------------------------------------------------

_PERSON: LiteralString = "p.person_no, p.person_id, p.name, coalesce(s.site_id, ''), p.language"
_PEOPLE: LiteralString = "person AS p LEFT JOIN site AS s USING (site_no)"


async def _with_contacts(conn: Connection, rows: Sequence[Sequence[Any]]) -> dict[int, Person]:
    cursor = await conn.execute(
        "SELECT person_no, contact_no, channel, rank, test_ok, tested_at, verified_at FROM contact"
        " WHERE person_no = ANY(%s) ORDER BY rank, contact_no",
        ([row[0] for row in rows],),
    )
    contacts: dict[int, list[Contact]] = {}
    for person_no, contact_no, channel, rank, test_ok, tested_at, verified_at in await cursor.fetchall():
        contacts.setdefault(person_no, []).append(
            Contact(
                contact_no=contact_no,
                channel=DeliveryChannel(channel),
                rank=rank,
                test_ok=test_ok,
                tested_at=tested_at,
                verified_at=verified_at,
            )
        )
    return {
        row[0]: Person(
            person_no=row[0],
            person_id=row[1],
            name=row[2],
            site_id=row[3],
            language=row[4],
            contacts=tuple(contacts.get(row[0], ())),
        )
        for row in rows
    }


async def people_by_no(conn: Connection, numbers: Sequence[int]) -> dict[int, Person]:
    """Those of them who have not left."""
    if not numbers:
        return {}
    cursor = await conn.execute(
        f"SELECT {_PERSON} FROM {_PEOPLE} WHERE p.person_no = ANY(%s) AND p.left_at IS NULL", (list(numbers),)
    )
    return await _with_contacts(conn, await cursor.fetchall())


async def people_by_id(conn: Connection, person_ids: Sequence[str]) -> dict[str, Person]:
    if not person_ids:
        return {}
    cursor = await conn.execute(
        f"SELECT {_PERSON} FROM {_PEOPLE} WHERE p.person_id = ANY(%s) AND p.left_at IS NULL", (list(person_ids),)
    )
    return {person.person_id: person for person in (await _with_contacts(conn, await cursor.fetchall())).values()}


async def all_people(conn: Connection, *, site_id: str | None = None) -> list[Person]:
    """Everybody on the list, or of one site ("" = the bureau), by name of the list."""
    cursor = await conn.execute(
        f"SELECT {_PERSON} FROM {_PEOPLE} WHERE p.left_at IS NULL AND (%(site)s::text IS NULL"
        " OR coalesce(s.site_id, '') = %(site)s) ORDER BY p.person_id",
        {"site": site_id},
    )
    return list((await _with_contacts(conn, await cursor.fetchall())).values())


async def site_number(conn: Connection, site_id: str) -> int | None:
    """The number of a site, None for the bureau.

    :raises UnknownSite: there is none of this name.
    """
    if not site_id:
        return None
    cursor = await conn.execute("SELECT site_no FROM site WHERE site_id = %s", (site_id,))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownSite(f"no site {site_id!r}")
    return int(row[0])


async def put_person(conn: Connection, person_id: str, name: str, *, site_id: str = "", language: str = "zh") -> int:
    """Enter somebody into the list, or change what it says of him; his number.

    :raises UnknownSite: there is no such site.
    """
    cursor = await conn.execute(
        "INSERT INTO person (person_id, name, site_no, language) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (person_id) DO UPDATE SET name = EXCLUDED.name, site_no = EXCLUDED.site_no,"
        " language = EXCLUDED.language, left_at = NULL RETURNING person_no",
        (person_id, name, await site_number(conn, site_id), language),
    )
    return int((await cursor.fetchone() or (0,))[0])


async def put_contacts(conn: Connection, person_no: int, contacts: Sequence[tuple[DeliveryChannel, str]]) -> None:
    """Somebody's ways, in the order in which they are preferred. One that stays keeps the result of its test."""
    await conn.execute(
        "DELETE FROM contact WHERE person_no = %s AND NOT (channel || ' ' || address) = ANY(%s)",
        (person_no, [f"{channel.value} {address}" for channel, address in contacts]),
    )
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO contact (person_no, channel, address, rank) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (person_no, channel, address) DO UPDATE SET rank = EXCLUDED.rank",
            [(person_no, channel.value, address, rank) for rank, (channel, address) in enumerate(contacts)],
        )


async def contact_addresses(conn: Connection, contact_nos: Sequence[int]) -> dict[int, str]:
    """Secrets: for whoever sends, and for nobody else."""
    cursor = await conn.execute(
        "SELECT contact_no, address FROM contact WHERE contact_no = ANY(%s)", (list(contact_nos),)
    )
    return {number: str(address) for number, address in await cursor.fetchall()}


async def record_contact_test(conn: Connection, contact_no: int, *, ok: bool, error: str, at: datetime) -> None:
    await conn.execute(
        "UPDATE contact SET tested_at = %s, test_ok = %s, test_error = %s WHERE contact_no = %s",
        (at, ok, error[:300], contact_no),
    )


async def verify_contact(conn: Connection, contact_no: int, *, at: datetime) -> None:
    """Somebody answered what was sent there: it is his, and it works."""
    await conn.execute("UPDATE contact SET verified_at = %s, test_ok = true WHERE contact_no = %s", (at, contact_no))


async def contacts_of(conn: Connection, shift_no: int) -> tuple[str, ...]:
    """The addresses that a shift names by itself."""
    cursor = await conn.execute("SELECT contacts FROM duty_shift WHERE shift_no = %s", (shift_no,))
    row = await cursor.fetchone()
    return () if row is None else tuple(row[0])


# -- who is on duty ---------------------------------------------------------------------------------------------------


async def put_shift(
    conn: Connection, person_no: int, *, site_id: str, role: DutyRole, starts_at: datetime, ends_at: datetime
) -> int:
    """Put somebody of the list on duty. The same shift once more changes its end."""
    cursor = await conn.execute(
        "INSERT INTO duty_shift (leader, site_no, contacts, starts_at, ends_at, role, person_no)"
        " SELECT p.name, %(site)s, '{}', %(starts)s, %(ends)s, %(role)s, p.person_no FROM person AS p"
        " WHERE p.person_no = %(person)s"
        " ON CONFLICT (person_no, coalesce(site_no, 0), role, starts_at) WHERE person_no IS NOT NULL"
        " DO UPDATE SET ends_at = EXCLUDED.ends_at RETURNING shift_no",
        {
            "site": await site_number(conn, site_id),
            "starts": starts_at,
            "ends": ends_at,
            "role": role.value,
            "person": person_no,
        },
    )
    return int((await cursor.fetchone() or (0,))[0])


async def put_pattern(conn: Connection, pattern: DutyPattern) -> int:
    """``pattern_no`` is given by the database."""
    cursor = await conn.execute(
        "INSERT INTO duty_pattern (site_no, role, person_no, day_kinds, weekdays, starts, ends, first_day, last_day)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING pattern_no",
        (
            await site_number(conn, pattern.site_id),
            pattern.role.value,
            pattern.person_no,
            sorted(kind.value for kind in pattern.day_kinds),
            sorted(pattern.weekdays),
            pattern.starts,
            pattern.ends,
            pattern.first_day,
            pattern.last_day,
        ),
    )
    return int((await cursor.fetchone() or (0,))[0])


async def clear_patterns(conn: Connection, site_id: str, role: DutyRole) -> None:
    """No patterns of this site and role any more."""
    await conn.execute(
        "DELETE FROM duty_pattern WHERE site_no IS NOT DISTINCT FROM %s AND role = %s",
        (await site_number(conn, site_id), role.value),
    )


async def put_swap(conn: Connection, shift_no: int, other_no: int, *, at: datetime, by: str, note: str = "") -> int:
    """:raises DutyError: they are no two shifts of people of the list."""
    cursor = await conn.execute(
        "INSERT INTO duty_swap (shift_no, other_no, made_at, made_by, note)"
        " SELECT a.shift_no, b.shift_no, %s, %s, %s FROM duty_shift AS a, duty_shift AS b"
        " WHERE a.shift_no = %s AND b.shift_no = %s AND a.shift_no <> b.shift_no"
        " AND a.person_no IS NOT NULL AND b.person_no IS NOT NULL RETURNING swap_no",
        (at, by, note, shift_no, other_no),
    )
    row = await cursor.fetchone()
    if row is None:
        raise DutyError(f"shifts {shift_no} and {other_no} are not two shifts of people of the list")
    return int(row[0])


async def put_override(conn: Connection, override: DutyOverride, *, at: datetime, by: str, note: str = "") -> int:
    """``override_no`` is given by the database."""
    cursor = await conn.execute(
        "INSERT INTO duty_override (site_no, role, person_no, instead_of, starts_at, ends_at, made_at, made_by, note)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING override_no",
        (
            await site_number(conn, override.site_id),
            override.role.value,
            override.person_no,
            override.instead_of,
            override.starts_at,
            override.ends_at,
            at,
            by,
            note,
        ),
    )
    return int((await cursor.fetchone() or (0,))[0])


async def add_handover(
    conn: Connection,
    *,
    site_id: str,
    role: DutyRole,
    from_person: str,
    to_person: str,
    at: datetime,
    by: str,
    note: str,
) -> int:
    """Write down who handed over to whom; rows are never changed."""
    cursor = await conn.execute(
        "INSERT INTO duty_handover (site_no, role, from_person, to_person, at, note, made_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING handover_no",
        (await site_number(conn, site_id), role.value, from_person, to_person, at, note, by),
    )
    return int((await cursor.fetchone() or (0,))[0])


async def put_requirement(conn: Connection, required: DutyRequirement) -> None:
    await conn.execute(
        "INSERT INTO duty_requirement (site_no, role, day_kinds, starts, ends) VALUES (%s, %s, %s, %s, %s)",
        (
            await site_number(conn, required.site_id),
            required.role.value,
            sorted(kind.value for kind in required.day_kinds),
            required.starts,
            required.ends,
        ),
    )


async def requirements(conn: Connection) -> list[DutyRequirement]:
    cursor = await conn.execute(
        "SELECT coalesce(s.site_id, ''), role, day_kinds, starts, ends FROM duty_requirement"
        " LEFT JOIN site AS s USING (site_no) ORDER BY requirement_no"
    )
    return [
        DutyRequirement(
            site_id=row[0],
            role=DutyRole(row[1]),
            day_kinds=frozenset(DayKind(kind) for kind in row[2]),
            starts=row[3],
            ends=row[4],
        )
        for row in await cursor.fetchall()
    ]


async def rostered(conn: Connection) -> list[tuple[str, DutyRole]]:
    """The sites ("" = the bureau) and roles that keep a roster: somebody of the list was ever written down for them."""
    cursor = await conn.execute(
        "SELECT DISTINCT coalesce(s.site_id, ''), role FROM ("
        "  SELECT site_no, role FROM duty_shift WHERE person_no IS NOT NULL"
        "  UNION SELECT site_no, role FROM duty_pattern UNION SELECT site_no, role FROM duty_requirement"
        ") AS kept LEFT JOIN site AS s USING (site_no) ORDER BY 1, 2"
    )
    return [(site_id, DutyRole(role)) for site_id, role in await cursor.fetchall()]


# -- audits of the roster ---------------------------------------------------------------------------------------------


async def kept_audits(conn: Connection) -> set[str]:
    """The sites ("" = the bureau) with whose roster something was wrong at the last audit."""
    cursor = await conn.execute("SELECT site_id FROM roster_audit")
    return {str(site_id) for (site_id,) in await cursor.fetchall()}


async def record_audits(conn: Connection, faults: Mapping[str, Sequence[object]], *, at: datetime) -> None:
    """Keep what an audit found, in place of what the one before did."""
    await conn.execute("DELETE FROM roster_audit")
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO roster_audit (site_id, at, faults) VALUES (%s, %s, %s)",
            [(site_id, at, Jsonb(msgspec.to_builtins(list(found)))) for site_id, found in faults.items()],
        )


# -- one leader for everything ----------------------------------------------------------------------------------------


async def replace_district_shift(
    conn: Connection,
    leader: str,
    contacts: Sequence[str],
    *,
    language: str,
    starts_at: datetime,
    ends_at: datetime,
) -> None:
    """Put one leader on duty for the whole district, in place of those who were (the demo's roster). Who was on duty
    before stays on duty since then.
    """
    cursor = await conn.execute(
        "SELECT min(starts_at) FROM duty_shift WHERE site_no IS NULL AND leader = %s", (leader,)
    )
    row = await cursor.fetchone()
    await end_district_shift(conn)
    await conn.execute(
        "INSERT INTO duty_shift (leader, contacts, language, starts_at, ends_at)"
        " VALUES (%s, %s, %s, least(%s, %s::timestamptz), %s)",
        (leader, list(contacts), language, starts_at, row[0] if row else None, ends_at),
    )


async def end_district_shift(conn: Connection) -> None:
    """Nobody is on duty for the whole district any more."""
    await conn.execute("DELETE FROM duty_shift WHERE site_no IS NULL")


async def contact_owner(conn: Connection, contact_no: int) -> tuple[DeliveryChannel, Person] | None:
    """The kind of a contact and whose it is."""
    cursor = await conn.execute("SELECT channel, person_no FROM contact WHERE contact_no = %s", (contact_no,))
    row = await cursor.fetchone()
    if row is None:
        return None
    people = await people_by_no(conn, [row[1]])
    return (DeliveryChannel(row[0]), people[row[1]]) if people else None


async def shifts_between(conn: Connection, starts_at: datetime, ends_at: datetime, *, limit: int) -> list[DutyShift]:
    """The shifts as they are written that touch the time between the two, by their beginning."""
    cursor = await conn.execute(
        f"SELECT {_SHIFT} FROM {_SHIFTS} WHERE d.starts_at < %s AND d.ends_at > %s"
        " ORDER BY d.starts_at, d.shift_no LIMIT %s",
        (ends_at, starts_at, limit),
    )
    return [_shift(row) for row in await cursor.fetchall()]


async def end_all_duty(conn: Connection) -> None:
    """Nobody is on duty any more, and nothing is planned; the list of people stays."""
    for table in ("duty_swap", "duty_override", "duty_pattern", "duty_shift"):
        await conn.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
