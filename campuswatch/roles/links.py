"""The links to police and education, put together from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from alerting.channels import Channel
from alerting.channels.webhook import HttpPost, WebhookLink
from campuswatch.roles.surroundings import Surroundings

#: Seconds that a link may take to connect and to answer. A test alarm shows how long it really takes.
CONNECT_S = 3.0
ANSWER_S = 10.0


@asynccontextmanager
async def open_links(around: Surroundings) -> AsyncIterator[Mapping[str, Channel]]:
    """Every configured link, with a client of its own: one that hangs takes no connection from another."""
    links: dict[str, WebhookLink] = {}
    async with AsyncExitStack() as stack:
        for link_id, link in around.settings.links.items():
            client = await stack.enter_async_context(
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=ANSWER_S + CONNECT_S, connect=CONNECT_S, sock_read=ANSWER_S),
                    connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=60),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                )
            )
            post = HttpPost(client, link.url)
            links[link_id] = WebhookLink(link_id, link.secret.get_secret_value(), post=post, clock=around.clock)
        yield links
