from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from ingest.session import BrokerAddress, BrokerSession, Inbound
from tests.integration.alerting.ledgers import until_true
from tests.integration.dashboards.line import Line
from tests.integration.ingest.lanes import hearing
from tests.integration.ingest.school import Devices, say_raw
from tests.servers import Mosquitto

FILTERS = ("campus/v1/+/+/heartbeat",)
TOPIC = "campus/v1/s001/tmp-00/heartbeat"


@pytest.fixture
def url(broker: str) -> str:
    """Nothing here needs a database."""
    return broker


@pytest.fixture
def client_id(bulk_client: str) -> str:
    return bulk_client


@asynccontextmanager
async def _session(url: str, client_id: str, *, most_pending: int = 20_000) -> AsyncIterator[BrokerSession]:
    async with BrokerSession(
        BrokerAddress.parse(url), client_id=client_id, filters=FILTERS, most_pending=most_pending
    ) as session:
        await hearing(session)
        yield session


async def _take(session: BrokerSession, count: int) -> list[Inbound]:
    taken: list[Inbound] = []
    async with asyncio.timeout(10):
        while len(taken) < count:
            taken += await session.batch(most=count - len(taken), age_s=0.0, quiet_s=0.0)
    return taken


def _numbers(messages: list[Inbound]) -> list[int]:
    return [int(message.payload) for message in messages]


def _say(count: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [(TOPIC, str(number).encode()) for number in range(start, start + count)]


async def test_what_was_not_acknowledged_comes_again_to_the_next_holder_of_the_session(
    url: str, client_id: str, devices: Devices
) -> None:
    async with _session(url, client_id) as session:
        await devices.say(*_say(10))
        first = await _take(session, 10)
        assert _numbers(first) == list(range(10))
        session.acknowledge(first[:4])
        await devices.say(*_say(1, 10))
        await _take(session, 1)
    async with _session(url, client_id) as session:
        again = await _take(session, 7)
        assert _numbers(again) == list(range(4, 11))
        session.acknowledge(again)
        await devices.say(*_say(1, 11))
        last = await _take(session, 1)
        session.acknowledge(last)
    async with _session(url, client_id) as session:
        await devices.say(*_say(1, 12))
        assert _numbers(await _take(session, 1)) == [12]


async def test_what_was_said_while_nobody_held_the_session_is_kept(url: str, client_id: str, devices: Devices) -> None:
    await devices.say(*_say(30))
    async with _session(url, client_id) as session:
        assert _numbers(await _take(session, 30)) == list(range(30))


async def test_acknowledgements_leave_in_the_order_of_arrival_whatever_their_own_order(
    url: str, client_id: str, devices: Devices
) -> None:
    """rumqttd hangs up otherwise, and everything would come again."""
    async with _session(url, client_id) as session:
        await devices.say(*_say(6))
        first = await _take(session, 6)
        for message in reversed(first):
            session.acknowledge([message])
        await devices.say(*_say(1, 6))
        last = await _take(session, 1)
        assert _numbers(last) == [6]
        assert last[0].session_no == first[0].session_no, "the broker hung up"


async def test_packet_ids_of_an_earlier_connection_are_not_acknowledged_on_a_later_one(
    url: str, client_id: str, devices: Devices
) -> None:
    port = urlsplit(url).port
    async with Line(f"host=127.0.0.1 port={port}").open() as line:
        through = f"mqtt://127.0.0.1:{conninfo_to_dict(line.dsn)['port']}"
        async with _session(through, client_id) as session:
            await devices.say(*_say(5))
            old = await _take(session, 5)
            line.cut()
            await until_true(lambda: not session.connected)
            line.mend()
            new = await _take(session, 5)
            assert _numbers(new) == _numbers(old)
            assert {m.session_no for m in old}.isdisjoint({m.session_no for m in new})
            session.acknowledge(old)
            # Committed twice or not: the broker has heard of none of the new packet ids.
            await devices.say(*_say(1, 5))
            await _take(session, 1)
    async with _session(url, client_id) as session:
        assert _numbers(await _take(session, 6)) == [0, 1, 2, 3, 4, 5]


async def test_a_batch_is_cut_by_size(url: str, client_id: str, devices: Devices) -> None:
    await devices.say(*_say(25))
    async with _session(url, client_id) as session:
        await until_true(lambda: session.pending == 25)
        sizes = [len(await session.batch(most=10, age_s=5.0, quiet_s=5.0)) for _ in range(2)]
        assert sizes == [10, 10]


async def test_a_batch_is_cut_when_nothing_more_comes(url: str, client_id: str, devices: Devices) -> None:
    async with _session(url, client_id) as session:
        await devices.say(*_say(3))
        await until_true(lambda: session.pending == 3)
        async with asyncio.timeout(20):  # far below the age
            assert len(await session.batch(most=100, age_s=60.0, quiet_s=0.01)) == 3


async def test_a_batch_is_cut_by_age_though_messages_keep_coming(url: str, client_id: str, devices: Devices) -> None:
    async def chatter() -> None:
        for number in range(1_000_000):
            await devices.say((TOPIC, str(number).encode()))

    async with _session(url, client_id) as session:
        talking = asyncio.create_task(chatter())
        async with asyncio.timeout(5):
            batch = await session.batch(most=1_000_000, age_s=0.2, quiet_s=0.15)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        assert len(batch) > 1


async def test_a_batch_that_is_given_up_loses_nothing(url: str, client_id: str, devices: Devices) -> None:
    async with _session(url, client_id) as session:
        await devices.say(*_say(3))
        await until_true(lambda: session.pending == 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.batch(most=100, age_s=10.0, quiet_s=10.0)
        assert _numbers(await _take(session, 3)) == [0, 1, 2]


async def test_what_waits_in_the_process_is_bounded_and_the_broker_keeps_the_rest(
    url: str, client_id: str, devices: Devices
) -> None:
    async with _session(url, client_id, most_pending=10) as session:
        await devices.say(*_say(60))
        await until_true(lambda: session.pending >= 10)
        taken: list[Inbound] = []
        async with asyncio.timeout(20):
            while len(taken) < 60:
                assert session.pending <= 10
                batch = await session.batch(most=7, age_s=0.0, quiet_s=0.0)
                session.acknowledge(batch)
                taken += batch
        assert _numbers(taken) == list(range(60))


async def test_no_two_messages_were_received_at_the_same_moment(url: str, client_id: str, devices: Devices) -> None:
    async with _session(url, client_id) as session:
        await devices.say(*_say(90))
        times = [message.received_at for message in await _take(session, 90)]
    assert all(before < after for before, after in pairwise(times))


async def test_a_topic_that_is_not_utf8_ends_no_session(url: str, client_id: str, devices: Devices) -> None:
    async with _session(url, client_id) as session:
        await asyncio.to_thread(say_raw, url, b"campus/v1/s001/\xff\xfe/heartbeat", b"0")
        await asyncio.to_thread(say_raw, url, b"campus/v1/\xc3\x28/tmp-00/heartbeat", b"0")
        await devices.say(*_say(1, 7))
        async with asyncio.timeout(10):
            while 7 not in [int(message.payload) for message in await session.batch(most=9, age_s=0, quiet_s=0)]:
                pass
        assert session.connected


async def test_a_broker_that_is_away_is_waited_for_and_said_once(client_id: str, url: str) -> None:
    said: list[bool] = []
    port = urlsplit(url).port
    async with Line(f"host=127.0.0.1 port={port}").open() as line:
        line.cut()
        address = BrokerAddress.parse(f"mqtt://127.0.0.1:{conninfo_to_dict(line.dsn)['port']}")
        async with BrokerSession(address, client_id=client_id, filters=FILTERS, on_connection=said.append) as session:
            await until_true(lambda: said == [False])
            line.mend()
            await hearing(session)
            await until_true(lambda: bool(said) and said[-1])
            assert said == [False, True]


async def test_a_broker_that_falls_silent_is_given_up_and_heard_again(client_id: str, url: str) -> None:
    said: list[bool] = []
    port = urlsplit(url).port
    async with Line(f"host=127.0.0.1 port={port}").open() as line:
        address = BrokerAddress.parse(f"mqtt://127.0.0.1:{conninfo_to_dict(line.dsn)['port']}")
        async with BrokerSession(address, client_id=client_id, filters=FILTERS, on_connection=said.append) as session:
            await hearing(session)
            line.hold()
            await until_true(lambda: said == [True, False], within_s=75.0)
            line.mend()
            await until_true(lambda: said == [True, False, True], within_s=30.0)


async def test_a_broker_that_forgot_us_is_reported(client_id: str, tmp_path: Path) -> None:
    forgotten: list[bool] = []
    broker = Mosquitto(tmp_path)
    await asyncio.to_thread(broker.start)
    try:
        async with BrokerSession(
            BrokerAddress.parse(broker.url),
            client_id=client_id,
            filters=FILTERS,
            on_forgotten=lambda: forgotten.append(True),
        ) as session:
            await hearing(session)
            assert forgotten == []
            await asyncio.to_thread(broker.kill)
            await until_true(lambda: not session.connected)
            await asyncio.to_thread(broker.start)
            await hearing(session)
            await until_true(lambda: forgotten == [True])
    finally:
        await asyncio.to_thread(broker.stop)


async def test_what_is_no_broker_is_no_broker(client_id: str) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak_http, "127.0.0.1", 0)
    said: list[bool] = []
    address = BrokerAddress.parse(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, BrokerSession(address, client_id=client_id, filters=FILTERS, on_connection=said.append):
        await until_true(lambda: said == [False])


async def test_what_comes_again_over_a_new_connection_has_the_arrival_it_had(mosquitto: str) -> None:
    """Mosquitto marks it as DUP; rumqttd does not, and there it is another message."""
    port = urlsplit(mosquitto).port
    devices = Devices(mosquitto)
    async with Line(f"host=127.0.0.1 port={port}").open() as line:
        through = f"mqtt://127.0.0.1:{conninfo_to_dict(line.dsn)['port']}"
        async with _session(through, f"lane-{secrets.token_hex(6)}") as session:
            await devices.say(*[(TOPIC, b"7")] * 3)
            first = await _take(session, 3)
            session.acknowledge(first[:1])
            await until_true(lambda: not session.unsent)
            await devices.say((TOPIC, b"8"))
            await _take(session, 1)
            line.cut()
            await until_true(lambda: not session.connected)
            session.acknowledge(first[1:2])  # stored meanwhile; the broker does not hear of it
            line.mend()
            await hearing(session)
            await devices.say((TOPIC, b"7"))
            again = await _take(session, 4)
    devices.close()
    assert [m.again for m in again] == [True, True, True, False]
    assert [m.received_at for m in again[:2]] == [m.received_at for m in first[1:]]
    assert again[3].received_at > again[2].received_at > first[2].received_at
