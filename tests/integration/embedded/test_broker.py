"""The embedded broker: queues for who is away, keeps alarms longest, is local, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest

from campuswatch.embedded import EmbeddedBroker
from campuswatch.embedded.broker import HOST, SEGMENT_BYTES, SEGMENTS, WINDOW
from campuswatch.embedded.broker_process import PANICKED
from domain.errors import EmbeddedError
from tests.integration.embedded.processes import is_gone, listening_addresses, start_in_a_parent
from tests.integration.embedded.subscriber import Subscriber, eventually
from tests.servers import free_port

READINGS = "campus/v1/+/+/reading"
READING = "campus/v1/s001/s001-tmp-01/reading"


def numbered(count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(count)]


def port_of(broker: EmbeddedBroker) -> int:
    return int(broker.url.rsplit(":", 1)[1])


async def test_it_listens_on_the_loopback_address_alone(own_broker: EmbeddedBroker) -> None:
    assert own_broker.pid is not None
    addresses = listening_addresses(own_broker.pid)
    assert len(addresses) == 2
    assert {ip for ip, _ in addresses} == {HOST}


async def test_messages_for_a_subscriber_that_is_away_wait_in_order(own_broker: EmbeddedBroker) -> None:
    Subscriber(own_broker.url, "lane").subscribe(READINGS)
    Subscriber(own_broker.url, "lane").close()
    publisher = Subscriber(own_broker.url, "gateway", clean=True)
    publisher.publish(READING, numbered(5000))
    back = Subscriber(own_broker.url, "lane")
    assert back.session_present
    assert eventually(lambda: len(back.messages) >= 5000)
    assert back.payloads() == numbered(5000)
    back.close()
    publisher.close()


async def test_what_was_not_acknowledged_comes_again_in_order(own_broker: EmbeddedBroker) -> None:
    lane = Subscriber(own_broker.url, "lane", hold=True)
    lane.subscribe(READINGS)
    publisher = Subscriber(own_broker.url, "gateway", clean=True)
    publisher.publish(READING, numbered(50))
    assert eventually(lambda: len(lane.messages) == 50)
    lane.acknowledge(lane.messages[:20])
    await asyncio.sleep(0.3)  # nothing tells when the broker has taken an acknowledgement
    lane.drop()
    back = Subscriber(own_broker.url, "lane")
    assert eventually(lambda: len(back.messages) >= 30)
    assert back.payloads() == numbered(50)[20:]
    back.close()
    publisher.close()


async def test_a_subscriber_holds_one_window_and_gets_the_next_when_it_acknowledges(own_broker: EmbeddedBroker) -> None:
    lane = Subscriber(own_broker.url, "lane", hold=True)
    lane.subscribe(READINGS)
    publisher = Subscriber(own_broker.url, "gateway", clean=True)
    publisher.publish(READING, numbered(1000))
    assert eventually(lambda: len(lane.messages) >= WINDOW)
    await asyncio.sleep(0.5)
    assert len(lane.messages) == WINDOW
    acknowledged = 0
    while acknowledged < 1000:
        held = lane.messages[acknowledged:]
        lane.acknowledge(held)
        acknowledged += len(held)
        expected = min(1000, acknowledged + WINDOW)
        assert eventually(lambda expected=expected: len(lane.messages) == expected)  # type: ignore[misc]
    assert lane.payloads() == numbered(1000)
    lane.close()
    publisher.close()


async def test_a_message_of_five_megabytes_passes(own_broker: EmbeddedBroker) -> None:
    lane = Subscriber(own_broker.url, "lane")
    lane.subscribe(READINGS)
    payload = os.urandom(5_000_000)
    lane.publish(READING, [payload])
    assert eventually(lambda: bool(lane.messages))
    assert lane.payloads() == [payload]
    lane.close()


async def test_alarms_wait_while_a_flood_of_readings_pushes_the_oldest_readings_out(own_broker: EmbeddedBroker) -> None:
    lane = Subscriber(own_broker.url, "lane")
    lane.subscribe(READINGS)
    lane.subscribe("campus/v1/+/+/alarm")
    lane.close()
    block = b"x" * 10_000
    presses = numbered(184 * 5)  # every one-key alarm of the district
    flood = [b"%06d" % n + block for n in range(300)]
    publisher = Subscriber(own_broker.url, "gateway", clean=True)
    publisher.publish("campus/v1/s001/s001-btn-01/alarm", presses)
    publisher.publish(READING, flood)
    back = Subscriber(own_broker.url, "lane")
    assert eventually(lambda: {presses[-1], flood[-1]} <= set(back.payloads()))
    alarms = [message.payload for message in back.messages if message.topic.endswith("alarm")]
    readings = [message.payload for message in back.messages if message.topic.endswith("reading")]
    assert alarms == presses
    kept = SEGMENTS[READINGS] * SEGMENT_BYTES // 10_000
    assert kept - 15 < len(readings) < kept + 15
    assert readings == flood[-len(readings) :]
    back.close()
    publisher.close()


async def test_mqtt_5_has_a_port_of_its_own(directory: Path) -> None:
    v5_port = free_port()
    server = EmbeddedBroker(directory / "broker", port=free_port(), v5_port=v5_port)
    await server.start()
    client = Subscriber(f"mqtt://{HOST}:{v5_port}", "modern", v5=True)
    client.subscribe(READINGS)
    old = Subscriber(server.url, "gateway", clean=True)
    old.publish(READING, [b"hello"])
    assert eventually(lambda: client.payloads() == [b"hello"])
    client.close()
    old.close()
    await server.stop()


async def test_taken_port_is_named_together_with_the_setting_that_changes_it(directory: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        server = EmbeddedBroker(directory / "broker", port=port, port_setting="--broker-port")
        with pytest.raises(EmbeddedError, match=f"port {port} on {HOST} is taken.*--broker-port"):
            await server.start()
    assert server.pid is None


async def test_a_panic_that_would_refuse_every_client_ends_the_process(own_broker: EmbeddedBroker) -> None:
    refused = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04a+#/"
    assert await own_broker.answers()
    for _ in range(2):
        with socket.create_connection((HOST, port_of(own_broker)), timeout=2) as client:
            client.sendall(refused)
            assert client.recv(4) == b""
    assert eventually(lambda: own_broker.poll() is not None)
    assert own_broker.poll() == PANICKED
    assert not await own_broker.answers()
    await own_broker.start()
    assert await own_broker.answers()


async def test_it_stops_at_once_and_starts_again_on_the_same_port(own_broker: EmbeddedBroker) -> None:
    client = Subscriber(own_broker.url, "lane")
    started = time.monotonic()
    await own_broker.stop()
    assert time.monotonic() - started < 1
    assert own_broker.pid is None
    await own_broker.start()
    assert await own_broker.answers()
    client.close()


async def test_it_is_in_a_session_of_its_own_so_that_ctrl_c_passes_it_by(own_broker: EmbeddedBroker) -> None:
    assert own_broker.pid is not None
    assert os.getsid(own_broker.pid) == own_broker.pid


async def test_it_ends_when_its_parent_is_killed(directory: Path) -> None:
    parent, pid = start_in_a_parent(
        f"EmbeddedBroker(Path({str(directory / 'broker')!r}), port={free_port()})",
    )
    with parent:
        parent.kill()
    assert await is_gone(pid, within_s=3)


async def test_it_prints_nothing_while_it_works(own_broker: EmbeddedBroker, directory: Path) -> None:
    client = Subscriber(own_broker.url, "lane")
    client.subscribe(READINGS)
    client.publish(READING, numbered(100))
    assert eventually(lambda: len(client.messages) == 100)
    client.drop()
    await asyncio.sleep(0.2)
    assert (directory / "broker" / "broker.log").read_text() == ""
