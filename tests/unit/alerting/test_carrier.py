from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec

from alerting.carrier import MOST_KEPT, MOST_OF_ONE, OLD_AT_ONCE, Carrier
from alerting.courier import Courier
from alerting.desk import Desk
from domain.delivery import Delivery
from storage.pool import Pool
from tests.unit.alerting.findings import NOW, SetClock, SmallGazetteer, finding
from tests.unit.alerting.inbox import Inbox

INCIDENT = uuid4()


@asynccontextmanager
async def _carrier(inbox: Inbox, settled: list[UUID] | None = None) -> AsyncIterator[Carrier]:
    """Without a database: what it records is never asked for."""
    async with asyncio.TaskGroup() as tasks:
        yield Carrier(
            courier=Courier({"police": inbox}),
            pool=cast(Pool, None),
            clock=SetClock(),
            tasks=tasks,
            on_outcome=lambda outcome, seconds: None,
            on_settled=(settled if settled is not None else []).append,
        )
        for task in asyncio.all_tasks():
            if task.get_name().startswith("bring "):
                task.cancel()


def _deliveries(count: int) -> list[Delivery]:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))
    return [delivery for _ in range(count) for delivery in desk.link_deliveries(finding(), now=NOW)]


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_disk_is_given_no_more_than_the_newest() -> None:
    async with _carrier(Inbox()) as carrier:
        old = _deliveries(MOST_KEPT + 5)
        carrier.inherit(old)
        assert carrier.undelivered(()) == old[5:]
        assert carrier.waiting == MOST_KEPT + 5


async def test_of_what_is_not_committed_the_disk_is_given_only_what_belongs_to_incidents_that_it_knows() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    async with _carrier(inbox) as carrier:
        first, second = _deliveries(2)
        committed = asyncio.Event()
        carrier.carry([first], since=NOW, committed=committed)
        carrier.carry([second], since=NOW, committed=asyncio.Event())
        assert carrier.undelivered(()) == []
        assert carrier.undelivered({second.incident_id}) == [second]
        committed.set()
        assert carrier.undelivered(()) == [first]


async def test_what_an_earlier_process_left_holds_no_more_than_some_places_of_a_link_that_hangs() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    async with _carrier(inbox) as carrier:
        carrier.inherit(_deliveries(100))
        carrier.resume()
        await _turns()
        assert len(inbox.tried) == OLD_AT_ONCE
        assert carrier.calm.is_set(), "the commit of a new alarm does not wait for old ones"
        (new,) = _deliveries(1)
        carrier.carry([new], since=NOW, committed=asyncio.Event())
        await _turns()
        assert inbox.tried[-1].delivery_id == new.delivery_id


async def test_a_detector_that_flutters_has_one_place_of_a_link_and_calls_under_way_have_a_bound() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    async with _carrier(inbox) as carrier:
        first, *more = [
            msgspec.structs.replace(delivery, incident_id=INCIDENT) for delivery in _deliveries(MOST_OF_ONE)
        ]
        carrier.carry([first], since=NOW, committed=asyncio.Event())
        assert not carrier.crowded(INCIDENT)
        carrier.carry(more, since=NOW, committed=asyncio.Event(), again=True)
        assert carrier.crowded(INCIDENT)
        assert not carrier.crowded(uuid4())
        await _turns()
        assert [d.delivery_id for d in inbox.tried] == [first.delivery_id, more[0].delivery_id]
        (other,) = _deliveries(1)
        carrier.carry([other], since=NOW, committed=asyncio.Event())
        await _turns()
        assert inbox.tried[-1].delivery_id == other.delivery_id
        inbox.gate.set()
        await _turns(100)
        assert len(inbox.taken) == MOST_OF_ONE + 1


async def test_what_is_carried_on_and_taken_is_said_to_be_settled() -> None:
    inbox, settled = Inbox(), list[UUID]()
    async with _carrier(inbox, settled) as carrier:
        (old,) = _deliveries(1)
        carrier.inherit([old])
        carrier.resume()
        # Its receipt waits for the database, which is away.
        carrier.carry([old], since=NOW, committed=asyncio.Event())
        await _turns()
        assert settled == [old.delivery_id]
        assert carrier.waiting == 0
    assert inbox.taken[old.delivery_id] == 1
