"""Definitions of targets: versions that are added, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from domain.errors import UnknownTarget
from domain.target import TargetDefinition
from storage.audit_trail import append
from storage.instants import utc
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_COLUMNS: LiteralString = (
    "target_id, version, measure, name_zh, name_en, starts_at, enabled, parameters, author, reason"
)
_WRITER_LOCK = 0x63775F746764  # "cw_tgd"


async def target_definitions(conn: Connection, target_id: str | None = None) -> list[TargetDefinition]:
    """All versions of all targets, or of one, oldest first."""
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM target_definition WHERE %(id)s::text IS NULL OR target_id = %(id)s"
        " ORDER BY target_id, version",
        {"id": target_id},
    )
    return [
        TargetDefinition(
            target_id=row[0],
            version=row[1],
            measure=row[2],
            name_zh=row[3],
            name_en=row[4],
            starts_at=utc(row[5]),
            enabled=row[6],
            parameters=row[7],
            author=row[8],
            reason=row[9],
        )
        for row in await cursor.fetchall()
    ]


async def add_version(conn: Connection, definition: TargetDefinition, *, at: datetime) -> TargetDefinition:
    """Add ``definition`` as the newest version of its target, with an audit entry; as it is stored. The caller has
    checked it; its own version is the one that it was made from.

    :raises UnknownTarget: no such target ships or was added.
    """
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))
        versions = await target_definitions(conn, definition.target_id)
        if not versions:
            raise UnknownTarget(f"no target {definition.target_id}")
        version = versions[-1].version + 1
        await conn.execute(
            f"INSERT INTO target_definition ({_COLUMNS}, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                definition.target_id,
                version,
                definition.measure,
                definition.name_zh,
                definition.name_en,
                definition.starts_at,
                definition.enabled,
                Jsonb(definition.parameters),
                definition.author,
                definition.reason,
                at,
            ),
        )
        await append(
            conn,
            at=at,
            actor=definition.author,
            action="target.defined",
            subject=definition.target_id,
            detail={"version": version, "enabled": definition.enabled, "reason": definition.reason},
        )
        await notify(conn, NoticeChannel.TARGET, definition.target_id)
    return (await target_definitions(conn, definition.target_id))[-1]
