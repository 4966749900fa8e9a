"""What a receiver of alarms keeps: each alarm once by its ``webhook-id``, with a running number of its own.

Pure: no clock, no network. The number is what an operator at the other end would say aloud: ``JJ-20261122-0001``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime
from typing import Any

import msgspec

from simulators.message import CHINA_TIME

REMEMBERED = 10_000
KEPT = 1_000


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back over the wire. ``received_at`` is RFC 3339."""

    webhook_id: str
    receipt_id: str
    received_at: str


class Received(msgspec.Struct, kw_only=True):
    """One alarm taken. ``copies`` counts how often it came; more than 1 is a repeated delivery."""

    webhook_id: str
    receipt_id: str
    received_at: str
    copies: int
    type: str
    timestamp: str
    data: dict[str, Any]


class DayNumbers:
    """Running numbers that begin anew each day of China."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._day = ""
        self._number = 0

    def next(self, now: datetime) -> str:
        day = now.astimezone(CHINA_TIME).strftime("%Y%m%d")
        if day != self._day:
            self._day, self._number = day, 0
        self._number += 1
        return f"{self._prefix}-{day}-{self._number:04d}"


class ReceiptBook:
    """The alarms one agency has taken, newest last, bounded. ``prefix`` begins its receipt numbers."""

    def __init__(self, prefix: str) -> None:
        self._numbers = DayNumbers(prefix)
        self._by_webhook: OrderedDict[str, Received] = OrderedDict()
        self.received: deque[Received] = deque(maxlen=KEPT)

    def find(self, webhook_id: str) -> Received | None:
        return self._by_webhook.get(webhook_id)

    def take(self, webhook_id: str, body: dict[str, Any], now: datetime) -> tuple[Receipt, bool]:
        """The receipt, and whether the alarm is new. A copy gets the receipt of the first again."""
        entry = self._by_webhook.get(webhook_id)
        new = entry is None
        if entry is None:
            data = body.get("data")
            entry = Received(
                webhook_id=webhook_id,
                receipt_id=self._numbers.next(now),
                received_at=now.isoformat(),
                copies=0,
                type=str(body.get("type", "")),
                timestamp=str(body.get("timestamp", "")),
                data=data if isinstance(data, dict) else {},
            )
            self._by_webhook[webhook_id] = entry
            self.received.append(entry)
            if len(self._by_webhook) > REMEMBERED:
                self._by_webhook.popitem(last=False)
        entry.copies += 1
        receipt = Receipt(webhook_id=webhook_id, receipt_id=entry.receipt_id, received_at=entry.received_at)
        return receipt, new
