"""Whoever claims a number of rows gets no more than that, though the planner takes the table for all but empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.delivery import Delivery, DeliveryChannel, Notice
from storage.deliveries import claim_deliveries, queue_deliveries
from storage.link_polls import claim_polls
from storage.pool import Connection

NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
WAITING, LIMIT = 120, 15


async def _queue(conn: Connection, many: int) -> list[UUID]:
    queued = [
        Delivery(
            delivery_id=uuid4(),
            incident_id=None,
            channel=DeliveryChannel.APPRISE,
            recipient=f"leader {number}",
            notice=Notice.WARNING,
            body={},
            created_at=NOW,
            next_attempt_at=NOW,
        )
        for number in range(many)
    ]
    await queue_deliveries(conn, queued, life_safety=False)
    return [one.delivery_id for one in queued]


async def _enrol(conn: Connection, many: int) -> None:
    for delivery_id in await _queue(conn, many):
        await conn.execute("INSERT INTO delivery_poll VALUES (%s, 'police', 0, %s)", (delivery_id, NOW))


async def test_deliveries(conn: Connection) -> None:
    """As after a quiet month: one more would be one that a hanging gateway keeps from life safety."""
    await _queue(conn, 1000)
    await conn.execute("DELETE FROM delivery")
    await conn.execute("ANALYZE delivery")  # many pages, no row
    waiting = set(await _queue(conn, WAITING))
    claims = [
        {one.delivery_id for one in await claim_deliveries(conn, at=NOW, lease_until=NOW + timedelta(1), limit=LIMIT)}
        for _ in range(WAITING // LIMIT)
    ]
    assert [len(claim) for claim in claims] == [LIMIT] * (WAITING // LIMIT)
    assert set.union(*claims) == waiting


async def test_polls(conn: Connection) -> None:
    await _enrol(conn, 1000)
    await conn.execute("DELETE FROM delivery_poll")
    await conn.execute("ANALYZE delivery_poll")
    await _enrol(conn, WAITING)
    claims = [
        set(await claim_polls(conn, "police", at=NOW, first_s=60.0, longest_s=60.0, limit=LIMIT))
        for _ in range(WAITING // LIMIT)
    ]
    assert [len(claim) for claim in claims] == [LIMIT] * (WAITING // LIMIT)
    assert len(set.union(*claims)) == WAITING
