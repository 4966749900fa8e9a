"""The links to police and education, put together from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from alerting.channels.webhook import WebhookLink
from campuswatch.roles.surroundings import Surroundings

#: Seconds that a link may take to connect and to answer. A test alarm shows how long it really takes.
CONNECT_S = 3.0
ANSWER_S = 10.0


@asynccontextmanager
async def open_links(around: Surroundings) -> AsyncIterator[dict[str, WebhookLink]]:
    """Every configured link, with a client of its own: one that hangs takes no connection from another."""
    links: dict[str, WebhookLink] = {}
    clients: list[httpx.AsyncClient] = []
    try:
        for link_id, link in around.settings.links.items():
            client = httpx.AsyncClient(
                timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
                limits=httpx.Limits(max_connections=64, max_keepalive_connections=8, keepalive_expiry=60),
                follow_redirects=False,  # a signed alarm goes to the address that was agreed upon, nowhere else
                trust_env=False,
            )
            clients.append(client)
            links[link_id] = WebhookLink(
                link_id, link.url, link.secret.get_secret_value(), client=client, clock=around.clock
            )
        yield links
    finally:
        for client in clients:
            await client.aclose()
