"""The ways to people, put together from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from alerting.channels import Channel
from alerting.channels.duty_notice import DutyNotice
from alerting.channels.people_webhook import PeopleWebhook
from alerting.channels.voice_call import VoiceCall
from alerting.directory import Look
from campuswatch.roles.links import ANSWER_S, CONNECT_S
from campuswatch.roles.surroundings import Surroundings
from domain.delivery import DeliveryChannel


@asynccontextmanager
async def open_people(around: Surroundings, look: Look) -> AsyncIterator[Mapping[DeliveryChannel, Channel]]:
    """Every kind of way that is set up; voice needs a gateway."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_S + CONNECT_S, connect=CONNECT_S, sock_read=ANSWER_S),
        connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as client:
        channels: dict[DeliveryChannel, Channel] = {
            DeliveryChannel.APPRISE: DutyNotice(look),
            DeliveryChannel.PEOPLE_WEBHOOK: PeopleWebhook(look, lambda: client, clock=around.clock),
        }
        voice = around.settings.people.voice
        if voice is not None:
            channels[DeliveryChannel.VOICE] = VoiceCall(
                look,
                lambda: client,
                url=voice.url,
                secret=voice.secret.get_secret_value(),
                clock=around.clock,
            )
        yield channels
