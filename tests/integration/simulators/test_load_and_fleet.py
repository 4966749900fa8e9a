"""Fleets and loads against a real broker, and far ends in the same process."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime

from simulators.broker import broker_address
from simulators.console import fleet_answers
from simulators.district import build_district
from simulators.far_ends import LinkName
from simulators.fleet import Fleet
from simulators.load import Load
from simulators.load_plan import LoadPlan
from simulators.progress import Progress
from simulators.receipts import ReceiptBook
from simulators.sharing import Sharing
from tests.integration.embedded.subscriber import Subscriber, eventually


async def test_a_fleet_with_a_connection_a_device_is_heard_whole(mosquitto: str) -> None:
    district = build_district(sites=2)
    listener = Subscriber(mosquitto, "fleet-listener", clean=True)
    listener.subscribe("campus/v1/+/+/heartbeat")
    fleet = Fleet(district, broker_address(mosquitto), sharing=Sharing.DEVICE, rate_factor=20.0)
    summary = await fleet.run(duration_s=4.0)
    assert summary.connections == summary.devices == 216
    assert summary.published == summary.acknowledged > 500
    speaking = {f"campus/v1/{one.site_id}/{one.device_id}/heartbeat" for one in district.devices}
    assert await asyncio.to_thread(eventually, lambda: speaking <= {one.topic for one in listener.messages})
    listener.close()


async def test_whether_a_fleet_is_there_can_be_asked(mosquitto: str) -> None:
    broker = broker_address(mosquitto)
    assert not await fleet_answers(broker)
    fleet = Fleet(build_district(sites=1), broker, quiet=True)
    running = asyncio.create_task(fleet.run())
    async with asyncio.timeout(20):
        await fleet.up.wait()
    assert fleet.connected
    assert await fleet_answers(broker)
    fleet.stop()
    await running


async def test_a_load_sends_what_was_asked_for_and_every_message_is_another(mosquitto: str) -> None:
    listener = Subscriber(mosquitto, "load-listener", clean=True)
    listener.subscribe("campus/v1/#")
    plan = LoadPlan(connections=3, rate_per_s=500.0, duration_s=3.0)
    shown = io.StringIO()
    summary = await Load(build_district(sites=1), broker_address(mosquitto), plan, progress=Progress(shown)).run()
    assert summary.complete
    assert 0.5 * 1500 < summary.published <= 1500
    assert summary.held_back + summary.published <= 1500
    assert summary.puback.count == summary.acknowledged
    assert await asyncio.to_thread(eventually, lambda: len(listener.messages) >= summary.published)
    assert len({(one.topic, bytes(one.payload)) for one in listener.messages}) == summary.published
    said = json.loads(listener.messages[0].payload)
    assert said["v"] == 1
    assert said["ts"].endswith("+08:00")
    listener.close()


async def test_what_finds_its_window_full_is_held_back_and_never_sent_late(mosquitto: str) -> None:
    plan = LoadPlan(connections=1, rate_per_s=50_000.0, duration_s=1.0, window=1)
    summary = await Load(build_district(sites=1), broker_address(mosquitto), plan).run()
    assert summary.held_back > summary.published
    assert (summary.waiting, summary.dropped, summary.in_flight) == (0, 0, 0)


async def test_as_fast_as_possible_is_faster_than_a_trickle_and_loses_nothing(mosquitto: str) -> None:
    plan = LoadPlan(connections=4, rate_per_s=0.0, duration_s=2.0, window=100)
    summary = await Load(build_district(sites=1), broker_address(mosquitto), plan).run()
    assert summary.complete
    assert summary.held_back == 0
    assert summary.acknowledged_per_s > 1000  # a tenth of what is required of it


async def test_presses_are_timed_until_the_police_has_answered(mosquitto: str) -> None:
    """Somebody plays the control room: what arrives on the alarm topic goes into the police's book."""
    listener = Subscriber(mosquitto, "room", clean=True)
    listener.subscribe("campus/v1/+/+/alarm")
    plan = LoadPlan(connections=2, rate_per_s=10.0, duration_s=1.5, press_every_s=0.2, timed=True)
    load = Load(build_district(sites=2), broker_address(mosquitto), plan)
    book = ReceiptBook(LinkName.POLICE.value)

    async def room() -> None:
        answered = 0
        while True:
            await asyncio.sleep(0.02)
            for message in listener.messages[answered:]:
                answered += 1
                device_id = message.topic.split("/")[3]
                assert json.loads(message.payload)["test"] is True
                body = {"type": "incident.raised", "data": {"device": {"device_id": device_id}}}
                book.take(f"msg_{answered}", body, datetime.now(UTC))
                load.heard(book, f"msg_{answered}")
                load.heard(book, "msg_that_nobody_knows")

    playing = asyncio.create_task(room())
    summary = await load.run()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert summary.pressed is not None
    assert summary.pressed.receipt is not None
    assert summary.pressed.buttons == summary.pressed.received == summary.pressed.receipt.count >= 3
    assert summary.complete
    assert "received" in summary.text()
    listener.close()
