"""What police, education and a duty leader's telephone answer. Pure: no network, no clock, no waiting.

`FarEnds.take` decides, and its `Answer` says how long whoever carries it has to wait first: `simulators.receivers` does
so over HTTP, a rehearsal under its virtual clock.

============= =====================================================================================
ok            take the alarm, answer the receipt
slow          take it, answer the receipt after ``seconds``
refuse        403, nothing taken: for the sender a permanent failure
error500      500, nothing taken
hang          nothing taken and no answer for ``seconds``, then 503
wrong_receipt take the alarm, answer the receipt of another one
lose          take the alarm and break the connection off before the receipt is through
============= =====================================================================================

Heartbeats and test alarms of the links themselves are answered like alarms and kept apart from them. A person at a link
may say something of each new alarm some time after its receipt: `Answer.person`, for whoever calls the control room
back; `FarEnds.status` tells it to a control room that asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import structlog

from simulators.alarm_lines import Language, alarm_line, phone_line
from simulators.cap_reading import MEDIA_TYPE, read_cap
from simulators.errors import SignatureRefused, SimulatorError
from simulators.notices import NoticeBook
from simulators.receipts import KEPT, ReceiptBook
from simulators.signature import Seal

log = structlog.get_logger()


class LinkName(StrEnum):
    POLICE = "police"
    EDUCATION = "education"
    PHONE = "phone"


class Mode(StrEnum):
    OK = "ok"
    SLOW = "slow"
    REFUSE = "refuse"
    HANG = "hang"
    ERROR500 = "error500"
    WRONG_RECEIPT = "wrong_receipt"
    LOSE = "lose"


class Person(StrEnum):
    """What the person at a link does with an alarm."""

    SILENT = "silent"
    ACCEPTS = "accepts"
    REFUSES = "refuses"


class LinkBehaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``seconds`` is how long `slow` and `hang` take, ``person_after_s`` how long the person there takes."""

    link: LinkName
    mode: Mode = Mode.OK
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 5.0
    person: Person = Person.SILENT
    person_after_s: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 20.0


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of the alarm ``webhook_id``, ``after_s`` from now."""

    webhook_id: str
    accepted: bool
    after_s: float


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a person will have said from ``at`` on."""

    accepted: bool
    at: datetime


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP status and a JSON object, due ``after_s``. ``broken_off``: the connection ends in the middle of it, so
    that the sender never reads it. ``person``: somebody there will say something of what has just come.
    """

    status: int
    body: dict[str, Any]
    after_s: float = 0.0
    broken_off: bool = False
    person: Say | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a question of the control room, and the headers that sign it."""

    answer: Answer
    headers: dict[str, str] = {}


class _WebhookIds(msgspec.Struct):
    webhook_ids: Annotated[list[str], msgspec.Meta(max_length=1000)]


class _Question(msgspec.Struct):
    data: _WebhookIds


class FarEnds:
    """The three far ends. The secrets are the links' ``whsec_...``; ``say`` gets one line for each alarm taken.

    ``books`` and ``notices`` hold what was taken, ``trials`` the tests of the links, ``said`` what people say;
    ``heartbeats`` counts those that were answered, ``attempts`` and ``bad_signatures`` what was tried, ``asked`` the
    questions for what was said.
    """

    def __init__(
        self,
        *,
        police_secret: str,
        education_secret: str,
        language: Language = Language.ZH,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._language = language
        self._say = say
        self._seals = {LinkName.POLICE: Seal(police_secret), LinkName.EDUCATION: Seal(education_secret)}
        self.books = {LinkName.POLICE: ReceiptBook("JJ"), LinkName.EDUCATION: ReceiptBook("JY")}
        self.trials = {LinkName.POLICE: ReceiptBook("JC"), LinkName.EDUCATION: ReceiptBook("YC")}
        self.heartbeats = dict.fromkeys((LinkName.POLICE, LinkName.EDUCATION), 0)
        self.notices = NoticeBook("SJ")
        self.said: dict[LinkName, OrderedDict[str, Said]] = {name: OrderedDict() for name in self._seals}
        self.asked = dict.fromkeys(self._seals, 0)
        self.behaviour = {link: LinkBehaviour(link=link) for link in LinkName}
        self.attempts = dict.fromkeys(LinkName, 0)
        self.bad_signatures = dict.fromkeys(LinkName, 0)

    def behave(self, wanted: LinkBehaviour) -> None:
        """From the next delivery on."""
        self.behaviour[wanted.link] = wanted

    def take(self, link: LinkName, headers: Mapping[str, str], body: bytes, at: datetime) -> Answer:
        """What ``link`` answers to a delivery that arrives at ``at``."""
        if link is LinkName.PHONE:
            self.attempts[link] += 1
            return self._ring(body, at)
        headers = {name.lower(): text for name, text in headers.items()}
        try:
            webhook_id = self._seals[link].check(headers, body, at)
        except SignatureRefused as error:
            self.attempts[link] += 1
            self.bad_signatures[link] += 1
            log.warning("signature_refused", link=link.value, error=str(error))
            return problem(401, f"signature: {error}")
        try:
            alarm = self._read(headers.get("content-type", ""), body)
        except (msgspec.DecodeError, SimulatorError) as error:
            self.attempts[link] += 1
            return problem(400, f"not to be read: {error}")
        if alarm.get("type") == "link.heartbeat":
            return self._beat(link, webhook_id, at)
        trial = isinstance(alarm.get("data"), dict) and alarm["data"].get("rule") == "link_test"
        if not trial:
            self.attempts[link] += 1
        if (refusal := self._refusal(link)) is not None:
            return refusal
        receipt, new = (self.trials if trial else self.books)[link].take(webhook_id, alarm, at)
        self._say(alarm_line(link.value, receipt, alarm, new=new, language=self._language))
        if self.behaviour[link].mode is Mode.WRONG_RECEIPT:
            receipt = msgspec.structs.replace(receipt, webhook_id="msg_of_somebody_else")
        answer = self._taken(link, msgspec.to_builtins(receipt))
        if new and not trial:
            answer = msgspec.structs.replace(answer, person=self._person(link, webhook_id, at))
        return answer

    def status(self, link: LinkName, headers: Mapping[str, str], body: bytes, at: datetime) -> Status:
        """What ``link`` answers to a question of what people there say."""
        headers = {name.lower(): text for name, text in headers.items()}
        try:
            webhook_id = self._seals[link].check(headers, body, at)
            asked = msgspec.json.decode(body, type=_Question).data.webhook_ids
        except SignatureRefused as error:
            self.bad_signatures[link] += 1
            return Status(answer=problem(401, f"signature: {error}"))
        except msgspec.DecodeError as error:
            return Status(answer=problem(400, f"not to be read: {error}"))
        self.asked[link] += 1
        if (refusal := self._refusal(link)) is not None:
            return Status(answer=refusal)
        found = [(one, said) for one in asked if (said := self.said[link].get(one)) is not None and said.at <= at]
        answers = [_words(link, one, accepted=said.accepted, at=said.at) for one, said in found]
        said_body = {"type": "delivery.statuses", "data": {"answers": answers}}
        signed = self._seals[link].headers(webhook_id, msgspec.json.encode(said_body), at)
        return Status(answer=Answer(status=200, body=said_body), headers=signed)

    def answer(self, link: LinkName, say: Say, at: datetime) -> tuple[dict[str, str], bytes]:
        """What the person sends back: headers and body, signed ``at``."""
        words = _words(link, say.webhook_id, accepted=say.accepted, at=at)
        body = msgspec.json.encode({"type": "delivery.answered", "data": words})
        return self._seals[link].headers(f"{say.webhook_id}.answer", body, at), body

    @staticmethod
    def _read(content_type: str, body: bytes) -> dict[str, Any]:
        if content_type.partition(";")[0].strip().lower() == MEDIA_TYPE:
            return read_cap(body)
        return msgspec.json.decode(body, type=dict[str, Any])

    def _beat(self, link: LinkName, webhook_id: str, at: datetime) -> Answer:
        if (refusal := self._refusal(link)) is not None:
            return refusal
        self.heartbeats[link] += 1
        named = "msg_of_somebody_else" if self.behaviour[link].mode is Mode.WRONG_RECEIPT else webhook_id
        return self._taken(
            link, {"webhook_id": named, "receipt_id": f"XT-{self.heartbeats[link]}", "received_at": at.isoformat()}
        )

    def _person(self, link: LinkName, webhook_id: str, at: datetime) -> Say | None:
        set_to = self.behaviour[link]
        if set_to.person is Person.SILENT:
            return None
        say = Say(webhook_id=webhook_id, accepted=set_to.person is Person.ACCEPTS, after_s=set_to.person_after_s)
        self.said[link][webhook_id] = Said(accepted=say.accepted, at=at + timedelta(seconds=say.after_s))
        if len(self.said[link]) > KEPT:
            self.said[link].popitem(last=False)
        return say

    def _ring(self, body: bytes, at: datetime) -> Answer:
        try:
            notice = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            return problem(400, f"not a JSON object: {error}")
        if (refusal := self._refusal(LinkName.PHONE)) is not None:
            return refusal
        taken = self.notices.take(notice, at)
        self._say(phone_line(notice, at, language=self._language))
        return self._taken(LinkName.PHONE, {"status": "ok", "notice_id": taken.notice_id})

    def _refusal(self, link: LinkName) -> Answer | None:
        """The answer when nothing is to be taken."""
        set_to = self.behaviour[link]
        match set_to.mode:
            case Mode.REFUSE:
                return problem(403, "refused")
            case Mode.ERROR500:
                return problem(500, "broken")
            case Mode.HANG:
                return problem(503, "hung", after_s=set_to.seconds)
        return None

    def _taken(self, link: LinkName, body: dict[str, Any]) -> Answer:
        set_to = self.behaviour[link]
        return Answer(
            status=200,
            body=body,
            after_s=set_to.seconds if set_to.mode is Mode.SLOW else 0.0,
            broken_off=set_to.mode is Mode.LOSE,
        )


def _words(link: LinkName, webhook_id: str, *, accepted: bool, at: datetime) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "answer": "accepted" if accepted else "refused",
        "by": f"{link.value} 01",
        "at": at.isoformat(),
    }


def problem(status: int, detail: str, *, after_s: float = 0.0) -> Answer:
    """A refusal in words."""
    return Answer(status=status, body={"detail": detail}, after_s=after_s)
