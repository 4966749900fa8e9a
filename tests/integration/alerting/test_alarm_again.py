"""A fire that had gone out and is there again while its incident is still open: a call like the first one."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from alerting.carrier import MOST_OF_ONE
from alerting.courier import Courier
from alerting.desk import Desk, incident_id_of
from alerting.dispatcher import Dispatcher
from alerting.open_cases import OpenCases
from campuswatch.roles.listening import react
from campuswatch.roles.snapshot import Snapshot
from domain.finding import Finding, FindingKind
from domain.incident import IncidentAction
from storage.incidents import open_cases
from storage.notices import NoticeChannel
from storage.pool import Connection, Pool, open_pool
from tests.integration.alerting.lane import both, lane_of, received, told
from tests.integration.alerting.ledgers import deliveries, incidents, timeline, until, until_true
from tests.integration.dashboards.line import Line
from tests.unit.alerting.findings import NOW, SetClock, finding, press

ACKNOWLEDGE, RESET = IncidentAction.ACKNOWLEDGE, IncidentAction.RESET


def _smoke(minute: int = 0, kind: FindingKind = FindingKind.RAISED) -> Finding:
    return finding("smoke_alarm", kind, at=NOW + timedelta(minutes=minute))


def _over(minute: int) -> Finding:
    return _smoke(minute, FindingKind.CLEARED)


async def _act(conn: Connection, desk: Desk, *actions: IncidentAction) -> None:
    (incident,) = [i for i in await incidents(conn) if i["reset_at"] is None]
    for action in actions:
        await desk.act(conn, incident["incident_id"], action, actor="值班员", note="", now=NOW)


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_links_are_told_of_a_fire_that_came_back_while_the_database_is_away(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock, acknowledged: bool
) -> None:
    police, education, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, _smoke())
        await lane.step(conn, _over(1))
        if acknowledged:
            await _act(conn, desk, ACKNOWLEDGE)
        await until(received(conn, 2))
        (incident,) = await incidents(conn)
        assert incident["state"] == ("normal" if acknowledged else "returned")
        await lane.refresh(conn)
        again = _smoke(2)
        lane.hear(again)  # and no commit: the database is away
        await until_true(lambda: police.taken.total() == education.taken.total() == 2)
        data = police.tried[1].body["data"]
        assert (data["incident_id"], data["number"]) == (str(incident["incident_id"]), incident["number"])
        await lane.commit(conn, [again])
        await until(received(conn, 4))
    assert {d["delivery_id"] for d in await deliveries(conn)} == police.taken.keys() | education.taken.keys()
    assert (len(police.tried), len(education.tried)) == (2, 2)
    (incident,) = await incidents(conn)
    assert incident["state"] == "raised"
    assert Counter(await timeline(conn, incident["incident_id"]))["receipt"] == 4


async def test_a_fire_that_comes_and_goes_during_an_outage_calls_each_time_it_comes(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, education, inboxes = both()
    said = [_smoke(0), _smoke(1), _over(2), _over(3), _smoke(4), _smoke(5), _over(6), _smoke(7)]
    async with lane_of(desk, inboxes, pool, clock) as lane:
        for one in said:
            lane.hear(one)
        await until_true(lambda: police.taken.total() == education.taken.total() == 3)
        for one in said:
            await lane.commit(conn, [one])
        await until(received(conn, 6))
    assert (len(police.tried), len(education.tried)) == (3, 3)
    assert {d.incident_id for d in police.tried} == {incident_id_of(said[0])}


async def test_after_a_restart_without_the_database_a_fire_that_comes_back_is_told(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock, tmp_path: Path
) -> None:
    police, _, inboxes = both()
    keep = Snapshot(tmp_path).save_standing
    async with lane_of(desk, inboxes, pool, clock, keep=keep) as lane:
        await lane.step(conn, _smoke())
        await lane.step(conn, _over(1), press())
        await until(received(conn, 4))
    async with lane_of(desk, inboxes, pool, clock, keep=keep) as lane:
        lane.path.inherit(Snapshot(tmp_path).load_standing())
        lane.path.resume()
        again, repeated = _smoke(2), press(at=NOW + timedelta(minutes=2))
        lane.hear(again, repeated)
        await until_true(told(police, 3))
        await lane.commit(conn, [again, repeated])
        await until(received(conn, 6))
    assert [d.body["data"]["rule"] for d in police.tried].count("one_key_alarm") == 1
    assert police.tried[-1].body["data"]["number"] == (await incidents(conn))[0]["number"]


async def test_a_fire_whose_end_memory_has_missed_is_carried_by_the_lane_when_the_database_says_so(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, education, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, _smoke())
        async with conn.transaction():
            await desk.take(conn, _over(1), now=NOW)
        await until(received(conn, 2))
        assert not lane.cases.stored[_smoke().key].returned
        police.gate = asyncio.Event()
        await lane.step(conn, _smoke(2))
        (queued,) = [d for d in await deliveries(conn) if d["recipient"] == "police" and d["state"] == "queued"]
        assert queued["lease_until"] > clock.now(), "nobody else takes it meanwhile"
        police.gate.set()
        await until(received(conn, 4))
    assert (len(police.tried), len(education.tried)) == (2, 2)


async def test_a_call_back_to_an_incident_that_was_reset_meanwhile_is_the_call_of_the_new_one(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    """Nobody had told memory of the reset. One call for the link, and its receipt stands where people look for it."""
    police, _, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, _smoke())
        await lane.step(conn, _over(1))
        await until(received(conn, 2))
        await _act(conn, desk, ACKNOWLEDGE, RESET)
        again = _smoke(2)
        lane.hear(again)
        await until_true(told(police, 2))
        await lane.commit(conn, [again])

        async def receipted() -> bool:
            second = await deliveries(conn, incident_id_of(again))
            return [d["state"] for d in second] == ["received", "received"]

        await until(receipted)
    assert len(police.tried) == 2
    assert (await timeline(conn, incident_id_of(again))).count("receipt") == 2


@pytest.mark.parametrize("at_once", [1, 8, 31])
async def test_what_a_fluttering_detector_says_beyond_the_bound_is_one_call_of_the_dispatchers(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock, at_once: int
) -> None:
    police, education, inboxes = both()
    police.gate = education.gate = asyncio.Event()
    said = [_smoke(0), *(one for n in range(1, 30, 2) for one in (_over(n), _smoke(n + 1)))]
    async with lane_of(desk, inboxes, pool, clock) as lane:
        for first in range(0, len(said), at_once):
            lane.hear(*said[first : first + at_once])
        await lane.commit(conn, said)
        queued = await deliveries(conn)
        assert len(queued) == MOST_OF_ONE + len(inboxes), "the newest call, and not each that was over again"
        newest = {one.delivery_id for one in desk.link_deliveries(said[-1], now=clock.now())}
        assert {d["delivery_id"] for d in queued if d["lease_until"] is None} == newest
        assert sum(d["lease_until"] is not None for d in queued) == MOST_OF_ONE
        police.gate.set()
        dispatcher = Dispatcher(pool=pool, courier=Courier(inboxes), clock=clock, wake=asyncio.Event())
        running = asyncio.create_task(dispatcher.run())
        await until(received(conn, MOST_OF_ONE + len(inboxes)), within_s=20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (len(police.tried), len(education.tried)) == (MOST_OF_ONE // 2 + 1, MOST_OF_ONE // 2 + 1)


async def test_a_message_redelivered_after_the_fire_came_back_calls_nobody(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    first, over, again, over_again = _smoke(), _over(1), _smoke(2), _over(3)
    async with lane_of(desk, inboxes, pool, clock) as lane:
        for one in (first, over, again):
            await lane.step(conn, one)
        for one in (over, again, first):
            lane.hear(one)
            lane.path.committed([one])  # the lane found the message stored, and wrote nothing
        repeated = _smoke(3)
        lane.hear(over)
        lane.hear(repeated)
        lane.path.committed([over])
        await lane.commit(conn, [repeated])
        await lane.step(conn, over_again)
        lane.hear(again)
        lane.path.committed([again])
        assert lane.cases.stored[first.key].returned
        await until(received(conn, 4))
    assert len(police.tried) == 2


async def test_a_reset_is_heard_before_the_database_is_asked_so_the_next_press_calls_without_it(
    kept_database: str, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    pressed, again = press(), press(at=NOW + timedelta(minutes=1))
    async with (
        Line(kept_database).open() as line,
        open_pool(line.dsn, name="alarm", max_size=2) as pool,
        lane_of(desk, inboxes, pool, clock) as lane,
    ):
        await lane.step(conn, pressed)
        await until(received(conn, 2))

        listening = asyncio.create_task(_listen(line.dsn, lane.cases))
        await until_true(lambda: lane.cases.asked)
        await _act(conn, desk, ACKNOWLEDGE)
        assert pressed.key in lane.cases
        await _act(conn, desk, RESET)
        await until_true(lambda: pressed.key not in lane.cases)
        line.cut()
        lane.hear(again)
        await until_true(lambda: len(police.taken) == 2)
        line.mend()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await lane.commit(conn, [again])
    assert set(police.taken.values()) == {1}


async def _listen(dsn: str, cases: OpenCases) -> None:
    """As the alarm role does, but for the cases: those are asked for once, at the start."""

    async def refresh_once(conn: Connection) -> None:
        if not cases.asked:
            cases.refresh(await open_cases(conn), asked_at_step=cases.step)

    ears = {NoticeChannel.ENDED: lambda incident_id: cases.end(UUID(incident_id))}
    await react(dsn, {NoticeChannel.INCIDENT: refresh_once}, name="cases", pause_s=60.0, ears=ears)
