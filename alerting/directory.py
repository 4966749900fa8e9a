"""The directory: from a delivery to the addresses of whom it is for, and the link that he may answer by.

Both are made in the moment of sending: addresses and links are secrets, and stand in no outbox.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec

from alerting.notice_link import LASTS, make_token
from alerting.templates import Template, told
from domain.clock import Clock
from domain.delivery import Delivery
from storage.duty import contact_addresses, contacts_of
from storage.pool import Pool, wrapped_errors
from storage.responses import signing_key
from storage.safety_officers import officer_addresses

#: Where the pages of links are, below the address that people reach.
LINK_PATH = "/answer/"


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """``addresses`` and ``link`` are secrets: never log or show them. ``link`` is "" where people reach no page."""

    addresses: tuple[str, ...]
    link: str = ""


Look = Callable[[Delivery], Awaitable[Reach]]


class Directory:
    """A `Look` into the database. ``public_url``: where people reach the pages, None = nowhere."""

    def __init__(self, pool: Pool, clock: Clock, *, public_url: str | None, lasts: timedelta = LASTS) -> None:
        self._pool = pool
        self._clock = clock
        self._public_url = public_url
        self._lasts = lasts
        self._key = b""

    async def __call__(self, delivery: Delivery) -> Reach:
        """:raises StorageError: the database is away."""
        async with wrapped_errors(), self._pool.connection() as conn:
            if (contact_no := delivery.body.get("contact_no")) is not None:
                addresses = tuple((await contact_addresses(conn, [int(contact_no)])).values())
            elif (officer_no := delivery.body.get("officer_no")) is not None:
                addresses = await officer_addresses(conn, int(officer_no))
            else:
                addresses = await contacts_of(conn, int(delivery.body.get("shift_no", 0)))
            if self._public_url and not self._key:
                self._key = await signing_key(conn)
        link = ""
        if self._public_url and delivery.incident_id is not None:
            token = make_token(self._key, delivery.delivery_id, until=self._clock.now() + self._lasts)
            link = f"{self._public_url.rstrip('/')}{LINK_PATH}{token}"
        return Reach(addresses=addresses, link=link)


def text_with_link(delivery: Delivery, reach: Reach) -> str:
    """The text of a notice, with the link below it."""
    text = str(delivery.body["text"])
    if not reach.link:
        return text
    return f"{text}\n{told(Template.LINK, str(delivery.body.get('language', 'zh'))).title}{reach.link}"
