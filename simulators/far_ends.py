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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import structlog

from simulators.alarm_lines import Language, alarm_line, phone_line
from simulators.errors import SignatureRefused
from simulators.notices import NoticeBook
from simulators.receipts import ReceiptBook
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


class LinkBehaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``seconds`` is how long `slow` and `hang` take."""

    link: LinkName
    mode: Mode = Mode.OK
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = 5.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP status and a JSON object, due ``after_s``. ``broken_off``: the connection ends in the middle of it, so
    that the sender never reads it.
    """

    status: int
    body: dict[str, Any]
    after_s: float = 0.0
    broken_off: bool = False


class FarEnds:
    """The three far ends. The secrets are the links' ``whsec_...``; ``say`` gets one line for each alarm taken.

    ``books`` and ``notices`` hold what was taken; ``attempts`` and ``bad_signatures`` count what was tried.
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
        self.notices = NoticeBook("SJ")
        self.behaviour = {link: LinkBehaviour(link=link) for link in LinkName}
        self.attempts = dict.fromkeys(LinkName, 0)
        self.bad_signatures = dict.fromkeys(LinkName, 0)

    def behave(self, wanted: LinkBehaviour) -> None:
        """From the next delivery on."""
        self.behaviour[wanted.link] = wanted

    def take(self, link: LinkName, headers: Mapping[str, str], body: bytes, at: datetime) -> Answer:
        """What ``link`` answers to a delivery that arrives at ``at``."""
        self.attempts[link] += 1
        if link is LinkName.PHONE:
            return self._ring(body, at)
        try:
            webhook_id = self._seals[link].check({name.lower(): text for name, text in headers.items()}, body, at)
        except SignatureRefused as error:
            self.bad_signatures[link] += 1
            log.warning("signature_refused", link=link.value, error=str(error))
            return problem(401, f"signature: {error}")
        try:
            alarm = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            return problem(400, f"not a JSON object: {error}")
        if (refusal := self._refusal(link)) is not None:
            return refusal
        receipt, new = self.books[link].take(webhook_id, alarm, at)
        self._say(alarm_line(link.value, receipt, alarm, new=new, language=self._language))
        if self.behaviour[link].mode is Mode.WRONG_RECEIPT:
            receipt = msgspec.structs.replace(receipt, webhook_id="msg_of_somebody_else")
        return self._taken(link, msgspec.to_builtins(receipt))

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


def problem(status: int, detail: str, *, after_s: float = 0.0) -> Answer:
    """A refusal in words."""
    return Answer(status=status, body={"detail": detail}, after_s=after_s)
