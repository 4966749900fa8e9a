"""Deliveries of all incidents as people look after them: what waits, what is tried again, what was given up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, LiteralString
from uuid import UUID

import msgspec

from storage.incident_views import without_address
from storage.instants import utc, utc_or_none
from storage.pool import Connection

Which = Literal["waiting", "retried", "failed", "all"]

_WHICH: dict[Which, LiteralString] = {
    "waiting": "d.state = 'queued'",
    "retried": "d.state = 'queued' AND d.attempts > 0",
    "failed": "d.state = 'failed'",
    "all": "true",
}


class DeliveryPlace(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a delivery stands in the list, the newest first."""

    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    delivery_id: UUID


class DeliveryLine(msgspec.Struct, frozen=True, kw_only=True):
    """``incident_id`` is None of reports, early warnings and heartbeats. ``next_attempt_at``: of what waits."""

    delivery_id: UUID
    incident_id: UUID | None
    number: int | None
    rule: str | None
    site_id: str | None
    channel: str
    recipient: str
    notice: str
    state: str
    life_safety: bool
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    sent_at: datetime | None
    received_at: datetime | None
    receipt_id: str | None
    last_error: str | None


async def delivery_lines(
    conn: Connection, which: Which, *, limit: int, recipient: str | None = None, after: DeliveryPlace | None = None
) -> list[DeliveryLine]:
    wheres: list[LiteralString] = [_WHICH[which]]
    values: dict[str, Any] = {"limit": limit, "recipient": recipient}
    if recipient is not None:
        wheres.append("d.recipient = %(recipient)s")
    if after is not None:
        wheres.append("(d.created_at, d.delivery_id) < (%(created_at)s, %(delivery_id)s)")
        values |= msgspec.structs.asdict(after)
    cursor = await conn.execute(
        "SELECT d.delivery_id, d.incident_id, i.number, i.rule, i.site_id, d.channel, d.recipient, d.notice, d.state,"
        " d.life_safety, d.attempts, d.created_at, d.next_attempt_at, d.sent_at, d.received_at, d.receipt_id,"
        " d.last_error FROM delivery AS d LEFT JOIN incident AS i USING (incident_id)"
        f" WHERE {' AND '.join(wheres)} ORDER BY d.created_at DESC, d.delivery_id DESC LIMIT %(limit)s",
        values,
    )
    return [
        DeliveryLine(
            delivery_id=row[0],
            incident_id=row[1],
            number=row[2],
            rule=row[3],
            site_id=row[4],
            channel=row[5],
            recipient=without_address(row[6]) or "",
            notice=row[7],
            state=row[8],
            life_safety=row[9],
            attempts=row[10],
            created_at=utc(row[11]),
            next_attempt_at=utc(row[12]) if row[8] == "queued" else None,
            sent_at=utc_or_none(row[13]),
            received_at=utc_or_none(row[14]),
            receipt_id=row[15],
            last_error=without_address(row[16]),
        )
        for row in await cursor.fetchall()
    ]


async def delivery_counts(conn: Connection, *, since: datetime) -> dict[str, int]:
    """What waits and is tried again now, and what was given up since ``since``."""
    cursor = await conn.execute(
        "SELECT (SELECT count(*) FROM delivery WHERE state = 'queued'),"
        " (SELECT count(*) FROM delivery WHERE state = 'queued' AND attempts > 0),"
        " (SELECT count(*) FROM delivery WHERE state = 'failed' AND created_at >= %s)",
        (since,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return dict(zip(("waiting", "retried", "failed"), row, strict=True))
