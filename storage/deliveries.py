"""The outbox: deliveries queued with their incident, claimed, tried, receipted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.delivery import Answer, Delivery, DeliveryChannel, DeliveryState, DeliveryStep, Notice, Receipt, before
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

_COLUMNS: LiteralString = (
    "delivery_id, incident_id, channel, recipient, notice, body, state, attempts, created_at, next_attempt_at, step_key"
)


async def queue_deliveries(
    conn: Connection,
    deliveries: Sequence[Delivery],
    *,
    life_safety: bool,
    lease_until: datetime | None = None,
    leased_by: str | None = None,
) -> None:
    """Queue deliveries; with ``lease_until`` the caller sends them itself and nobody else takes them before, unless it
    dies and its successor gives them back (`give_back`).
    """
    if not deliveries:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO delivery (delivery_id, incident_id, channel, recipient, notice, body, life_safety, created_at,"
            " next_attempt_at, lease_until, leased_by, step_key)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    d.delivery_id,
                    d.incident_id,
                    d.channel.value,
                    d.recipient,
                    d.notice.value,
                    Jsonb(d.body),
                    life_safety,
                    d.created_at,
                    d.next_attempt_at,
                    lease_until,
                    leased_by,
                    d.step_key,
                )
                for d in deliveries
            ],
        )
    if lease_until is None:
        await notify(conn, NoticeChannel.DELIVERY)


#: A reset is never told before the alarm that it ends.
_BEHIND: LiteralString = (
    "(notice = 'reset' AND EXISTS (SELECT FROM delivery AS call WHERE call.incident_id = delivery.incident_id"
    " AND call.recipient = delivery.recipient AND call.notice = 'raised' AND call.state = 'queued'))"
)
_RESET_WAITS: LiteralString = (
    "EXISTS (SELECT FROM delivery AS reset WHERE reset.incident_id = delivery.incident_id"
    " AND reset.recipient = delivery.recipient AND reset.notice = 'reset' AND reset.state = 'queued')"
)


class Waiting(NamedTuple):
    """A delivery that was claimed."""

    delivery_id: UUID
    row: Sequence[Any]

    def read(self) -> Delivery:
        """:raises ValueError: another version of the program wrote it, or nobody's did."""
        return _delivery(self.row)


async def claim_waiting(
    conn: Connection,
    *,
    at: datetime,
    lease_until: datetime,
    limit: int,
    without: Sequence[str] = (),
    spent: Sequence[str] = (),
) -> list[Waiting]:
    """Take due deliveries until ``lease_until``, but for the recipients ``without``. Two processes never get the same
    one. Life safety comes first; of the channels ``spent`` it comes alone.
    """
    # An array is made once. What stands behind IN may be asked again for every row, and locks other rows each time.
    cursor = await conn.execute(
        f"UPDATE delivery SET lease_until = %(lease)s, leased_by = NULL WHERE delivery_id = ANY (ARRAY("
        " SELECT delivery_id FROM delivery WHERE state = 'queued' AND next_attempt_at <= %(at)s"
        " AND (lease_until IS NULL OR lease_until <= %(at)s) AND NOT recipient = ANY(%(without)s)"
        " AND (life_safety OR NOT channel = ANY(%(spent)s))"
        f" AND NOT {_BEHIND}"
        " ORDER BY life_safety DESC, next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED"
        f")) RETURNING {_COLUMNS}",
        {"at": at, "lease": lease_until, "limit": limit, "without": list(without), "spent": list(spent)},
    )
    return [Waiting(row[0], row) for row in await cursor.fetchall()]


async def claim_deliveries(conn: Connection, *, at: datetime, lease_until: datetime, limit: int) -> list[Delivery]:
    """`claim_waiting` from anybody over any channel, read."""
    return [waiting.read() for waiting in await claim_waiting(conn, at=at, lease_until=lease_until, limit=limit)]


async def delivery_of(conn: Connection, delivery_id: UUID, *, recipient: str) -> Delivery | None:
    """One delivery to the link ``recipient``, locked until the transaction ends."""
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM delivery WHERE delivery_id = %s AND recipient = %s AND channel = 'webhook'"
        " FOR NO KEY UPDATE",
        (delivery_id, recipient),
    )
    row = await cursor.fetchone()
    return None if row is None else _delivery(row)


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(
        delivery_id=row[0],
        incident_id=row[1],
        channel=DeliveryChannel(row[2]),
        recipient=row[3],
        notice=Notice(row[4]),
        body=row[5],
        state=DeliveryState(row[6]),
        attempts=row[7],
        created_at=row[8],
        next_attempt_at=row[9],
        step_key=row[10],
    )


async def delivery_by_id(conn: Connection, delivery_id: UUID) -> Delivery | None:
    cursor = await conn.execute(f"SELECT {_COLUMNS} FROM delivery WHERE delivery_id = %s", (delivery_id,))
    row = await cursor.fetchone()
    return None if row is None else _delivery(row)


async def lock_delivery(conn: Connection, delivery_id: UUID) -> Delivery | None:
    """One delivery, locked until the transaction ends."""
    cursor = await conn.execute(
        f"SELECT {_COLUMNS} FROM delivery WHERE delivery_id = %s FOR NO KEY UPDATE", (delivery_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else _delivery(row)


async def queue_again(conn: Connection, delivery_id: UUID, *, at: datetime) -> None:
    """What was given up is due ``at``; what was wrong with it stays written until it arrives."""
    await conn.execute(
        "UPDATE delivery SET state = 'queued', next_attempt_at = %s, lease_until = NULL, leased_by = NULL"
        " WHERE delivery_id = %s AND state = ANY(%s)",
        (at, delivery_id, before(DeliveryStep.RESEND)),
    )
    await notify(conn, NoticeChannel.DELIVERY)


async def still_wanted(conn: Connection, delivery_id: UUID) -> bool:
    """Whether nobody cancelled or settled it since it was claimed."""
    cursor = await conn.execute("SELECT state = 'queued' FROM delivery WHERE delivery_id = %s", (delivery_id,))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def step_in_vain(conn: Connection, incident_id: UUID, step_key: str, *, tries: int) -> bool:
    """Whether of everybody whom this step tells nobody was reached: each failed, or was tried ``tries`` times."""
    cursor = await conn.execute(
        "SELECT bool_and(state = 'failed' OR (state = 'queued' AND attempts >= %s)) FROM delivery"
        " WHERE incident_id = %s AND step_key = %s",
        (tries, incident_id, step_key),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def give_back(conn: Connection, *, holder: str, but: str, at: datetime) -> int:
    """Make what earlier processes of ``holder`` (their names begin with it) leased, and ``but`` did not, due ``at``."""
    cursor = await conn.execute(
        "UPDATE delivery SET lease_until = NULL, leased_by = NULL, next_attempt_at = least(next_attempt_at, %s)"
        " WHERE state = 'queued' AND starts_with(leased_by, %s) AND leased_by <> %s",
        (at, holder, but),
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.DELIVERY)
    return cursor.rowcount


async def take_over(
    conn: Connection, delivery_ids: Sequence[UUID], *, holder: str, process: str, lease_until: datetime
) -> set[UUID]:
    """Lease to ``process`` what earlier processes of ``holder`` had leased. Of ``delivery_ids`` those that are not its
    to carry: they are settled, or somebody else has them.
    """
    await conn.execute(
        "UPDATE delivery SET lease_until = %s, leased_by = %s"
        " WHERE delivery_id = ANY(%s) AND state = 'queued' AND starts_with(leased_by, %s)",
        (lease_until, process, list(delivery_ids), holder),
    )
    cursor = await conn.execute(
        "SELECT delivery_id FROM delivery WHERE delivery_id = ANY(%s)"
        " AND (state <> 'queued' OR leased_by IS DISTINCT FROM %s)",
        (list(delivery_ids), process),
    )
    return {delivery_id for (delivery_id,) in await cursor.fetchall()}


async def next_due(conn: Connection) -> datetime | None:
    """When the next queued delivery wants to be tried."""
    cursor = await conn.execute(
        f"SELECT min(greatest(next_attempt_at, lease_until)) FROM delivery WHERE state = 'queued' AND NOT {_BEHIND}"
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def record_arrival(
    conn: Connection, delivery_id: UUID, *, at: datetime, attempts: int, receipt: Receipt | None
) -> bool:
    """The delivery was taken; with ``receipt`` its arrival is proved. False where that had been recorded before."""
    # A person there may have answered before the receipt was through: it is kept, and the answer stands.
    cursor = await conn.execute(
        "UPDATE delivery SET state = CASE WHEN state = ANY('{accepted,refused}') THEN state ELSE %s END,"
        " attempts = greatest(attempts, %s), sent_at = coalesce(sent_at, %s),"
        " received_at = %s, receipt_id = %s, receipt = %s, receipted_at = coalesce(receipted_at, %s),"
        " lease_until = NULL, last_error = NULL"
        " WHERE delivery_id = %s AND (state = ANY(%s) OR %s AND state = ANY('{accepted,refused}')"
        f" AND receipt_id IS NULL) RETURNING {_RESET_WAITS}",
        (
            DeliveryState.SENT.value if receipt is None else DeliveryState.RECEIVED.value,
            attempts,
            at,
            None if receipt is None else receipt.received_at,
            None if receipt is None else receipt.receipt_id,
            None if receipt is None else Jsonb(receipt.detail),
            None if receipt is None else at,
            delivery_id,
            before(DeliveryStep.SEND if receipt is None else DeliveryStep.RECEIPT),
            receipt is not None,
        ),
    )
    row = await cursor.fetchone()
    if row is not None and row[0]:
        await notify(conn, NoticeChannel.DELIVERY)
    return row is not None


class Answered(NamedTuple):
    """Of which incident and link a delivery was that a person there has answered, and whether that was news."""

    incident_id: UUID | None
    recipient: str
    news: bool


async def record_answer(conn: Connection, answer: Answer, *, recipient: str) -> Answered | None:
    """A person at the link ``recipient`` accepted or refused a delivery; None where the link was never given one with
    this id. An answer proves the arrival too. One that is older than what is known changes nothing.
    """
    cursor = await conn.execute(
        "UPDATE delivery SET state = %(state)s, answered_at = %(at)s, answered_by = %(by)s, answer_note = %(note)s,"
        " received_at = coalesce(received_at, %(at)s), sent_at = coalesce(sent_at, %(heard)s),"
        " receipted_at = coalesce(receipted_at, %(heard)s), lease_until = NULL, last_error = NULL"
        " WHERE delivery_id = %(id)s AND recipient = %(recipient)s AND channel = 'webhook' AND state = ANY(%(before)s)"
        " AND (answered_at IS NULL OR answered_at <= %(at)s)"
        f" RETURNING incident_id, {_RESET_WAITS}",
        {
            "state": (DeliveryState.ACCEPTED if answer.accepted else DeliveryState.REFUSED).value,
            "at": answer.at,
            "heard": answer.heard_at or answer.at,
            "by": answer.by,
            "note": answer.note,
            "id": answer.delivery_id,
            "recipient": recipient,
            "before": before(DeliveryStep.ACCEPT if answer.accepted else DeliveryStep.REFUSE),
        },
    )
    row = await cursor.fetchone()
    if row is not None:
        if row[1]:
            await notify(conn, NoticeChannel.DELIVERY)
        return Answered(row[0], recipient, True)
    cursor = await conn.execute(
        "SELECT incident_id FROM delivery WHERE delivery_id = %s AND recipient = %s AND channel = 'webhook'",
        (answer.delivery_id, recipient),
    )
    row = await cursor.fetchone()
    return None if row is None else Answered(row[0], recipient, False)


async def record_failure(
    conn: Connection,
    delivery_id: UUID,
    *,
    attempts: int,
    error: str,
    next_attempt_at: datetime | None,
    lease_until: datetime | None = None,
) -> bool | None:
    """A try failed: wait until ``next_attempt_at``, or give up where that is None. With ``lease_until`` the caller goes
    on trying by itself. Whether it is the first failure that is written down; None where the delivery is settled.
    """
    cursor = await conn.execute(
        "UPDATE delivery SET state = CASE WHEN %(next)s::timestamptz IS NULL THEN 'failed' ELSE 'queued' END,"
        " attempts = greatest(attempts, %(attempts)s), last_error = %(error)s,"
        " next_attempt_at = coalesce(%(next)s, next_attempt_at), lease_until = %(lease)s"
        " WHERE delivery_id = %(id)s AND state = ANY(%(before)s)"
        # The statement's snapshot: the row as it was before.
        " RETURNING (SELECT before.last_error IS NULL FROM delivery AS before WHERE before.delivery_id = %(id)s),"
        f" state = 'failed' AND {_RESET_WAITS}",
        {
            "id": delivery_id,
            "attempts": attempts,
            "error": error[:1000],
            "next": next_attempt_at,
            "lease": lease_until,
            "before": before(DeliveryStep.RETRY),
        },
    )
    row = await cursor.fetchone()
    if row is not None and row[1]:
        await notify(conn, NoticeChannel.DELIVERY)
    return None if row is None else bool(row[0])


async def cancel_notices(conn: Connection, incident_id: UUID) -> int:
    """Cancel the notices to people that were still to be sent; deliveries to police and education go on."""
    cursor = await conn.execute(
        "UPDATE delivery SET state = 'cancelled', lease_until = NULL"
        " WHERE incident_id = %s AND state = ANY(%s) AND channel <> 'webhook'",
        (incident_id, before(DeliveryStep.CANCEL)),
    )
    return cursor.rowcount


async def ways_told(
    conn: Connection, incident_id: UUID, recipient: str
) -> list[tuple[DeliveryChannel, dict[str, Any]]]:
    """Over which ways somebody was told of this incident: the channel, and what names the address."""
    cursor = await conn.execute(
        "SELECT DISTINCT channel, jsonb_strip_nulls(jsonb_build_object('language', body -> 'language',"
        " 'officer_no', body -> 'officer_no', 'shift_no', body -> 'shift_no', 'contact_no', body -> 'contact_no',"
        " 'person_id', body -> 'person_id')) FROM delivery"
        " WHERE incident_id = %s AND recipient = %s AND step_key IS NOT NULL",
        (incident_id, recipient),
    )
    return [(DeliveryChannel(channel), way) for channel, way in await cursor.fetchall()]


async def notified_links(conn: Connection, incident_id: UUID) -> list[str]:
    """The links that were told of this incident, or will be."""
    cursor = await conn.execute(
        "SELECT DISTINCT recipient FROM delivery WHERE incident_id = %s AND channel = 'webhook' AND notice = 'raised'",
        (incident_id,),
    )
    return [str(recipient) for (recipient,) in await cursor.fetchall()]


async def calls_of(conn: Connection, incident_id: UUID) -> list[tuple[str, datetime]]:
    """The id and time of each call that links were given, or will be, of this incident, the first one first."""
    cursor = await conn.execute(
        "SELECT DISTINCT body #>> '{data,call,id}', (body #>> '{data,call,at}')::timestamptz FROM delivery"
        " WHERE incident_id = %s AND channel = 'webhook' AND notice = 'raised'"
        " AND body #>> '{data,call,at}' IS NOT NULL"
        " ORDER BY 2, 1",
        (incident_id,),
    )
    return [(str(call_id), at) for call_id, at in await cursor.fetchall()]
