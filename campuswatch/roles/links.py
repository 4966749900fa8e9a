"""The links to police and education, put together from the settings."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from alerting.cap import CapAddress
from alerting.channels import Channel
from alerting.channels.cap import cap_form
from alerting.channels.mqtt import Broker, MqttLink, OnReply
from alerting.channels.status import StatusLine
from alerting.channels.webhook import HttpPost, WebhookLink, json_form
from alerting.status_poll import PollPlan
from alerting.supervision import Plan
from campuswatch.roles.surroundings import Surroundings
from campuswatch.settings import LinkSettings, Settings
from domain.errors import SettingsError
from storage.reports import WhatStarts

#: Seconds that a link may take to connect and to answer. A test alarm shows how long it really takes.
CONNECT_S = 3.0
ANSWER_S = 10.0


def supervision_plan(settings: Settings) -> Plan:
    return Plan(
        heartbeat_s=settings.supervision.heartbeat_s,
        silent_s=settings.supervision.silent_s,
        test_s=settings.supervision.test_hours * 3600,
    )


def what_starts(settings: Settings) -> list[WhatStarts]:
    """The incidents that start the two-hour clock."""
    return [
        WhatStarts(rule=one.rule, category=one.category, severity=one.severity, unverified=one.unverified)
        for one in settings.reporting.starts
    ]


@asynccontextmanager
async def open_links(
    around: Surroundings, *, name: str, on_reply: OnReply | None = None
) -> AsyncIterator[Mapping[str, Channel]]:
    """Every configured link, with a client of its own: one that hangs takes no connection from another. ``name`` is the
    role's, by which brokers tell its sessions from those of others; ``on_reply`` hears what comes late over MQTT.
    """
    links: dict[str, Channel] = {}
    async with AsyncExitStack() as stack:
        for link_id, link in around.settings.links.items():
            if link.kind == "mqtt":
                links[link_id] = await stack.enter_async_context(_mqtt_link(around, link_id, link, name, on_reply))
                continue
            client = await stack.enter_async_context(_client(link_id, link))
            form = cap_form(cap_address(link_id, link), around.zone) if link.kind == "cap" else json_form
            secret, former = link.secrets()
            links[link_id] = WebhookLink(
                link_id, secret, former=former, post=HttpPost(client, link.url), clock=around.clock, form=form
            )
        yield links


@asynccontextmanager
async def open_inquiries(around: Surroundings) -> AsyncIterator[Mapping[str, PollPlan]]:
    """The links whose far ends are asked what a person there says, for they cannot call back."""
    plans: dict[str, PollPlan] = {}
    async with AsyncExitStack() as stack:
        for link_id, link in around.settings.links.items():
            if link.status_url is None:
                continue
            client = await stack.enter_async_context(_client(link_id, link))
            secret, former = link.secrets()
            line = StatusLine(secret, former=former, ask=HttpPost(client, link.status_url).ask, clock=around.clock)
            plans[link_id] = PollPlan(inquiry=line, first_s=link.status_s, for_s=link.status_hours * 3600)
        yield plans


def _client(link_id: str, link: LinkSettings) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_S + CONNECT_S, connect=CONNECT_S, sock_read=ANSWER_S),
        connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=60, ssl=trust(link_id, link) or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def cap_address(link_id: str, link: LinkSettings) -> CapAddress:
    """From whom CAP documents are, and for whom."""
    return CapAddress(
        sender=link.sender,
        sender_name=link.sender_name,
        scope="Restricted" if link.restriction else "Private",
        addresses=link.addresses or (() if link.restriction else (link_id,)),
        restriction=link.restriction,
    )


def trust(link_id: str, link: LinkSettings) -> ssl.SSLContext | None:
    """Whom a link believes, and as whom it shows itself; None where nothing is encrypted, on this machine.

    :raises SettingsError: a file holds no certificate, or no key that fits it.
    """
    if not {urlsplit(url).scheme for url in (link.url, link.status_url) if url} & {"https", "mqtts"}:
        return None
    try:
        context = ssl.create_default_context(cafile=str(link.ca) if link.ca else None)
    except OSError as error:  # ssl's errors are OSErrors
        raise SettingsError([f"links.{link_id}.ca: no certificate in {link.ca}: {_why(error)}"]) from error
    if link.certificate is not None and link.key is not None:
        try:
            context.load_cert_chain(link.certificate, link.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise SettingsError(
                [
                    f"links.{link_id}.certificate: no certificate in {link.certificate}, or none that {link.key} is the"
                    f" key of, without a password: {_why(error)}"
                ]
            ) from error
    return context


def _no_password() -> str:
    """Instead of asking for one on the terminal."""
    return ""


def _why(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)


def _mqtt_link(around: Surroundings, link_id: str, link: LinkSettings, name: str, on_reply: OnReply | None) -> MqttLink:
    parts = urlsplit(link.url)
    tls = trust(link_id, link) if parts.scheme == "mqtts" else None
    secret, former = link.secrets()
    return MqttLink(
        link_id,
        secret,
        former=former,
        broker=Broker(
            host=parts.hostname or "",
            port=parts.port or (8883 if tls else 1883),
            tls=tls,
            username=link.username,
            password=None if link.password is None else link.password.get_secret_value(),
        ),
        client_id=f"{around.settings.mqtt.client_id}-link-{link_id}-{name}",
        topic=link.topic or f"campuswatch/{link_id}",
        reply_s=link.reply_s,
        clock=around.clock,
        on_reply=on_reply,
    )
