"""Notices to people through Apprise: WeCom, DingTalk, Feishu, SMS gateways, mail and the rest.

Apprise blocks, so it runs in threads of its own: as many people are told at once as there are. It tells success or
failure of the service, which is no receipt of a person: a notice ends as «sent», and the acknowledgement of the
incident is what proves that somebody took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alerting.directory import Look, text_with_link
from domain.delivery import Delivery, Receipt
from domain.errors import PermanentFailure, TemporaryFailure

#: As many as the dispatcher has under way.
THREADS = 64


class DutyNotice:
    """``look`` answers with Apprise URLs. They hold secrets."""

    def __init__(self, look: Look, *, timeout_s: float = 15.0) -> None:
        self._look = look
        self._timeout_s = timeout_s
        # Threads are started when they are first needed.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="notice")

    @staticmethod
    async def prepare() -> None:
        """Load Apprise, which takes most of a second, before the first notice needs it."""
        await asyncio.to_thread(_load)

    async def send(self, delivery: Delivery) -> Receipt | None:
        """:raises TemporaryFailure: no service took it. :raises PermanentFailure: there is no usable contact."""
        reach = await self._look(delivery)
        if not reach.addresses:
            raise PermanentFailure("nobody to reach: there is no such contact any more")
        title, text = str(delivery.body["title"]), text_with_link(delivery, reach)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                taken, usable = await loop.run_in_executor(self._threads, _notify, reach.addresses, title, text)
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
