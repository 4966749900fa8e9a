"""The audit trail: `append` is the one way into it, from inside the transaction that does what is written down.

An entry is chained when that transaction commits (domain/audit.py, migration 0013). The alarm path writes none, so no
alarm ever waits for the lock over the chain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from domain.audit import AuditHead, ChainedEntry
from storage.instants import utc, utc_or_none
from storage.pool import Connection

_FETCH = 5_000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as people read it. ``hash`` is that of its link, in hexadecimal."""

    entry_no: int
    at: datetime
    actor: str
    origin: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out means any. ``action`` may end in a dot: then it is the noun of many («incident.»)."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


#: From where the request comes that is being worked on (client address, token); the web role sets it. "" = none is.
asked_from: ContextVar[str] = ContextVar("asked_from", default="")


async def append(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    origin: str | None = None,
) -> None:
    """Write down what ``actor`` does: ``action`` is a noun and a participle («incident.acknowledged»), ``subject`` the
    id of what it is done to, ``detail`` what has changed, before and after. ``origin``: from where (client address,
    workstation); "" = the system itself, None = from where the request comes that is being worked on. The caller's
    transaction is the one that does it.
    """
    await conn.execute(
        "INSERT INTO audit_entry (at, actor, origin, action, subject, detail) VALUES (%s, %s, %s, %s, %s, %s)",
        (at, actor, asked_from.get() if origin is None else origin, action, subject, Jsonb(detail or {})),
    )


async def audit_entries(
    conn: Connection, *, only: AuditFilter, before: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """The newest first, from below entry ``before``."""
    cursor = await conn.execute(
        "SELECT e.entry_no, e.at, e.actor, e.origin, e.action, e.subject, e.detail, l.hash"
        " FROM audit_entry AS e LEFT JOIN audit_link AS l USING (entry_no)"
        " WHERE (%(before)s::bigint IS NULL OR e.entry_no < %(before)s)"
        " AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)"
        " AND (%(subject)s::text IS NULL OR e.subject = %(subject)s)"
        " AND (%(action)s::text IS NULL OR e.action = %(action)s"
        "      OR (right(%(action)s, 1) = '.' AND starts_with(e.action, %(action)s)))"
        " AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)"
        " ORDER BY e.entry_no DESC LIMIT %(limit)s",
        {**msgspec.structs.asdict(only), "before": before, "limit": limit},
    )
    return [
        AuditEntry(
            entry_no=number,
            at=utc(at),
            actor=actor,
            origin=origin,
            action=action,
            subject=subject,
            detail=detail,
            hash=bytes(link or b"").hex(),
        )
        for number, at, actor, origin, action, subject, detail, link in await cursor.fetchall()
    ]


async def audit_head(conn: Connection) -> AuditHead | None:
    """The end of the chain; None = nothing was ever written."""
    cursor = await conn.execute("SELECT position, hash FROM audit_link ORDER BY position DESC LIMIT 1")
    row = await cursor.fetchone()
    return None if row is None else AuditHead(position=row[0], hash=bytes(row[1]).hex())


async def hash_at(conn: Connection, position: int) -> str | None:
    """The hash (hexadecimal) at one position of the chain."""
    cursor = await conn.execute("SELECT hash FROM audit_link WHERE position = %s", (position,))
    row = await cursor.fetchone()
    return None if row is None else bytes(row[0]).hex()


async def chained_entries(conn: Connection) -> AsyncIterator[ChainedEntry]:
    """Every entry with its link in the order of the chain, in one snapshot; what has no link comes last. Streamed."""
    async with conn.transaction(), conn.cursor(name="audit_chain") as cursor:
        cursor.itersize = _FETCH
        await cursor.execute(
            "SELECT l.position, l.hash, coalesce(l.entry_no, e.entry_no), e.at, e.actor, e.origin, e.action, e.subject,"
            " e.detail::text, e.digest"
            " FROM audit_link AS l FULL JOIN audit_entry AS e USING (entry_no)"
            " ORDER BY l.position NULLS LAST, e.entry_no"
        )
        async for position, link, number, at, actor, origin, action, subject, detail, digest in cursor:
            yield ChainedEntry(
                position=position,
                hash=bytes(link or b""),
                entry_no=number,
                at=utc_or_none(at),
                actor=actor or "",
                origin=origin or "",
                action=action or "",
                subject=subject or "",
                detail=detail or "{}",
                digest=bytes(digest or b""),
            )
