"""What was given up is sent once more because a person says so, under the same id: a receiver recognises a second copy.

It gets a place in the outbox like any other. Where its day of tries is over (`alerting.retry`), one more failure gives
it up again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from domain.delivery import DeliveryChannel, DeliveryState
from domain.errors import IllegalTransition, UnknownDelivery
from domain.incident import IncidentState
from storage.audit_trail import append
from storage.deliveries import delivery_by_id, lock_delivery, queue_again
from storage.incidents import add_entry, lock_incident
from storage.pool import Connection


async def resend(
    conn: Connection, delivery_id: UUID, *, actor: str, reason: str, now: datetime, origin: str = ""
) -> None:
    """:raises UnknownDelivery: there is none with this id.
    :raises IllegalTransition: it was not given up; or it calls a person for what somebody has taken.
    """
    async with conn.transaction():
        known = await delivery_by_id(conn, delivery_id)
        # First the incident, as whoever acknowledges does: his acknowledgement cancels what was to be sent again before
        # it, and after it nothing is.
        incident = None
        if known is not None and known.incident_id is not None:
            incident = await lock_incident(conn, known.incident_id)
        delivery = await lock_delivery(conn, delivery_id)
        if delivery is None:
            raise UnknownDelivery(f"no delivery {delivery_id}")
        if delivery.state is not DeliveryState.FAILED:
            raise IllegalTransition(f"it is {delivery.state.value}; only what was given up is sent again")
        number = None
        if incident is not None:
            number = incident.number
            waits = incident.state in (IncidentState.RAISED, IncidentState.RETURNED)
            if delivery.channel is not DeliveryChannel.WEBHOOK and not waits:
                raise IllegalTransition(f"#{number} is {incident.state.value}: nobody is called for it any more")
        await queue_again(conn, delivery_id, at=now)
        detail = {"recipient": delivery.recipient, "notice": delivery.notice.value, "reason": reason}
        if incident is not None:
            told = detail | {"channel": delivery.channel.value} | ({"origin": origin} if origin else {})
            await add_entry(conn, incident.incident_id, at=now, kind="resent", actor=actor, detail=told)
        await append(
            conn,
            at=now,
            actor=actor,
            origin=origin,
            action="delivery.resent",
            subject=str(delivery_id),
            detail=detail | ({"number": number} if number is not None else {}),
        )
