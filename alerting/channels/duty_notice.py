"""Notices to duty leaders through Apprise: WeCom, DingTalk, Feishu, SMS gateways, mail and the rest.

Apprise blocks, so it runs in a thread. It tells success or failure of the service, which is no receipt of a person:
a notice ends as «sent», and the acknowledgement of the incident is what proves that somebody took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.delivery import Delivery, Receipt
from domain.errors import PermanentFailure, TemporaryFailure


class DutyNotice:
    """``contacts`` answers a delivery's recipient (a shift number) with Apprise URLs. They hold secrets."""

    def __init__(self, contacts: Callable[[int], Awaitable[Sequence[str]]], *, timeout_s: float = 15.0) -> None:
        self._contacts = contacts
        self._timeout_s = timeout_s

    @staticmethod
    async def prepare() -> None:
        """Load Apprise, which takes most of a second, before the first notice needs it."""
        await asyncio.to_thread(_load)

    async def send(self, delivery: Delivery) -> Receipt | None:
        """:raises TemporaryFailure: no service took it. :raises PermanentFailure: there is no usable contact."""
        shift_no = int(delivery.body["shift_no"])
        urls = await self._contacts(shift_no)
        if not urls:
            raise PermanentFailure("nobody to reach: this shift has no contact any more")
        title, text = str(delivery.body["title"]), str(delivery.body["text"])
        try:
            async with asyncio.timeout(self._timeout_s):
                taken, usable = await asyncio.to_thread(_notify, urls, title, text)
        except TimeoutError as error:
            raise TemporaryFailure(f"no answer within {self._timeout_s:g} s") from error
        if not usable:
            raise PermanentFailure("none of the contact addresses is understood; see the list of services of Apprise")
        if not taken:
            raise TemporaryFailure("no service took the notice")
        return None


def _load() -> Any:
    # Heavy, and needed by the process that sends notices alone.
    import apprise

    # What it knows of services is read when the first address is added.
    apprise.Apprise().add("json://127.0.0.1/")
    return apprise


def _notify(urls: Sequence[str], title: str, text: str) -> tuple[bool, int]:
    """Blocking. Whether any service took it, and how many addresses were understood."""
    sender = _load().Apprise()
    for url in urls:
        sender.add(url)
    taken = False
    for service in sender:
        taken = bool(service.notify(body=text, title=title)) or taken
    return taken, len(sender)
