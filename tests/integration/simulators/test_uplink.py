"""Uplinks on real brokers. Who listens is paho, which nobody here wrote."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from simulators.broker import BrokerAddress, broker_address
from simulators.errors import BrokerRefused, BrokerUnreachable
from simulators.latency import Latencies
from simulators.uplink import Uplink
from tests.integration.embedded.subscriber import Subscriber, eventually
from tests.servers import Mosquitto, free_port


@asynccontextmanager
async def running(link: Uplink) -> AsyncIterator[Uplink]:
    task = asyncio.create_task(link.run())
    up = asyncio.create_task(link.connected.wait())
    try:
        await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield link
    finally:
        up.cancel()
        task.cancel()
        await asyncio.gather(up, task, return_exceptions=True)
        await asyncio.sleep(0.1)  # asyncio closes the socket under TLS some turns later


async def refused(link: Uplink) -> None:
    """Run until it gives up; asyncio closes the socket of a failed handshake some turns later."""
    try:
        await link.run()
    finally:
        await asyncio.sleep(0.1)


def named() -> str:
    return f"test-{uuid4().hex[:8]}"


async def test_every_message_arrives_once_and_is_acknowledged(broker: str) -> None:
    topic = f"t/{named()}"
    listener = Subscriber(broker, named(), clean=True)
    listener.subscribe(topic)
    puback = Latencies()
    sent = [b"%d" % number for number in range(5000)]
    async with running(Uplink(broker_address(broker), named(), window=200, latencies=puback)) as link:
        for payload in sent:
            link.offer(topic, payload)
        assert await link.drain(20)
        assert (link.published, link.acknowledged, link.in_flight) == (5000, 5000, 0)
    assert await asyncio.to_thread(eventually, lambda: len(listener.messages) >= 5000)
    assert listener.payloads() == sent
    assert puback.count == 5000
    assert 0 < puback.quantile(0.5) <= puback.quantile(0.99) < 20
    listener.close()


async def test_an_urgent_message_overtakes_what_waits(mosquitto: str) -> None:
    topic = f"t/{named()}"
    listener = Subscriber(mosquitto, named(), clean=True)
    listener.subscribe(topic)
    link = Uplink(broker_address(mosquitto), named(), window=1)
    for number in range(50):
        link.offer(topic, b"%d" % number)
    link.offer(topic, b"alarm", urgent=True)
    async with running(link):
        assert await link.drain(10)
    assert await asyncio.to_thread(eventually, lambda: len(listener.messages) == 51)
    assert listener.payloads()[0] == b"alarm"
    listener.close()


async def test_it_hears_what_it_subscribed_to(broker: str) -> None:
    heard: list[tuple[str, bytes]] = []
    topic = f"t/{named()}"
    all_of_them = asyncio.Event()

    def hear(where: str, what: bytes) -> None:
        heard.append((where, what))
        if len(heard) == 301:
            all_of_them.set()

    listening = Uplink(broker_address(broker), named(), subscribe=topic, on_message=hear)
    async with running(listening), running(Uplink(broker_address(broker), named())) as link:
        for number in range(300):  # more than a broker leaves unacknowledged
            link.offer(topic, b"%d" % number)
        link.offer(topic, "你好".encode() * 10_000)
        assert await link.drain(10)
        async with asyncio.timeout(10):
            await all_of_them.wait()
    assert heard == [*((topic, b"%d" % number) for number in range(300)), (topic, "你好".encode() * 10_000)]


async def test_what_was_not_acknowledged_goes_out_again_when_the_broker_is_back(server_directory: Path) -> None:
    directory = server_directory / named()
    directory.mkdir(mode=0o755)
    server = Mosquitto(directory)
    await asyncio.to_thread(server.start)
    try:
        async with running(Uplink(broker_address(server.url), named())) as link:
            link.offer("t", b"before")
            assert await link.drain(10)
            await asyncio.to_thread(server.kill)
            for number in range(20):
                link.offer("t", b"%d" % number)
            assert link.waiting + link.in_flight == 20
            await asyncio.to_thread(server.start)
            listener = await asyncio.to_thread(Subscriber, server.url, named(), clean=True)
            listener.subscribe("t")
            assert await link.drain(30)
            assert link.reconnects == 1
            assert link.published == link.acknowledged == 21
            listener.close()
    finally:
        await asyncio.to_thread(server.stop)


async def test_what_the_broker_has_not_acknowledged_is_said_again_and_marked() -> None:
    """A broker that lets in, takes a message and hangs up; the next time it acknowledges what it hears."""
    heard: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(2))[1])  # CONNECT
        writer.write(b"\x20\x02\x00\x00")
        head = await reader.readexactly(2)
        said = head + await reader.readexactly(head[1])
        heard.append(said)
        if len(heard) > 1:
            writer.write(b"\x40\x02" + said[5:7])
            await reader.read()
        writer.close()
        await writer.wait_closed()
        if len(heard) > 1:
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with running(Uplink(broker_address(f"mqtt://127.0.0.1:{port}"), named())) as link:
            link.offer("t", b"alarm")
            assert await link.drain(20)
            assert (link.published, link.acknowledged, link.reconnects) == (1, 1, 1)
        async with asyncio.timeout(10):
            await over.wait()
    first, second = heard
    assert first[0] == 0x32
    assert second == b"\x3a" + first[1:]


async def test_a_broker_that_is_not_there_is_named_with_what_to_do() -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnreachable, match="--mqtt-url"):
        await Uplink(broker_address(url), named()).run()


async def test_patience_waits_for_a_broker_that_comes_late(server_directory: Path) -> None:
    directory = server_directory / named()
    directory.mkdir(mode=0o755)
    server = Mosquitto(directory)
    link = Uplink(broker_address(server.url), named())
    task = asyncio.create_task(link.run(patience_s=30))
    try:
        await asyncio.sleep(0.1)
        assert not task.done()
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(20):
            await link.connected.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(server.stop)


@pytest.fixture(scope="module")
def guarded(server_directory: Path) -> Iterator[tuple[str, Path]]:
    """A broker with TLS that wants user and password: its URL without them, and who vouches for it."""
    directory = server_directory / "guarded"
    directory.mkdir(mode=0o755)
    key, certificate, passwords = directory / "key.pem", directory / "cert.pem", directory / "passwords"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "sim", "s3cret"], check=True, capture_output=True)
    for file in (key, passwords):
        file.chmod(0o644)  # Mosquitto gives up root's rights
    access = f"allow_anonymous false\npassword_file {passwords}\ncertfile {certificate}\nkeyfile {key}"
    server = Mosquitto(directory, access=access)
    server.start()
    try:
        yield server.url.replace("mqtt://", "mqtts://"), certificate
    finally:
        server.stop()


async def test_tls_and_a_password_let_it_in(guarded: tuple[str, Path]) -> None:
    url, certificate = guarded
    address = broker_address(url, username="sim", password="s3cret", ca_file=str(certificate))
    async with running(Uplink(address, named())) as link:
        for number in range(500):
            link.offer("t", b"%d" % number)
        assert await link.drain(20)
        assert link.acknowledged == 500


async def test_a_wrong_password_is_told_as_such(guarded: tuple[str, Path]) -> None:
    url, certificate = guarded
    address = broker_address(url, username="sim", password="wrong", ca_file=str(certificate))
    with pytest.raises(BrokerRefused, match="password"):
        await refused(Uplink(address, named()))


async def test_a_broker_for_which_nobody_vouches_is_not_believed(guarded: tuple[str, Path]) -> None:
    with pytest.raises(BrokerUnreachable, match="certificate"):
        await refused(Uplink(broker_address(guarded[0], username="sim", password="s3cret"), named()))


async def test_a_certificate_for_another_name_is_not_believed(guarded: tuple[str, Path]) -> None:
    url, certificate = guarded
    plain = broker_address(url, username="sim", password="s3cret", ca_file=str(certificate))
    other = BrokerAddress(
        host="other.example", port=plain.port, tls=True, ca_file=str(certificate), at="127.0.0.1", username="sim"
    )
    with pytest.raises(BrokerUnreachable, match="certificate"):
        await refused(Uplink(other, named()))
