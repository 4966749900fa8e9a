"""What the keeper of the targets writes: intervals of compliance, flags, warnings, and how far it has looked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import msgspec
from psycopg.types.json import Jsonb

from domain.target import Standing
from storage.instants import utc
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_KEEPER_LOCK = 0x63775F6B6570  # "cw_kep": one keeper writes at a time

_COLUMNS: LiteralString = "site_no, target_id, version, standing, since, causes, requirements, drops"


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """``causes`` as `detectors.targets.drops.proof` makes them."""

    site_no: int
    target_id: str
    version: int
    standing: Standing
    since: datetime
    causes: tuple[dict[str, Any], ...] = ()


class Closing(NamedTuple):
    """The open interval of a site and target ends, and none follows."""

    site_no: int
    target_id: str
    at: datetime


class StoredFlag(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    site_no: int
    since: datetime
    signature: tuple[tuple[str, str, bool], ...]


class Warned(NamedTuple):
    site_no: int
    target_id: str
    requirement: str
    subject: str
    expires_at: datetime
    days_ahead: int


async def lock_keeping(conn: Connection) -> int:
    """Keep other keepers out until the transaction ends; the number of the newest interval, by which one sees whether
    another keeper has written meanwhile.
    """
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_KEEPER_LOCK,))
    return await newest_interval(conn)


async def newest_interval(conn: Connection) -> int:
    cursor = await conn.execute("SELECT coalesce(max(interval_no), 0) FROM compliance_interval")
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def open_intervals(conn: Connection) -> list[Interval]:
    cursor = await conn.execute(
        "SELECT site_no, target_id, version, standing, since, causes FROM compliance_interval WHERE until IS NULL"
    )
    return [
        Interval(
            site_no=row[0],
            target_id=row[1],
            version=row[2],
            standing=Standing(row[3]),
            since=utc(row[4]),
            causes=tuple(row[5]),
        )
        for row in await cursor.fetchall()
    ]


async def write_intervals(conn: Connection, intervals: Sequence[Interval], closings: Sequence[Closing] = ()) -> None:
    """Each of ``intervals`` ends the open one of its site and target and begins at that moment; in the order of time.
    One that lasted no time is written over. ``closings`` end intervals that nothing follows.
    """
    for one in intervals:
        await conn.execute(
            "DELETE FROM compliance_interval WHERE site_no = %s AND target_id = %s AND until IS NULL AND since >= %s",
            (one.site_no, one.target_id, one.since),
        )
        await conn.execute(
            "WITH before AS (UPDATE compliance_interval SET until = %(since)s"
            "  WHERE site_no = %(site)s AND target_id = %(target)s AND until IS NULL RETURNING standing)"
            f" INSERT INTO compliance_interval ({_COLUMNS})"
            " SELECT %(site)s, %(target)s, %(version)s, %(standing)s, %(since)s, %(causes)s, %(requirements)s,"
            # An aggregate has to have seen the update: only one interval may be open.
            "  %(standing)s = 'dropped' AND b.dropped IS NOT TRUE"
            " FROM (SELECT bool_or(standing = 'dropped') AS dropped FROM before) AS b",
            {
                "site": one.site_no,
                "target": one.target_id,
                "version": one.version,
                "standing": one.standing.value,
                "since": one.since,
                "causes": Jsonb(list(one.causes)),
                "requirements": _requirements(one),
            },
        )
    for site_no, target_id, at in closings:
        await conn.execute(
            "DELETE FROM compliance_interval WHERE site_no = %s AND target_id = %s AND until IS NULL AND since >= %s",
            (site_no, target_id, at),
        )
        await conn.execute(
            "UPDATE compliance_interval SET until = %s WHERE site_no = %s AND target_id = %s AND until IS NULL",
            (at, site_no, target_id),
        )
    if intervals or closings:
        await notify(conn, NoticeChannel.COMPLIANCE)


async def begin_intervals(conn: Connection, intervals: Sequence[Interval]) -> None:
    """The first intervals of sites that have none, all at once."""
    if not intervals:
        return
    async with (
        conn.cursor() as cursor,
        cursor.copy(f"COPY compliance_interval ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for one in intervals:
            await copy.write_row(
                (
                    one.site_no,
                    one.target_id,
                    one.version,
                    one.standing.value,
                    one.since,
                    Jsonb(list(one.causes)),
                    _requirements(one),
                    one.standing is Standing.DROPPED,
                )
            )
    await notify(conn, NoticeChannel.COMPLIANCE)


def _requirements(one: Interval) -> list[str]:
    return sorted({str(cause["requirement"]) for cause in one.causes if cause["known"]})


async def load_flags(conn: Connection) -> list[StoredFlag]:
    cursor = await conn.execute("SELECT key, site_no, since, detail FROM target_flag")
    return [
        StoredFlag(
            key=key,
            site_no=site_no,
            since=utc(since),
            signature=tuple((str(r), str(s), bool(k)) for r, s, k in detail.get("causes", ())),
        )
        for key, site_no, since, detail in await cursor.fetchall()
    ]


async def store_flags(conn: Connection, flags: Sequence[StoredFlag], gone: Sequence[str]) -> None:
    if gone:
        await conn.execute("DELETE FROM target_flag WHERE key = ANY(%s)", (list(gone),))
    for flag in flags:
        await conn.execute(
            "INSERT INTO target_flag (key, site_no, since, detail) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (key) DO UPDATE SET since = excluded.since, detail = excluded.detail",
            (flag.key, flag.site_no, flag.since, Jsonb({"causes": sorted(map(list, flag.signature))})),
        )


async def open_warnings(conn: Connection) -> list[Warned]:
    cursor = await conn.execute(
        "SELECT site_no, target_id, requirement, subject, expires_at, days_ahead FROM expiry_warning"
        " WHERE over_at IS NULL"
    )
    return [
        Warned(site_no, target_id, requirement, subject, utc(expires_at), days)
        for site_no, target_id, requirement, subject, expires_at, days in await cursor.fetchall()
    ]


async def begin_warnings(conn: Connection, warnings: Sequence[Warned], at: datetime) -> list[bool]:
    """Write them down; of each whether it is given for the first time. One that was over and is there again (an expiry
    put off and back) is not.
    """
    first = []
    for one in warnings:
        cursor = await conn.execute(
            "INSERT INTO expiry_warning AS w (site_no, target_id, requirement, subject, expires_at, days_ahead,"
            " warned_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING true",
            (*one, at),
        )
        first.append(await cursor.fetchone() is not None)
    return first


async def end_warnings(conn: Connection, warnings: Sequence[Warned], at: datetime) -> None:
    for one in warnings:
        await conn.execute(
            "UPDATE expiry_warning SET over_at = %s WHERE site_no = %s AND target_id = %s AND requirement = %s"
            " AND subject = %s AND expires_at = %s AND days_ahead = %s",
            (at, *one),
        )


async def looked_at(conn: Connection) -> datetime | None:
    """Until when everything that changes by itself has been looked at; None = never."""
    cursor = await conn.execute("SELECT looked_at FROM target_mark")
    row = await cursor.fetchone()
    return None if row is None else utc(row[0])


async def store_looked_at(conn: Connection, at: datetime) -> None:
    await conn.execute(
        "INSERT INTO target_mark (looked_at) VALUES (%s)"
        " ON CONFLICT (single) DO UPDATE SET looked_at = greatest(target_mark.looked_at, excluded.looked_at)",
        (at,),
    )
