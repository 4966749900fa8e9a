"""What a person at the far end says of a delivery: accepted or refused, signed like everything on the link."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import structlog

from alerting.channels.webhook import ReceiptAnswer
from alerting.signature import Seal
from alerting.supervision import end_untested, hear_late
from domain.delivery import Answer, Receipt
from domain.errors import AnswerRefused, UnknownDelivery
from storage.audit_trail import append
from storage.deliveries import delivery_of, record_answer, record_arrival
from storage.incidents import add_entry
from storage.links import receipt_of_test
from storage.pool import Connection

log = structlog.get_logger("alerting.link_answers")

#: A time further off than this is a wrong clock; ours counts then.
_PLAUSIBLE = timedelta(days=1)


class _Data(msgspec.Struct):
    webhook_id: str
    answer: Literal["accepted", "refused"]
    by: str = ""
    at: datetime | None = None
    note: str = ""


class _Body(msgspec.Struct):
    data: _Data
    type: str = ""


class _Answers(msgspec.Struct):
    answers: list[msgspec.Raw]


class _Statuses(msgspec.Struct):
    data: _Answers
    type: str = ""


def read_answer(headers: Mapping[str, str], body: bytes, seal: Seal, now: datetime) -> Answer:
    """The answer in a signed body.

    :raises SignatureRefused: it does not come from the other side of this link.
    :raises AnswerRefused: it is no answer.
    """
    seal.check(headers, body, now)
    return answer_in(body, now)


def answer_in(body: bytes, now: datetime) -> Answer:
    """:raises AnswerRefused: it is no answer."""
    try:
        return _answer(msgspec.json.decode(body, type=_Body).data, now)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        raise AnswerRefused(f"not an answer: {error}") from error


def answers_in(body: bytes, now: datetime) -> list[Answer]:
    """Those in the answer of a status URL; one that cannot be read is left out, and keeps no other from being heard.

    :raises AnswerRefused: it is no answer at all.
    """
    try:
        listed = msgspec.json.decode(body, type=_Statuses).data.answers
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AnswerRefused(f"not answers: {error}") from error
    found: list[Answer] = []
    for raw in listed:
        try:
            found.append(_answer(msgspec.json.decode(raw, type=_Data), now))
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("answer not understood", error=str(error))
    return found


def _answer(data: _Data, now: datetime) -> Answer:
    """:raises ValueError: it names no delivery."""
    delivery_id = UUID(hex=data.webhook_id.removeprefix("msg_"))
    return Answer(
        delivery_id=delivery_id,
        accepted=data.answer == "accepted",
        by=_readable(data.by, 100),
        at=_time(data.at, now),
        note=_readable(data.note, 500),
        heard_at=now,
    )


async def take_answer(conn: Connection, link_id: str, answer: Answer) -> bool:
    """Write it down with a line in the timeline; whether it was news.

    :raises UnknownDelivery: this link was never given such a delivery.
    """
    async with conn.transaction():
        done = await record_answer(conn, answer, recipient=link_id)
        if done is None:
            raise UnknownDelivery(f"nothing was sent to {link_id} under msg_{answer.delivery_id.hex}")
        if done.news and done.incident_id is not None:
            await add_entry(
                conn,
                done.incident_id,
                at=answer.at,
                kind="link_accepted" if answer.accepted else "link_refused",
                actor=answer.by or link_id,
                detail={"recipient": link_id} | ({"note": answer.note} if answer.note else {}),
            )
        if done.news:
            await append(
                conn,
                at=answer.at,
                actor=answer.by or link_id,
                action="delivery.accepted" if answer.accepted else "delivery.refused",
                subject=str(answer.delivery_id),
                detail={"link": link_id} | ({"note": answer.note} if answer.note else {}),
                origin=f"link {link_id}",
            )
    return done.news


async def take_reply(conn: Connection, link_id: str, body: bytes, now: datetime) -> None:
    """Write down what came over a link whose signature was checked: a receipt that came late, or an answer. What is
    neither, or of nothing that was sent, is said in the log and changes nothing.
    """
    try:
        receipt = msgspec.json.decode(body, type=ReceiptAnswer)
        delivery_id = UUID(hex=receipt.webhook_id.removeprefix("msg_"))
    except (msgspec.MsgspecError, ValueError):
        try:
            await take_answer(conn, link_id, answer_in(body, now))
        except (AnswerRefused, UnknownDelivery) as error:
            log.warning("reply not understood", link=link_id, error=str(error))
        return
    async with conn.transaction():
        found = await delivery_of(conn, delivery_id, recipient=link_id)
        kept = receipt.kept(now, {"late": True})
        if found is None:
            await _of_supervision(conn, link_id, receipt.webhook_id, kept, now)
        news = found is not None and await record_arrival(conn, delivery_id, at=now, attempts=0, receipt=kept)
        if news and found is not None and found.incident_id is not None:
            await add_entry(
                conn,
                found.incident_id,
                at=now,
                kind="receipt",
                actor="system",
                detail={
                    "recipient": link_id,
                    "channel": found.channel.value,
                    "notice": found.notice.value,
                    "receipt_id": kept.receipt_id,
                },
            )


async def _of_supervision(conn: Connection, link_id: str, webhook_id: str, receipt: Receipt, now: datetime) -> None:
    """Heartbeats and test alarms are no deliveries."""
    if await hear_late(conn, link_id, webhook_id=webhook_id, now=now):
        return
    if await receipt_of_test(
        conn, link_id, webhook_id=webhook_id, at=receipt.received_at, receipt_id=receipt.receipt_id
    ):
        await end_untested(conn, link_id, receipt_id=receipt.receipt_id, now=now)


def _time(said: datetime | None, now: datetime) -> datetime:
    if said is None:
        return now
    at = said.replace(tzinfo=UTC) if said.tzinfo is None else said
    try:
        return at.astimezone(UTC) if abs(at - now) < _PLAUSIBLE else now
    except OverflowError:
        return now


def _readable(text: str, most: int) -> str:
    """What our tables and pages can show."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:most]).strip()
