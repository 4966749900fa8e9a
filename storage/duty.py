"""Duty shifts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.duty import DutyShift
from storage.pool import Connection


async def shifts_at(conn: Connection, at: datetime) -> list[DutyShift]:
    """All shifts that run at ``at``."""
    cursor = await conn.execute(
        "SELECT d.shift_no, d.leader, coalesce(s.site_id, ''), d.contacts, d.language, d.starts_at, d.ends_at"
        " FROM duty_shift AS d LEFT JOIN site AS s USING (site_no)"
        " WHERE d.starts_at <= %s AND d.ends_at > %s ORDER BY d.shift_no",
        (at, at),
    )
    return [
        DutyShift(
            shift_no=row[0],
            leader=row[1],
            site_id=row[2],
            contacts=tuple(row[3]),
            language=row[4],
            starts_at=row[5],
            ends_at=row[6],
        )
        for row in await cursor.fetchall()
    ]


async def contacts_of(conn: Connection, shift_no: int) -> tuple[str, ...]:
    cursor = await conn.execute("SELECT contacts FROM duty_shift WHERE shift_no = %s", (shift_no,))
    row = await cursor.fetchone()
    return () if row is None else tuple(row[0])


async def replace_district_shift(
    conn: Connection,
    leader: str,
    contacts: Sequence[str],
    *,
    language: str,
    starts_at: datetime,
    ends_at: datetime,
) -> None:
    """Put one leader on duty for the whole district from now on, in place of those who were (the demo's roster)."""
    await end_district_shift(conn)
    await conn.execute(
        "INSERT INTO duty_shift (leader, contacts, language, starts_at, ends_at) VALUES (%s, %s, %s, %s, %s)",
        (leader, list(contacts), language, starts_at, ends_at),
    )


async def end_district_shift(conn: Connection) -> None:
    """Nobody is on duty for the whole district any more."""
    await conn.execute("DELETE FROM duty_shift WHERE site_no IS NULL")
