from __future__ import annotations

import asyncio
import errno
import secrets
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from psycopg.conninfo import conninfo_to_dict

from alerting.alarm_path import AlarmPath
from alerting.courier import Courier
from alerting.desk import Desk
from alerting.open_cases import OpenCases
from devices.formats.decode import Decoder
from domain.clock import SystemClock
from domain.errors import SpoolFull
from domain.incident import IncidentAction
from ingest.journal import Journal
from ingest.session import BrokerSession, Inbound
from ingest.spool import Position, Spool
from storage.incidents import open_cases
from storage.pool import Connection, Pool, open_pool
from tests.integration.alerting.ledgers import deliveries, incidents, rows, until, until_true
from tests.integration.dashboards.line import Line
from tests.integration.ingest.lanes import Told, alarm_lane
from tests.integration.ingest.school import Devices, counts, ledger, press
from tests.unit.alerting.findings import SmallGazetteer
from tests.unit.alerting.inbox import Inbox


def _desk() -> Desk:
    return Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))


class _Whole:
    """The lane with alerting behind it, as the role puts it together."""

    def __init__(self, session: BrokerSession, police: Inbox, pool: Pool, cases: OpenCases) -> None:
        self.session = session
        self.police = police
        self.pool = pool
        self.cases = cases

    async def refresh(self, conn: Connection) -> None:
        step = self.cases.step
        self.cases.refresh(await open_cases(conn), asked_at_step=step)


@asynccontextmanager
async def _whole(
    url: str, dsn: str, client_id: str, decoder: Decoder, journal: Path | Spool, police: Inbox
) -> AsyncIterator[_Whole]:
    cases = OpenCases()
    async with open_pool(dsn, name="alarm", max_size=2) as pool, asyncio.TaskGroup() as tasks:
        path = AlarmPath(
            desk=_desk(), courier=Courier({"police": police}), cases=cases, pool=pool, clock=SystemClock(), tasks=tasks
        )
        lane = alarm_lane(url, dsn, client_id, decoder, journal, path, is_open=cases.__contains__)
        async with lane as session:
            yield _Whole(session, police, pool, cases)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("bring "):
                task.cancel()  # the process is killed


async def _until_incidents(conn: Connection, count: int) -> None:
    async def there() -> bool:
        return len(await incidents(conn)) >= count

    await until(there, within_s=15)


async def _until_received(conn: Connection, count: int) -> None:
    async def there() -> bool:
        return [d["state"] for d in await deliveries(conn)] == ["received"] * count

    await until(there, within_s=15)


async def test_a_press_becomes_an_event_an_incident_and_a_receipt(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await devices.say(press(0, name="p1"))
        await _until_received(conn, 1)
    (incident,) = await incidents(conn)
    assert (incident["rule"], incident["site_id"], incident["device_id"]) == ("one_key_alarm", "s001", "btn-00")
    assert await ledger(conn) == {"received": 1, "stored": 1, "rejected": 0, "duplicate": 0}
    assert (await counts(conn))["event"] == 1
    assert len(police.tried) == 1


async def test_ten_buttons_at_once_are_ten_incidents_and_none_is_lost(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await devices.say(*(press(number) for number in range(10)))
        await _until_received(conn, 10)
    assert len(await incidents(conn)) == 10
    assert set(police.taken.values()) == {1}


async def test_an_alarm_reaches_the_link_while_the_database_is_away_and_is_in_it_once_it_is_back(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    async with Line(dsn).open() as line:
        line.cut()
        async with _whole(url, line.dsn, alarm_client, decoder, journal_path, police):
            await devices.say(press(0, name="p1"), press(0, name="p2"), press(1, name="p1"))
            await until_true(lambda: len(police.taken) == 2)
            assert await incidents(conn) == []
            line.mend()
            await _until_received(conn, 2)
    found = await incidents(conn)
    assert sorted((i["device_id"], i["occurrences"]) for i in found) == [("btn-00", 2), ("btn-01", 1)]
    assert {d["delivery_id"] for d in await deliveries(conn)} == police.taken.keys()
    assert set(police.taken.values()) == {1}
    assert await ledger(conn) == {"received": 3, "stored": 3, "rejected": 0, "duplicate": 0}


@pytest.mark.parametrize("named", [True, False], ids=["with id", "without id"])
async def test_a_process_killed_while_the_database_is_away_tells_the_same_webhook_id_again_and_stores_once(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    alarm_client: str,
    journal_path: Path,
    named: bool,
) -> None:
    police = Inbox()
    async with Line(dsn).open() as line:
        line.cut()
        async with _whole(url, line.dsn, alarm_client, decoder, journal_path, police):
            await devices.say(press(0, name="p1" if named else ""))
            await until_true(lambda: bool(police.taken))
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await _until_received(conn, 1)
    assert len(police.taken) == 1, "the receiver recognises it"
    assert [i["occurrences"] for i in await incidents(conn)] == [1]
    assert (await counts(conn))["event"] == 1


class _Broken(Spool):
    def append(self, records: object) -> Position:
        raise SpoolFull("no space left on device")


async def test_without_a_disk_nothing_is_acknowledged_before_its_commit(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    async with Line(dsn).open() as line:
        line.cut()
        async with _whole(url, line.dsn, alarm_client, decoder, _Broken(journal_path), police):
            await devices.say(press(0, name="p1"))
            await until_true(lambda: bool(police.taken))
    async with _whole(url, dsn, alarm_client, decoder, _Broken(journal_path), police):
        await _until_received(conn, 1)
        await devices.say(press(1, name="p1"))
        await _until_incidents(conn, 2)
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await devices.say(press(2, name="p1"))
        await _until_incidents(conn, 3)
    assert len(police.taken) == 3
    assert (await ledger(conn))["duplicate"] == 0, "what was committed had been acknowledged"


class _Unstrikable(_Broken):
    """A disk that became read-only after alarms had been left on it."""

    def consume(self, position: Position) -> None:
        raise OSError(errno.EROFS, "Read-only file system")


async def test_on_a_read_only_disk_what_was_left_behind_is_told_and_what_comes_is_acknowledged_after_its_commit(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    topic, body = press(9, name="old")
    async with Journal(Spool(journal_path)) as journal:
        await journal.append([Inbound(topic.encode(), body, datetime.now(UTC), 0, 0, False)])
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, _Unstrikable(journal_path), police) as whole:
        for number in range(3):
            await devices.say(press(number))
        await _until_received(conn, 4)
        await until_true(lambda: not whole.session.unacknowledged)
    assert len(police.taken) == 4


async def test_a_lane_starts_where_there_is_no_place_for_its_journal(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory")
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, tmp_path / "file" / "journal", police) as whole:
        await devices.say(press(0), ("campus/v1/s001/btn-01/alarm", b"junk"))
        await _until_received(conn, 1)
        await until_true(lambda: not whole.session.unacknowledged)
    assert await ledger(conn) == {"received": 2, "stored": 1, "rejected": 1, "duplicate": 0}


async def test_a_press_without_time_or_id_that_comes_again_after_a_broken_connection_is_one(
    mosquitto: str, dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    """Neither the disk nor the database takes it, so that it cannot be acknowledged before the connection breaks."""
    police, devices = Inbox(), Devices(mosquitto)
    name = f"lane-{secrets.token_hex(6)}"
    async with Line(dsn).open() as database, Line(f"host=127.0.0.1 port={urlsplit(mosquitto).port}").open() as line:
        database.cut()
        through = f"mqtt://127.0.0.1:{conninfo_to_dict(line.dsn)['port']}"
        async with _whole(through, database.dsn, name, decoder, _Broken(journal_path), police) as whole:
            await devices.say(press(0), press(0))
            await until_true(lambda: whole.session.unacknowledged == 2 and len(police.taken) == 1)
            line.cut()
            await until_true(lambda: not whole.session.connected)
            line.mend()
            await until_true(lambda: whole.session.unacknowledged == 4)
            database.mend()

            async def all_booked() -> bool:
                return (await ledger(conn))["received"] == 4

            await until(all_booked, within_s=15)
            await until_true(lambda: whole.session.unacknowledged == 0)
    devices.close()
    assert await ledger(conn) == {"received": 4, "stored": 2, "rejected": 0, "duplicate": 2}
    assert [i["occurrences"] for i in await incidents(conn)] == [2]
    assert len(police.taken) == 1


class _Hanging(Spool):
    """A disk that answers nothing until it is let go."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.free = threading.Event()

    def append(self, records: Sequence[bytes]) -> Position:
        self.free.wait(20)
        return super().append(records)


async def test_a_disk_that_hangs_holds_up_neither_links_nor_incidents(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police, disk = Inbox(), _Hanging(journal_path)
    try:
        async with _whole(url, dsn, alarm_client, decoder, disk, police):
            for number in range(3):
                await devices.say(press(number))
                await until_true(lambda number=number: len(police.taken) == number + 1)  # type: ignore[misc]
            await _until_incidents(conn, 3)
            disk.free.set()
            await until_true(lambda: disk.records == 0 and disk.size == 0)
    finally:
        disk.free.set()
    assert set(police.taken.values()) == {1}


async def test_what_comes_again_after_its_commit_tells_nobody_twice(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await devices.say(press(0, name="p1"), press(0, name="p2"))
        await _until_received(conn, 1)

        async def both() -> bool:
            return [i["occurrences"] for i in await incidents(conn)] == [2]

        await until(both)
        await devices.say(
            press(0, name="p1"), press(0, name="p2"), press(1)
        )  # as the broker would, after a lost PUBACK
        await _until_incidents(conn, 2)
    first, _ = await incidents(conn)
    assert first["occurrences"] == 2
    assert (await ledger(conn))["duplicate"] == 2
    assert len(police.taken) == 2


@pytest.mark.parametrize("again", ["p1", "p2"], ids=["the first press", "a repeated press"])
async def test_a_press_that_comes_again_after_the_reset_opens_nothing_and_calls_nobody(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    alarm_client: str,
    journal_path: Path,
    again: str,
) -> None:
    """An acknowledgement to the broker was lost on the way; hours later it sends the message again."""
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police) as whole:
        await devices.say(press(0, name="p1"), press(0, name="p2"))
        await _until_received(conn, 1)
        (incident,) = await incidents(conn)
        for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET):
            await _desk().act(conn, incident["incident_id"], action, actor="值班员", note="", now=SystemClock().now())
        await whole.refresh(conn)
        await devices.say(press(0, name=again), press(1, name="marker"))
        await _until_incidents(conn, 2)
    assert [(i["device_id"], i["state"]) for i in await incidents(conn)] == [("btn-00", "reset"), ("btn-01", "raised")]
    told = [d for d in police.tried if d.notice == "raised"]
    assert len({d.incident_id for d in told}) == 2


@pytest.mark.parametrize("table", ["event", "incident"])
async def test_an_alarm_that_the_database_refuses_stops_no_other(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    alarm_client: str,
    journal_path: Path,
    table: str,
) -> None:
    police = Inbox()
    cursed = await rows(conn, "SELECT device_no FROM device WHERE device_id = 'btn-05' ORDER BY device_no LIMIT 1")
    await conn.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT picky CHECK (device_no <> {cursed[0]['device_no']}) NOT VALID".encode()
    )
    try:
        async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
            await devices.say(press(4), press(5, name="p1"), press(6))
            await until_true(lambda: len(police.taken) == 3)
            await devices.say(press(7))
            await until_true(lambda: len(police.taken) == 4)
            await _until_incidents(conn, 4 if table == "event" else 3)

            async def aside() -> bool:
                return bool(await rows(conn, "SELECT * FROM quarantine WHERE reason = 'unstorable'"))

            await until(aside)
    finally:
        await conn.execute(f"ALTER TABLE {table} DROP CONSTRAINT picky".encode())
    opened = {i["device_id"] for i in await incidents(conn)}
    assert opened >= {"btn-04", "btn-06", "btn-07"}
    await ledger(conn)  # the books balance


async def test_a_press_that_comes_again_beside_a_refused_one_is_no_second_line_on_the_timeline(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    """The refusal has every message of the batch committed by itself."""
    police = Inbox()
    cursed = await rows(conn, "SELECT device_no FROM device WHERE device_id = 'btn-05' ORDER BY device_no LIMIT 1")
    await conn.execute(
        f"ALTER TABLE event ADD CONSTRAINT picky CHECK (device_no <> {cursed[0]['device_no']}) NOT VALID".encode()
    )
    try:
        async with Line(dsn).open() as line, _whole(url, line.dsn, alarm_client, decoder, journal_path, police):
            await devices.say(press(4, name="p1"), press(4, name="p2"))
            await _until_received(conn, 1)
            line.cut()
            await devices.say(press(7))
            await until_true(lambda: len(police.taken) == 2)  # it is in hand; what comes now is taken together
            await devices.say(press(5, name="p1"), press(4, name="p1"), press(4, name="p2"), press(6))
            await until_true(lambda: len(police.taken) == 4)
            line.mend()
            await _until_incidents(conn, 4)

            async def all_booked() -> bool:
                return (await ledger(conn))["received"] == 7

            await until(all_booked, within_s=15)
    finally:
        await conn.execute(b"ALTER TABLE event DROP CONSTRAINT picky")
    repeats = {i["device_id"]: i["occurrences"] for i in await incidents(conn)}
    assert repeats == {"btn-04": 2, "btn-05": 1, "btn-06": 1, "btn-07": 1}
    assert await ledger(conn) == {"received": 7, "stored": 4, "rejected": 1, "duplicate": 2}


async def test_the_links_are_begun_before_the_database_is_asked(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    order: list[str] = []

    class Watching(Told):
        def begin(self, findings: Sequence[object], *, now: object) -> None:
            order.append("begin")

    def write(findings: Sequence[object]) -> None:
        order.append("write")

    async with alarm_lane(url, dsn, alarm_client, decoder, journal_path, Watching(write)):
        await devices.say(press(0))
        await until_true(lambda: order == ["begin", "write"])


async def test_what_nobody_can_read_waits_behind_a_press(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    junk = [("campus/v1/s001/btn-03/alarm", b"junk %d" % number) for number in range(4000)]
    async with Line(dsn).open() as line:
        line.cut()
        async with _whole(url, line.dsn, alarm_client, decoder, journal_path, police):
            await devices.say(*junk, press(0))
            await until_true(lambda: len(police.taken) == 1)
            line.mend()
            await _until_received(conn, 1)

            async def all_put_aside() -> bool:
                return (await counts(conn))["quarantine"] == 4000

            await until(all_put_aside, within_s=30)
    (pressed,) = await rows(conn, "SELECT ts FROM ledger_entry WHERE 1 = ANY (stored)")
    (before,) = await rows(
        conn,
        "SELECT coalesce(sum(n), 0)::int AS rejected FROM ledger_entry, unnest(rejected) AS n"
        f" WHERE ts < '{pressed['ts'].isoformat()}'",
    )
    # One part may have been in hand when the press came.
    assert before["rejected"] <= 1000
    lines = await rows(
        conn, "SELECT kind FROM incident_entry JOIN incident USING (incident_id) WHERE rule = 'doubtful_alarm'"
    )
    assert len(lines) < 100


async def test_a_press_sent_twice_while_the_database_is_away_is_one(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    police = Inbox()
    once, again = press(0, name="p1"), press(0, name="p2")
    async with Line(dsn).open() as line:
        line.cut()
        async with _whole(url, line.dsn, alarm_client, decoder, journal_path, police):
            await devices.say(once)
            await until_true(lambda: len(police.taken) == 1)
            await devices.say(again)
            await devices.say(again)
            await asyncio.sleep(0.2)
            line.mend()
            await _until_received(conn, 1)

            async def all_stored() -> bool:
                return (await ledger(conn))["received"] == 3

            await until(all_stored, within_s=15)
    assert await ledger(conn) == {"received": 3, "stored": 2, "rejected": 0, "duplicate": 1}
    assert [i["occurrences"] for i in await incidents(conn)] == [2]


async def test_a_great_deal_left_behind_holds_up_nobody_who_presses_now(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    now = datetime.now(UTC)
    old = [
        Inbound(b"campus/v1/s001/btn-03/alarm", b'{"alarm":"panic","id":"%d"}' % number, now, 0, 0, False)
        for number in range(20_000)
    ]
    async with Journal(Spool(journal_path)) as journal:
        await journal.append(old)
    police = Inbox()
    async with _whole(url, dsn, alarm_client, decoder, journal_path, police):
        await devices.say(press(0))
        await until_true(lambda: len(police.taken) == 2, within_s=20)

        async def all_stored() -> bool:
            return (await counts(conn))["event"] == 20_001

        await until(all_stored, within_s=120)
        await until_true(lambda: journal_is_empty(journal_path), within_s=20)
    assert {(i["device_id"], i["occurrences"]) for i in await incidents(conn)} == {("btn-00", 1), ("btn-03", 20_000)}


def journal_is_empty(path: Path) -> bool:
    return not list(path.glob("*.seg"))
