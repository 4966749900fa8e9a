"""What far ends that cannot call back are asked about: deliveries that were received and that nobody has answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from storage.instants import utc_or_none
from storage.pool import Connection

#: As the index `delivery_unanswered` has it.
_UNANSWERED: LiteralString = "state = 'received' AND channel = 'webhook' AND notice IN ('raised', 'report')"


async def enrol(conn: Connection, link_id: str, *, since: datetime, first_s: float, limit: int) -> None:
    """Have asked about, ``first_s`` after it was taken, what this link was given since ``since``; the oldest of it
    first. What was answered, or was given before, is asked about no more.
    """
    await conn.execute(
        "DELETE FROM delivery_poll AS poll USING delivery"
        " WHERE poll.recipient = %s AND delivery.delivery_id = poll.delivery_id"
        " AND (delivery.state <> 'received' OR delivery.sent_at <= %s)",
        (link_id, since),
    )
    await conn.execute(
        "INSERT INTO delivery_poll (delivery_id, recipient, next_at)"
        " SELECT delivery_id, recipient, sent_at + %(first)s FROM delivery"
        f" WHERE recipient = %(link)s AND sent_at > %(since)s AND {_UNANSWERED}"
        " AND NOT EXISTS (SELECT FROM delivery_poll AS poll WHERE poll.delivery_id = delivery.delivery_id)"
        " ORDER BY sent_at LIMIT %(limit)s ON CONFLICT DO NOTHING",
        {"link": link_id, "since": since, "first": timedelta(seconds=first_s), "limit": limit},
    )


async def claim_polls(
    conn: Connection, link_id: str, *, at: datetime, first_s: float, longest_s: float, limit: int
) -> list[UUID]:
    """What is due to be asked about; the caller's to ask. The next time is twice as far off, up to ``longest_s``."""
    cursor = await conn.execute(
        "UPDATE delivery_poll SET polls = polls + 1,"
        " next_at = %(at)s + least(%(first)s * 2.0 ^ least(polls + 1, 20), %(longest)s) * interval '1 second'"
        " WHERE delivery_id = ANY (ARRAY("  # made once, whatever the planner does
        "SELECT delivery_id FROM delivery_poll WHERE recipient = %(link)s AND next_at <= %(at)s"
        " ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING delivery_id",
        {"link": link_id, "at": at, "first": first_s, "longest": longest_s, "limit": limit},
    )
    return [delivery_id for (delivery_id,) in await cursor.fetchall()]


async def next_poll(conn: Connection, link_id: str) -> datetime | None:
    """When something is to be asked about again."""
    cursor = await conn.execute("SELECT min(next_at) FROM delivery_poll WHERE recipient = %s", (link_id,))
    row = await cursor.fetchone()
    return None if row is None else utc_or_none(row[0])
