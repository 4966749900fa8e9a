"""A link over another agency's broker as it is in earnest: TLS, a user with a password, and a certificate of ours."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import ValidationError

from alerting.channels.mqtt import Broker, MqttLink
from campuswatch.roles.links import trust
from campuswatch.settings import LinkSettings
from domain.clock import SystemClock
from domain.errors import SettingsError, TemporaryFailure
from simulators.broker import broker_address
from simulators.mqtt_far_end import MqttFarEnd
from tests.certificates import Authority, Signed
from tests.integration.alerting.test_mqtt_link import delivery
from tests.servers import Mosquitto

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Guarded(NamedTuple):
    """Two brokers of one agency, who vouches for them, who does not, and a certificate that one of them wants to see.
    The third shows a certificate for another place.
    """

    url: str
    wants_certificate: str
    elsewhere: str
    authority: Authority
    stranger: Authority
    ours: Signed


@pytest.fixture(scope="module")
def guarded(server_directory: Path) -> Iterator[Guarded]:
    directory = server_directory / "guarded-links"
    directory.mkdir(mode=0o755)
    authority, stranger = Authority(directory), Authority(directory, "stranger")
    here, ours = authority.signed("broker"), authority.signed("ours", host="campuswatch")
    away = authority.signed("away", host="broker.example", address="192.0.2.1")
    passwords = directory / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "wujin", "s3cret"], check=True, capture_output=True)
    passwords.chmod(0o644)
    login = f"allow_anonymous false\npassword_file {passwords}\n"
    wants = f"require_certificate true\ncafile {authority.certificate}\n"
    servers = []
    for name, shown, access in (("a", here, login), ("b", here, login + wants), ("c", away, login)):
        (directory / name).mkdir(mode=0o755)
        access += f"certfile {shown.certificate}\nkeyfile {shown.key}"
        servers.append(Mosquitto(directory / name, access=access))
    started: list[Mosquitto] = []
    try:
        for server in servers:
            server.start()
            started.append(server)
        url, wants_certificate, elsewhere = (server.url.replace("mqtt://", "mqtts://") for server in servers)
        yield Guarded(url, wants_certificate, elsewhere, authority, stranger, ours)
    finally:
        for server in started:
            server.stop()


def settings(url: str, **more: Any) -> LinkSettings:
    return LinkSettings(
        **{"kind": "mqtt", "url": url, "secret": SECRET, "username": "wujin", "password": "s3cret", **more}
    )


@asynccontextmanager
async def link(given: LinkSettings, topic: str) -> AsyncIterator[MqttLink]:
    parts = urlsplit(given.url)
    assert given.password is not None
    opened = MqttLink(
        "police",
        SECRET,
        broker=Broker(
            host=str(parts.hostname),
            port=int(parts.port or 0),
            tls=trust("police", given),
            username=given.username,
            password=given.password.get_secret_value(),
        ),
        client_id=f"us-{uuid4().hex[:8]}",
        topic=topic,
        clock=SystemClock(),
        reply_s=5.0,
    )
    async with opened:
        yield opened


def far_end(guarded: Guarded, topic: str) -> MqttFarEnd:
    ca_file = str(guarded.authority.certificate)
    address = broker_address(guarded.url, username="wujin", password="s3cret", ca_file=ca_file)
    return MqttFarEnd(address, SECRET, topic=topic)


async def test_over_tls_with_a_password_the_alarm_is_receipted(guarded: Guarded) -> None:
    topic = f"links/{uuid4().hex[:12]}"
    here = settings(guarded.url, ca=guarded.authority.certificate)
    async with far_end(guarded, topic) as far, link(here, topic) as police:
        receipt = await police.send(delivery())
    assert receipt is not None
    assert [one.receipt_id for one in far.book.received] == [receipt.receipt_id]


async def test_a_broker_that_wants_to_see_our_certificate_is_shown_it(guarded: Guarded) -> None:
    here = settings(
        guarded.wants_certificate,
        ca=guarded.authority.certificate,
        certificate=guarded.ours.certificate,
        key=guarded.ours.key,
    )
    async with link(here, f"links/{uuid4().hex[:12]}") as police:
        assert await police.send(delivery()) is None, "the broker has it, nobody is there to reply"


async def test_who_is_not_trusted_and_who_does_not_trust_us_is_told_as_such(guarded: Guarded) -> None:
    ca = guarded.authority.certificate
    wrong = {
        "certificate is not trusted: .*issuer": settings(guarded.url, ca=guarded.stranger.certificate),
        "certificate is not trusted: .*(issuer|self-signed)": settings(guarded.url),
        "certificate is not trusted: .*mismatch": settings(guarded.elsewhere, ca=ca),
        "does not let us in: not authorised": settings(guarded.url, ca=ca, password="wrong"),
        "does not let us in: .*want to see a certificate of ours": settings(guarded.wants_certificate, ca=ca),
    }

    async def refused(why: str, police: MqttLink) -> None:
        with pytest.raises(TemporaryFailure, match=why):
            await police.send(delivery())

    async with AsyncExitStack() as stack:
        links = [(why, await stack.enter_async_context(link(one, "links/wrong"))) for why, one in wrong.items()]
        await asyncio.gather(*(refused(why, one) for why, one in links))


def test_files_that_hold_no_certificate_are_named_before_anything_starts(guarded: Guarded, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    ours = guarded.ours
    for field, given in (
        ("links.police.ca", {"ca": nothing}),
        ("links.police.certificate", {"certificate": nothing, "key": ours.key}),
        ("links.police.certificate", {"certificate": ours.certificate, "key": guarded.stranger.certificate}),
    ):
        with pytest.raises(SettingsError, match=field):
            trust("police", settings(guarded.url, **given))
    with pytest.raises(ValidationError, match="certificate and key together"):
        settings(guarded.url, certificate=ours.certificate)
