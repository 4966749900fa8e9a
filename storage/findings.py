"""Findings of the bulk lane: written with their observations, taken over by alerting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.finding import Category, Finding, FindingKind, Severity
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_TAKER_LOCK = 0x63775F666E64  # "cw_fnd": one process at a time takes findings over

_COLUMNS = (
    "finding_id, kind, rule, key, category, severity, life_safety, site_no, site_id, device_no, device_id,"
    " at, found_at, test, drill, detail"
)


async def store_findings(conn: Connection, findings: Sequence[Finding]) -> None:
    """Hand findings to alerting; one that is known by its id is not handed over twice."""
    if not findings:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO finding ({_COLUMNS})"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    f.finding_id,
                    f.kind.value,
                    f.rule,
                    f.key,
                    f.category.value,
                    f.severity.value,
                    f.life_safety,
                    f.site_no,
                    f.site_id,
                    f.device_no,
                    f.device_id,
                    f.at,
                    f.found_at,
                    f.test,
                    f.drill,
                    Jsonb(f.detail),
                )
                for f in findings
            ],
        )
    await notify(conn, NoticeChannel.FINDING)


class Waiting(NamedTuple):
    """A finding that waits, of the trouble ``key``."""

    key: str
    row: Sequence[Any]

    def read(self) -> Finding:
        """:raises ValueError: another version of the program wrote it, or nobody's did."""
        row = self.row
        return Finding(
            finding_id=row[0],
            kind=FindingKind(row[1]),
            rule=row[2],
            key=row[3],
            category=Category(row[4]),
            severity=Severity(row[5]),
            life_safety=row[6],
            site_no=row[7],
            site_id=row[8],
            device_no=row[9],
            device_id=row[10],
            at=row[11],
            found_at=row[12],
            test=row[13],
            drill=row[14],
            detail=row[15],
        )


async def claim_waiting(conn: Connection, *, limit: int, but: Sequence[str] = ()) -> list[Waiting]:
    """The oldest waiting findings, without those of the keys ``but``. While a transaction that claimed some is under
    way, everybody else gets none.

    So the findings of one key are handled in the order of their numbers: an end that overtook its beginning in another
    process would find nothing to end.
    """
    cursor = await conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_TAKER_LOCK,))
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return []
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM finding WHERE handled_at IS NULL AND NOT key = ANY(%s) ORDER BY finding_no LIMIT %s"
        " FOR UPDATE",
        (list(but), limit),
    )
    return [Waiting(row[3], row) for row in await cursor.fetchall()]


async def claim_findings(conn: Connection, *, limit: int) -> list[Finding]:
    """`claim_waiting`, read."""
    return [waiting.read() for waiting in await claim_waiting(conn, limit=limit)]


async def mark_handled(conn: Connection, finding_ids: Sequence[UUID], at: datetime) -> None:
    await conn.execute("UPDATE finding SET handled_at = %s WHERE finding_id = ANY(%s)", (at, list(finding_ids)))
