"""The courier carries one delivery to its channel and says how it went. No database here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from alerting.channels import Channel
from domain.delivery import Delivery, DeliveryChannel, Receipt
from domain.errors import PermanentFailure, TemporaryFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``taken`` with or without a receipt, or the ``error`` and whether it is final. ``attempts`` counts this try."""

    delivery: Delivery
    attempts: int
    taken: bool
    receipt: Receipt | None = None
    error: str = ""
    permanent: bool = False


class Courier:
    """Channels by name: links by their id, those to ``people`` by their kind."""

    def __init__(
        self,
        links: Mapping[str, Channel],
        people: Mapping[DeliveryChannel, Channel] | None = None,
        *,
        timeout_s: float = 20.0,
    ) -> None:
        self._links = links
        self._people = people or {}
        self._timeout_s = timeout_s

    async def carry(self, delivery: Delivery) -> Outcome:
        """Try once. Never raises but for cancellation: what went wrong is in the outcome."""
        attempts = delivery.attempts + 1
        link = delivery.channel is DeliveryChannel.WEBHOOK
        channel = self._links.get(delivery.recipient) if link else self._people.get(delivery.channel)
        if channel is None:
            return Outcome(
                delivery=delivery,
                attempts=attempts,
                taken=False,
                error=f"no {delivery.channel.value} channel named {delivery.recipient!r} is configured",
                permanent=False,  # it may be configured again; nothing may be lost by a slip in the settings
            )
        try:
            async with asyncio.timeout(self._timeout_s):
                receipt = await channel.send(delivery)
        except PermanentFailure as error:
            return Outcome(delivery=delivery, attempts=attempts, taken=False, error=str(error), permanent=True)
        except TemporaryFailure as error:
            return Outcome(delivery=delivery, attempts=attempts, taken=False, error=str(error))
        except TimeoutError:
            return Outcome(
                delivery=delivery, attempts=attempts, taken=False, error=f"no answer within {self._timeout_s:g} s"
            )
        except Exception as error:
            # A fault in a channel must not end the dispatcher and take everybody's alarms with it.
            return Outcome(delivery=delivery, attempts=attempts, taken=False, error=f"{type(error).__name__}: {error}")
        return Outcome(delivery=delivery, attempts=attempts, taken=True, receipt=receipt)
