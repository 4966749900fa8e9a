"""An alarm that is committed and that no link has taken: it outlives the process also while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerting.carrier import LEASE
from alerting.courier import Courier
from alerting.desk import Desk
from alerting.dispatcher import Dispatcher
from campuswatch.roles.snapshot import Snapshot
from domain.errors import TemporaryFailure
from domain.finding import Finding
from storage.deliveries import claim_deliveries
from storage.pool import Connection, Pool, open_pool
from tests.integration.alerting.lane import Lane, both, lane_of, received
from tests.integration.alerting.ledgers import deliveries, until, until_true
from tests.integration.dashboards.line import Line
from tests.unit.alerting.findings import NOW, SetClock, SmallGazetteer, finding, press
from tests.unit.alerting.inbox import Inbox

HOLDER, FIRST, SECOND = "room-alarm/", "room-alarm/1", "room-alarm/2"


def _desk(process: str) -> Desk:
    return Desk(
        gazetteer=SmallGazetteer(),
        link_ids=("police", "education"),
        zone=ZoneInfo("Asia/Shanghai"),
        holder=process,
    )


class _Disk:
    """The snapshot of the alarm role, and what it names now."""

    def __init__(self, directory: Path) -> None:
        self.snapshot = Snapshot(directory)

    def undelivered(self) -> list[UUID]:
        return [delivery.delivery_id for delivery in self.snapshot.load_standing().undelivered]

    def names(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.undelivered()) == count


@pytest.fixture
def disk(tmp_path: Path) -> _Disk:
    return _Disk(tmp_path)


async def _die_undelivered(
    disk: _Disk, conn: Connection, pool: Pool, clock: SetClock, inboxes: dict[str, Inbox], *found: Finding
) -> None:
    """A process that commits ``found``, which the police link does not take, and is killed."""
    police = inboxes["police"]
    police.down = TemporaryFailure("HTTP 503")
    async with lane_of(_desk(FIRST), inboxes, pool, clock, keep=disk.snapshot.save_standing) as lane:
        await lane.step(conn, *found)
        await until_true(lambda: len(police.tried) >= len(found) == len(inboxes["education"].taken))
        # Its receipt may be on the way still, and its name on disk.
        await until_true(disk.names(len(found)))
        await until(_states(conn, ["queued", "received"] * len(found)))
        lane.kill()
    police.down = None
    police.tried.clear()


def _states(conn: Connection, wanted: list[str]) -> Callable[[], Awaitable[bool]]:
    async def so() -> bool:
        return sorted(d["state"] for d in await deliveries(conn)) == sorted(wanted)

    return so


@asynccontextmanager
async def _successor(disk: _Disk, inboxes: dict[str, Inbox], pool: Pool, clock: SetClock) -> AsyncIterator[Lane]:
    async with lane_of(_desk(SECOND), inboxes, pool, clock, keep=disk.snapshot.save_standing) as lane:
        lane.path.inherit(disk.snapshot.load_standing())
        yield lane


@asynccontextmanager
async def _dispatcher(inboxes: dict[str, Inbox], pool: Pool, clock: SetClock) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(pool=pool, courier=Courier(inboxes), clock=clock, wake=asyncio.Event())
    running = asyncio.create_task(dispatcher.run())
    yield dispatcher
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_restart_without_the_database_goes_on_telling_under_the_same_ids(
    kept_database: str, conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, education, inboxes = both()
    await _die_undelivered(disk, conn, pool, clock, inboxes, press(), finding("smoke_alarm"))
    named = set(disk.undelivered())
    async with Line(kept_database).open() as line, open_pool(line.dsn, name="alarm", max_size=1) as cut_off:
        line.cut()
        async with _successor(disk, inboxes, cut_off, clock) as lane:
            lane.path.resume()
            await until_true(lambda: police.taken.keys() == named)
            await until_true(disk.names(0))
            assert await _states(conn, ["queued", "queued", "received", "received"])()
            # The database is back, and with it the dispatcher, who would have the lapsed lease.
            line.mend()
            assert await lane.path.settle(conn, holder=HOLDER, process=SECOND) == 0
            async with _dispatcher(inboxes, pool, clock):
                await until(received(conn, 4), within_s=20)
    assert len(police.tried) == 2
    assert len(education.tried) == 2


async def test_what_is_carried_on_stays_with_the_lane_when_the_database_is_back(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, _, inboxes = both()
    await _die_undelivered(disk, conn, pool, clock, inboxes, press())
    police.down = TemporaryFailure("HTTP 503")
    async with _successor(disk, inboxes, pool, clock) as lane:
        lane.path.resume()
        await until_true(lambda: bool(police.tried))
        assert await lane.path.settle(conn, holder=HOLDER, process=SECOND) == 0
        (held,) = [d for d in await deliveries(conn) if d["state"] == "queued"]
        assert held["leased_by"] == SECOND
        assert held["lease_until"] >= clock.now() + LEASE
        await lane.path.kept()
        assert len(disk.undelivered()) == 1, "and on disk, for the next outage"
        police.down = None
        await until(received(conn, 2), within_s=15)
        await until_true(disk.names(0))


async def test_with_the_database_there_the_dispatcher_has_it_and_the_lane_tells_nobody(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, _, inboxes = both()
    await _die_undelivered(disk, conn, pool, clock, inboxes, press())
    async with _successor(disk, inboxes, pool, clock) as lane:
        await lane.path.kept()
        assert len(disk.undelivered()) == 1, "until it is known who carries it on"
        assert await lane.path.settle(conn, holder=HOLDER, process=SECOND) == 1
        lane.path.resume()
        await lane.path.kept()
        assert disk.undelivered() == []
        async with _dispatcher(inboxes, pool, clock):
            clock.advance(seconds=61)
            await until(received(conn, 2))
    assert len(police.tried) == 1


async def test_the_lane_leaves_alone_what_the_dispatcher_took_before_it_was_back(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, _, inboxes = both()
    await _die_undelivered(disk, conn, pool, clock, inboxes, press())
    police.down = TemporaryFailure("HTTP 503")
    async with _successor(disk, inboxes, pool, clock) as lane:
        later = clock.advance(minutes=2)
        (claimed,) = await claim_deliveries(conn, at=later, lease_until=later + LEASE, limit=5)
        lane.path.resume()
        await until_true(lambda: bool(police.tried))
        assert claimed.delivery_id == police.tried[0].delivery_id
        assert await lane.path.settle(conn, holder=HOLDER, process=SECOND) == 0
        await until_true(disk.names(0))
        assert lane.path.waiting == 0


async def test_a_message_in_the_journal_and_its_delivery_on_disk_are_one_call(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    """Killed between the commit and the strike: the lane finds the message in its journal."""
    police, _, inboxes = both()
    pressed = press()
    await _die_undelivered(disk, conn, pool, clock, inboxes, pressed)
    async with _successor(disk, inboxes, pool, clock) as lane:
        lane.path.resume()
        lane.hear(pressed)
        await until_true(lambda: bool(police.taken))
        await lane.commit(conn, [pressed])
        await until(received(conn, 2))
    assert len(police.tried) == 1


async def test_what_the_links_take_at_once_is_never_written_to_disk(
    conn: Connection, pool: Pool, clock: SetClock
) -> None:
    _, _, inboxes = both()
    written: list[int] = []
    async with lane_of(
        _desk(FIRST), inboxes, pool, clock, keep=lambda standing: written.append(len(standing.undelivered))
    ) as lane:
        pressed = [finding(key=f"one_key_alarm/s001/b{n}", device_id=f"b{n}") for n in range(50)]
        lane.hear(*pressed[:25])
        await lane.path.calm()
        lane.hear(*pressed[25:])
        await lane.commit(conn, pressed[:25])
        await lane.path.calm()
        await lane.commit(conn, pressed[25:])
        await until(received(conn, 100))
    assert written == [0, 0]


async def test_what_goes_over_to_the_dispatcher_is_struck_from_the_disk(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, _, inboxes = both()
    police.down = TemporaryFailure("HTTP 503")
    async with lane_of(_desk(FIRST), inboxes, pool, clock, keep=disk.snapshot.save_standing) as lane:
        await lane.step(conn, press())
        await until_true(lambda: len(police.tried) >= 1)
        await lane.path.kept()
        assert len(disk.undelivered()) == 1
        clock.advance(minutes=16)
        await until_true(disk.names(0), within_s=20)
    assert (await deliveries(conn))[1]["lease_until"] is None


async def test_an_alarm_that_a_person_reset_before_the_link_took_it_is_still_told_after_a_restart(
    conn: Connection, pool: Pool, clock: SetClock, disk: _Disk
) -> None:
    police, _, inboxes = both()
    police.down = TemporaryFailure("HTTP 503")
    pressed = press()
    async with lane_of(_desk(FIRST), inboxes, pool, clock, keep=disk.snapshot.save_standing) as lane:
        await lane.step(conn, pressed)
        await until_true(lambda: bool(police.tried))
        case = lane.cases.stored[pressed.key]
        assert case.incident_id is not None
        lane.cases.end(case.incident_id)
        await lane.path.kept()
        lane.kill()
    police.down = None
    async with _successor(disk, inboxes, pool, clock) as lane:
        lane.path.resume()
        await until_true(lambda: bool(police.taken))
        again = press(at=NOW + timedelta(minutes=1))
        lane.hear(again)
        await until_true(lambda: len(police.taken) == 2)
        lane.kill()
