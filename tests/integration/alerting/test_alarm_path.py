from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from alerting.courier import Courier
from alerting.desk import Desk
from alerting.dispatcher import Dispatcher
from alerting.standing import Standing
from domain.errors import TemporaryFailure
from domain.finding import FindingKind
from domain.incident import IncidentAction
from storage.deliveries import give_back
from storage.pool import Connection, Pool, open_pool
from tests.integration.alerting.lane import both, lane_of, received, told
from tests.integration.alerting.ledgers import deliveries, incidents, timeline, until, until_true
from tests.integration.dashboards.line import Line
from tests.unit.alerting.findings import NOW, SetClock, SmallGazetteer, finding, press


async def test_links_are_told_while_the_database_is_away_and_it_is_all_there_once_it_is_back(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, education, inboxes = both()
    refusing = "postgresql://nobody:x@127.0.0.1:1/nothing"
    async with open_pool(refusing, name="away", max_size=1) as away, lane_of(desk, inboxes, away, clock) as lane:
        pressed = press()
        lane.path.begin([pressed], now=NOW)
        await until_true(lambda: bool(police.taken and education.taken))
        assert await incidents(conn) == []
        # Back: the same object goes on, with connections that work.
        lane.path._carrier._recorder._pool = pool
        await lane.commit(conn, [pressed])
        await until(received(conn, 2))
    assert set(police.taken.values()) == {1}
    assert {d["delivery_id"] for d in await deliveries(conn)} == police.taken.keys() | education.taken.keys()
    (incident,) = await incidents(conn)
    assert (await timeline(conn, incident["incident_id"])).count("receipt") == 2


async def test_presses_during_an_outage_are_one_alarm_for_each_link(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, education, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        presses = [press(at=NOW + timedelta(seconds=n)) for n in range(20)]
        for one in presses:
            lane.path.begin([one], now=NOW)
        await until_true(lambda: bool(police.taken and education.taken))
        for one in presses:
            await lane.commit(conn, [one])
        await until(received(conn, 2))
    assert (len(police.tried), len(education.tried)) == (1, 1)
    (incident,) = await incidents(conn)
    assert incident["occurrences"] == 20


async def test_a_hundred_buttons_at_once_reach_both_links_once_each(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, education, inboxes = both()
    pressed = [finding(key=f"one_key_alarm/s001/b{n}", device_id=f"b{n}") for n in range(100)]
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, *pressed)
        await until(received(conn, 200))
    for inbox in (police, education):
        assert len(inbox.taken) == 100
        assert set(inbox.taken.values()) == {1}


async def test_a_press_while_its_incident_is_open_tells_no_link_again(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, press())
        await until(received(conn, 2))
        await lane.refresh(conn)
        await lane.step(conn, press(at=NOW + timedelta(minutes=1)))
        await lane.step(conn, press(at=NOW + timedelta(minutes=2)))
    assert len(police.tried) == 1
    assert [i["occurrences"] for i in await incidents(conn)] == [3]


async def test_a_press_right_after_the_reset_is_carried_though_memory_still_holds_the_old_incident(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, press())
        await until(received(conn, 2))
        (incident,) = await incidents(conn)
        for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET):
            await desk.act(conn, incident["incident_id"], action, actor="值班员", note="", now=NOW)
        again = press(at=NOW + timedelta(minutes=1))
        assert again.key in lane.cases, "the notice of the reset has not come yet"
        await lane.step(conn, again)
        await until_true(told(police, 2))
    assert len(police.taken) == 2
    assert set(police.taken.values()) == {1}


async def test_a_restart_in_the_middle_comes_to_the_same_webhook_ids(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    pressed = press()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        lane.path.begin([pressed], now=NOW)
        await until_true(told(police, 1))
        # Killed before the commit: the broker sends the message again, to a process with an empty memory.
        for task in asyncio.all_tasks():
            if task.get_name().startswith("bring "):
                task.cancel()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.refresh(conn)
        await lane.step(conn, pressed)
        await until(received(conn, 2))
    assert len(police.taken) == 1, "the receiver recognises the second copy by its id"


async def test_a_message_redelivered_after_its_commit_changes_and_tells_nothing(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    pressed = press()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, pressed)
        await until(received(conn, 2))
        await lane.step(conn, pressed)
    assert len(police.tried) == 1
    assert [i["occurrences"] for i in await incidents(conn)] == [1]


async def test_an_alarm_that_a_link_does_not_take_for_long_goes_over_to_the_dispatcher(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    police.down = TemporaryFailure("HTTP 503")
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, press())

        async def delayed() -> bool:
            return "delivery_delayed" in await timeline(conn, (await incidents(conn))[0]["incident_id"])

        await until(delayed)
        (police_delivery,) = [d for d in await deliveries(conn) if d["recipient"] == "police"]
        assert police_delivery["lease_until"] > clock.now()  # it is still carried here
        clock.advance(minutes=16)

        async def handed_over() -> bool:
            return [d["lease_until"] for d in await deliveries(conn) if d["recipient"] == "police"] == [None]

        await until(handed_over, within_s=20)
    police.down = None
    dispatcher = Dispatcher(pool=pool, courier=Courier(inboxes), clock=clock, wake=asyncio.Event())
    running = asyncio.create_task(dispatcher.run())
    clock.advance(seconds=61)
    await until(received(conn, 2))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len({d.delivery_id for d in police.tried}) == 1
    assert set(police.taken.values()) == {1}


async def test_a_link_that_is_well_again_hears_of_it_though_the_database_has_gone_away_meanwhile(
    kept_database: str, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    police.down = TemporaryFailure("HTTP 500")
    async with (
        Line(kept_database).open() as line,
        open_pool(line.dsn, name="alarm", max_size=2) as pool,
        lane_of(desk, inboxes, pool, clock) as lane,
    ):
        await lane.step(conn, press())
        await until_true(lambda: len(police.tried) >= 2)
        line.cut()
        police.down = None
        await until_true(lambda: bool(police.taken), within_s=15)
        line.mend()
        await until(received(conn, 2), within_s=30)


async def test_what_a_dead_process_was_carrying_is_given_back_by_its_successor(
    pool: Pool, conn: Connection, clock: SetClock
) -> None:
    def desk_of(holder: str) -> Desk:
        return Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"), holder=holder)

    await desk_of("room-alarm/1").take(conn, press(), now=NOW, lease_links=True)
    await desk_of("room-alarm/2").take(conn, finding(key="one_key_alarm/s001/own"), now=NOW, lease_links=True)
    await desk_of("annex-alarm/1").take(conn, finding(key="one_key_alarm/s001/other"), now=NOW, lease_links=True)
    assert await give_back(conn, holder="room-alarm/", but="room-alarm/2", at=NOW) == 1
    held = [
        d["leased_by"] for d in await deliveries(conn) if d["lease_until"] is not None and d["channel"] == "webhook"
    ]
    assert sorted(held) == ["annex-alarm/1", "room-alarm/2"]


async def test_the_dispatcher_leaves_alone_what_the_alarm_path_is_carrying(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    police.gate = asyncio.Event()
    dispatcher = Dispatcher(pool=pool, courier=Courier(inboxes), clock=clock, wake=(wake := asyncio.Event()))
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, press())
        other: dict[str, UUID] = {}

        async def educated() -> bool:
            wake.set()
            other.update({d["recipient"]: d["state"] for d in await deliveries(conn)})
            return other == {"education": "received", "police": "queued"}

        running = asyncio.create_task(dispatcher.run())
        await until(educated)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        police.gate.set()
        await until(received(conn, 2))
    assert len(police.tried) == 1


async def test_the_receipt_is_written_down_though_the_database_went_away_after_the_commit(
    kept_database: str, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    police.gate = asyncio.Event()
    async with (
        Line(kept_database).open() as line,
        open_pool(line.dsn, name="alarm", max_size=1) as pool,
        lane_of(desk, inboxes, pool, clock) as lane,
    ):
        await lane.step(conn, press())
        await until_true(told(police, 1))
        line.cut()
        police.gate.set()
        await until_true(lambda: bool(police.taken))
        line.mend()
        await until(received(conn, 2), within_s=15)
    assert set(police.taken.values()) == {1}


async def test_cleared_and_updated_findings_start_nothing(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    police, _, inboxes = both()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, finding("smoke_alarm", FindingKind.CLEARED), finding("smoke_alarm", FindingKind.UPDATED))
    assert police.tried == []
    assert await incidents(conn) == []


async def test_a_finding_of_which_the_link_was_told_is_remembered_when_its_message_comes_again(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    """After a reset memory holds no open incident any more; the message is still an old one."""
    police, _, inboxes = both()
    pressed = press()
    async with lane_of(desk, inboxes, pool, clock) as lane:
        await lane.step(conn, pressed)
        await until(received(conn, 2))
        (incident,) = await incidents(conn)
        for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET):
            await desk.act(conn, incident["incident_id"], action, actor="值班员", note="", now=NOW)
        await lane.refresh(conn)
        await lane.step(conn, pressed)
        assert pressed.key not in lane.cases, "the next real press is carried at once"
    assert [d.notice for d in police.tried] == ["raised"]


async def test_open_keys_are_kept_on_disk_when_they_change_and_a_full_disk_stops_no_alarm(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    _, _, inboxes = both()
    kept: list[set[str]] = []
    full = True

    def keep(standing: Standing) -> None:
        if full:
            raise OSError(28, "No space left on device")
        kept.append(set(standing.cases))

    async with lane_of(desk, inboxes, pool, clock, keep=keep) as lane:
        first, second = press(), finding("smoke_alarm")
        await lane.step(conn, first)
        assert kept == []
        full = False
        await lane.step(conn, second)
        await lane.step(conn, second)
        assert kept == [{first.key, second.key}]
        await until(received(conn, 4))
