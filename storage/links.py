"""The supervision of links to police and education: who is alive, since when, and what proves it.

A row stands for each link that is configured. What is due is claimed by moving its next time on, so that of several
processes one sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec

from storage.audit_trail import append
from storage.instants import utc_or_none
from storage.notices import NoticeChannel, notify
from storage.pool import Connection


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """How one link stands, and its proof. ``alive_since`` is None while it is silent or was never proved;
    ``test_receipted_at`` is when the far end had the newest test alarm that it gave a receipt for.
    """

    link_id: str
    watched_since: datetime
    heartbeat_sent_at: datetime | None = None
    heartbeat_answered_at: datetime | None = None
    alive_since: datetime | None = None
    silent_since: datetime | None = None
    last_error: str | None = None
    test_sent_at: datetime | None = None
    test_webhook_id: str | None = None
    test_receipted_at: datetime | None = None
    test_receipt_id: str | None = None
    tests_failed: int = 0
    untested_since: datetime | None = None
    paused_until: datetime | None = None

    @property
    def silent_from(self) -> datetime:
        """Since when nothing was heard of it."""
        return self.heartbeat_answered_at or self.watched_since


_COLUMNS: LiteralString = (
    "link_id, watched_since, heartbeat_sent_at, heartbeat_answered_at, alive_since, silent_since, last_error,"
    " test_sent_at, test_webhook_id, test_receipted_at, test_receipt_id, tests_failed, untested_since, paused_until"
)


_WATCHED: LiteralString = "(paused_until IS NULL OR paused_until <= %(at)s)"


def _state(row: Sequence[Any]) -> LinkState:
    return msgspec.convert(_values(LinkState.__struct_fields__, row), LinkState)


def _values(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: utc_or_none(v) if isinstance(v, datetime) else v for name, v in zip(names, row, strict=True)}


async def link_states(conn: Connection) -> list[LinkState]:
    """Every link that was ever supervised, by its id."""
    cursor = await conn.execute(f"SELECT {_COLUMNS} FROM link_state ORDER BY link_id")
    return [_state(row) for row in await cursor.fetchall()]


async def watch_links(conn: Connection, link_ids: Sequence[str], *, at: datetime, first_test_at: datetime) -> None:
    """Supervise these from ``at``; those that are supervised already go on."""
    await conn.execute(
        "INSERT INTO link_state (link_id, watched_since, next_heartbeat_at, next_test_at)"
        " SELECT link_id, %s, %s, %s FROM unnest(%s::text[]) AS link (link_id) ON CONFLICT DO NOTHING",
        (at, at, first_test_at, list(link_ids)),
    )


async def resume_watch(conn: Connection, link_ids: Sequence[str], *, at: datetime, unwatched_s: float) -> None:
    """Nobody had looked for ``unwatched_s``: silence of that time proves nothing and is counted from ``at``, and
    neither does an answer from before it.
    """
    await conn.execute(
        "UPDATE link_state SET watched_since = %(at)s, heartbeat_answered_at = NULL, alive_since = NULL"
        " WHERE link_id = ANY(%(ids)s) AND silent_since IS NULL AND next_heartbeat_at < %(limit)s",
        {"at": at, "ids": list(link_ids), "limit": at - timedelta(seconds=unwatched_s)},
    )


async def claim_heartbeats(
    conn: Connection, link_ids: Sequence[str], *, at: datetime, every_s: float
) -> list[LinkState]:
    """The links whose heartbeat is due; it is the caller's to send. Two processes never get the same one."""
    cursor = await conn.execute(
        "UPDATE link_state SET heartbeat_sent_at = %(at)s, next_heartbeat_at = %(next)s WHERE link_id = ANY (ARRAY("
        "SELECT link_id FROM link_state WHERE link_id = ANY(%(ids)s) AND next_heartbeat_at <= %(at)s"
        f" AND {_WATCHED} FOR UPDATE SKIP LOCKED)) RETURNING {_COLUMNS}",
        {"at": at, "next": at + timedelta(seconds=every_s), "ids": list(link_ids)},
    )
    return [_state(row) for row in await cursor.fetchall()]


async def claim_tests(conn: Connection, link_ids: Sequence[str], *, at: datetime, every_s: float) -> list[str]:
    """The links whose test alarm is due; it is the caller's to send."""
    cursor = await conn.execute(
        "UPDATE link_state SET test_sent_at = %(at)s, next_test_at = %(next)s"
        " WHERE link_id = ANY (ARRAY("
        "SELECT link_id FROM link_state WHERE link_id = ANY(%(ids)s) AND next_test_at <= %(at)s"
        f" AND {_WATCHED} FOR UPDATE SKIP LOCKED)) RETURNING link_id",
        {"at": at, "next": at + timedelta(seconds=every_s), "ids": list(link_ids)},
    )
    return [str(link_id) for (link_id,) in await cursor.fetchall()]


async def lock_link(conn: Connection, link_id: str) -> LinkState | None:
    """One link's state, locked until the transaction ends."""
    cursor = await conn.execute(f"SELECT {_COLUMNS} FROM link_state WHERE link_id = %s FOR UPDATE", (link_id,))
    row = await cursor.fetchone()
    return None if row is None else _state(row)


async def record_alive(conn: Connection, link_id: str, *, at: datetime) -> None:
    """A heartbeat was answered."""
    await conn.execute(
        "UPDATE link_state SET heartbeat_answered_at = %(at)s,"
        " alive_since = coalesce(alive_since, %(at)s::timestamptz),"
        " silent_since = NULL, last_error = NULL WHERE link_id = %(link_id)s",
        {"at": at, "link_id": link_id},
    )
    await notify(conn, NoticeChannel.LINK, link_id)


async def record_unanswered(conn: Connection, link_id: str, *, error: str, silent_since: datetime | None) -> None:
    """A heartbeat was not answered; with ``silent_since`` the link counts as silent."""
    await conn.execute(
        "UPDATE link_state SET last_error = %(error)s, silent_since = coalesce(silent_since, %(silent)s::timestamptz),"
        " alive_since = CASE WHEN %(silent)s::timestamptz IS NULL THEN alive_since END WHERE link_id = %(link_id)s",
        {"error": error[:1000], "silent": silent_since, "link_id": link_id},
    )
    await notify(conn, NoticeChannel.LINK, link_id)


async def record_test(
    conn: Connection,
    link_id: str,
    *,
    at: datetime,
    webhook_id: str,
    receipt_id: str | None,
    next_test_at: datetime | None = None,
) -> None:
    """How the test alarm ``webhook_id`` went: its receipt, or when the next one is to be tried."""
    await conn.execute(
        "UPDATE link_state SET test_webhook_id = %(webhook_id)s, "
        " test_receipted_at = CASE WHEN %(receipt)s::text IS NULL THEN test_receipted_at"
        " ELSE %(at)s::timestamptz END, test_receipt_id = coalesce(%(receipt)s, test_receipt_id),"
        " next_test_at = coalesce(%(next)s::timestamptz, next_test_at),"
        " tests_failed = CASE WHEN %(receipt)s::text IS NULL THEN tests_failed + 1 ELSE 0 END"
        " WHERE link_id = %(link_id)s",
        {"at": at, "webhook_id": webhook_id, "receipt": receipt_id, "next": next_test_at, "link_id": link_id},
    )
    await notify(conn, NoticeChannel.LINK, link_id)


async def receipt_of_test(conn: Connection, link_id: str, *, webhook_id: str, at: datetime, receipt_id: str) -> bool:
    """A receipt that came late: whether it is that of the newest test alarm."""
    cursor = await conn.execute(
        "UPDATE link_state SET test_receipted_at = %(at)s, test_receipt_id = %(receipt)s, tests_failed = 0"
        " WHERE link_id = %(link_id)s AND test_webhook_id = %(webhook_id)s AND tests_failed > 0",
        {"at": at, "receipt": receipt_id, "link_id": link_id, "webhook_id": webhook_id},
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.LINK, link_id)
    return cursor.rowcount > 0


async def set_untested(conn: Connection, link_id: str, *, since: datetime | None) -> None:
    """Since when it is an incident that test alarms bring no receipt; None: it is none."""
    await conn.execute("UPDATE link_state SET untested_since = %s WHERE link_id = %s", (since, link_id))


async def ask_for_test(conn: Connection, link_id: str, *, at: datetime) -> bool:
    """Have the link tested now; False where nobody supervises it."""
    cursor = await conn.execute("UPDATE link_state SET next_test_at = %s WHERE link_id = %s", (at, link_id))
    return cursor.rowcount > 0


async def pause_link(
    conn: Connection, link_id: str, *, at: datetime, until: datetime, actor: str, reason: str, origin: str = ""
) -> bool:
    """Neither heartbeats nor test alarms until then, and nothing proves it meanwhile; ``until`` = ``at`` ends a pause.
    Deliveries are not touched. False where nobody supervises the link.
    """
    cursor = await conn.execute(
        "UPDATE link_state SET paused_until = %(until)s, paused_by = %(actor)s, pause_reason = %(reason)s,"
        " alive_since = NULL, heartbeat_answered_at = NULL WHERE link_id = %(link_id)s",
        {"until": until, "actor": actor, "reason": reason, "link_id": link_id},
    )
    if not cursor.rowcount:
        return False
    detail = {"until": until.isoformat(), "reason": reason}
    action = "link.paused" if until > at else "link.resumed"
    await append(conn, at=at, actor=actor, origin=origin, action=action, subject=link_id, detail=detail)
    await notify(conn, NoticeChannel.LINK, link_id)
    return True


async def end_pauses(conn: Connection, link_ids: Sequence[str], *, at: datetime) -> list[str]:
    """The links whose pause is over: they are watched from now on, and what was before proves nothing."""
    cursor = await conn.execute(
        "UPDATE link_state SET paused_until = NULL, watched_since = %(at)s, next_heartbeat_at = %(at)s"
        " WHERE link_id = ANY(%(ids)s) AND paused_until <= %(at)s RETURNING link_id",
        {"ids": list(link_ids), "at": at},
    )
    return [str(link_id) for (link_id,) in await cursor.fetchall()]


async def next_supervision(conn: Connection, link_ids: Sequence[str]) -> datetime | None:
    """When the next heartbeat or test alarm is due."""
    cursor = await conn.execute(
        "SELECT min(greatest(least(next_heartbeat_at, next_test_at), paused_until)) FROM link_state"
        " WHERE link_id = ANY(%s)",
        (list(link_ids),),
    )
    row = await cursor.fetchone()
    return None if row is None else utc_or_none(row[0])


class LinkProof(msgspec.Struct, frozen=True, kw_only=True):
    """A link as people see it: its supervision, and what waits for it."""

    link_id: str
    watched_since: datetime | None
    alive_since: datetime | None
    silent_since: datetime | None
    heartbeat_sent_at: datetime | None
    heartbeat_answered_at: datetime | None
    last_error: str | None
    test_sent_at: datetime | None
    test_receipted_at: datetime | None
    test_receipt_id: str | None
    untested_since: datetime | None
    paused_until: datetime | None
    pause_reason: str
    queued: int
    oldest_queued_at: datetime | None


_PROOFS: LiteralString = """
SELECT link.link_id, s.watched_since, s.alive_since, s.silent_since, s.heartbeat_sent_at, s.heartbeat_answered_at,
       s.last_error, s.test_sent_at, s.test_receipted_at, s.test_receipt_id, s.untested_since, s.paused_until,
       coalesce(s.pause_reason, ''), coalesce(w.queued, 0), w.oldest
FROM unnest(%s::text[]) WITH ORDINALITY AS link (link_id, place)
LEFT JOIN link_state AS s USING (link_id)
LEFT JOIN (
    SELECT recipient, count(*) AS queued, min(created_at) AS oldest
    FROM delivery WHERE state = 'queued' AND channel = 'webhook' GROUP BY recipient
) AS w ON w.recipient = link.link_id
ORDER BY link.place
"""


async def link_proofs(conn: Connection, link_ids: Sequence[str]) -> list[LinkProof]:
    """In the order of ``link_ids``."""
    cursor = await conn.execute(_PROOFS, (list(link_ids),))
    names = LinkProof.__struct_fields__
    return [msgspec.convert(_values(names, row), LinkProof) for row in await cursor.fetchall()]
