"""Ways out: one file a channel. A channel sends one delivery and answers with a receipt, nothing, or a failure."""

from __future__ import annotations

from typing import Protocol

from domain.delivery import Delivery, Receipt


class Channel(Protocol):
    """:raises TemporaryFailure: worth another try. :raises PermanentFailure: it will never be taken as it is."""

    async def send(self, delivery: Delivery) -> Receipt | None: ...
