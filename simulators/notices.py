"""What a duty leader's telephone keeps: each notice with a number of its own, and whether it was acknowledged. Pure."""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime
from typing import Any

import msgspec

from simulators.errors import UnknownNotice
from simulators.receipts import KEPT, DayNumbers

_LINK = re.compile(r"https?://[^\s<>\"'）)】]+")


class Notice(msgspec.Struct, kw_only=True):
    """Times are RFC 3339; ``acknowledged_at`` is empty until somebody did. ``link`` is the first address in the text:
    where the notice itself says how it is to be acknowledged.
    """

    notice_id: str
    received_at: str
    title: str
    message: str
    link: str = ""
    acknowledged_at: str = ""


class NoticeBook:
    """The newest notices, newest last. ``prefix`` begins their numbers."""

    def __init__(self, prefix: str) -> None:
        self._numbers = DayNumbers(prefix)
        self.received: deque[Notice] = deque(maxlen=KEPT)

    def take(self, notice: dict[str, Any], at: datetime) -> Notice:
        """``notice`` is what Apprise's ``json://`` sends; missing fields are left empty."""
        title, message = str(notice.get("title", "")), str(notice.get("message", ""))
        found = _LINK.search(message)
        taken = Notice(
            notice_id=self._numbers.next(at),
            received_at=at.isoformat(),
            title=title,
            message=message,
            link=found.group() if found else "",
        )
        self.received.append(taken)
        return taken

    def find(self, notice_id: str = "") -> Notice:
        """That one; without a number the newest that nobody has acknowledged. :raises UnknownNotice: there is none."""
        for notice in reversed(self.received):
            if notice.notice_id == notice_id or (not notice_id and not notice.acknowledged_at):
                return notice
        raise UnknownNotice(f"no notice {notice_id}" if notice_id else "no notice waits to be acknowledged")

    def acknowledge(self, notice_id: str, at: datetime) -> Notice:
        """A second time changes nothing. :raises UnknownNotice: there is no such notice."""
        notice = self.find(notice_id)
        notice.acknowledged_at = notice.acknowledged_at or at.isoformat()
        return notice
