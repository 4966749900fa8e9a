"""A channel that keeps what it was given and fails as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from domain.delivery import Delivery, Receipt
from tests.unit.alerting.findings import NOW


class Inbox:
    """``failures`` are raised one after another before anything is taken; ``down`` is raised as long as it is set."""

    def __init__(self, failures: Iterable[Exception] = (), *, down: Exception | None = None) -> None:
        self.failures = list(failures)
        self.down = down
        self.tried: list[Delivery] = []
        self.taken: Counter[UUID] = Counter()
        self.gate: asyncio.Event | None = None

    async def send(self, delivery: Delivery) -> Receipt:
        self.tried.append(delivery)
        if self.gate is not None:
            await self.gate.wait()
        if self.down is not None:
            raise self.down
        if self.failures:
            raise self.failures.pop(0)
        self.taken[delivery.delivery_id] += 1
        return Receipt(receipt_id=f"R-{len(self.taken)}", received_at=NOW)
