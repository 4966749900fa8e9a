from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detectors.engine import Engine
from detectors.rules import bulk_rules
from devices.formats.decode import Decoder
from devices.registry import load_registry
from domain.clock import SystemClock
from domain.errors import SpoolFull
from ingest.journal import Journal
from ingest.session import Inbound
from ingest.spool import Position, Spool
from storage.device_states import load_liveness, load_rule_states
from storage.pool import Connection, connect
from tests.integration.alerting.ledgers import rows, until, until_true
from tests.integration.dashboards.line import Line
from tests.integration.ingest.lanes import bulk_lane
from tests.integration.ingest.school import Devices, Message, counts, heartbeat, ledger, now_text, reading


async def _settled(conn: Connection, received: int) -> dict[str, int]:
    """The ledger, as soon as it counts so many."""

    async def came() -> bool:
        return (await ledger(conn))["received"] >= received

    await until(came, within_s=20)
    return await ledger(conn)


def _beats(count: int, start: int = 0) -> list[Message]:
    """All of one moment ago, no two of one device alike."""
    base = datetime.now(UTC) - timedelta(seconds=60)
    return [
        heartbeat(number % 10, ts=(base + timedelta(milliseconds=number)).isoformat())
        for number in range(start, start + count)
    ]


async def test_what_is_said_is_stored_and_counted(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await devices.say(*_beats(300), *(reading(number) for number in range(10)))
        books = await _settled(conn, 310)
    assert books == {"received": 310, "stored": 310, "rejected": 0, "duplicate": 0}
    assert await counts(conn) == {"heartbeat": 300, "reading": 10, "event": 0, "quarantine": 0}


async def test_what_comes_again_is_stored_once_and_counted_as_duplicate(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    said = [*_beats(20), reading(1, ts=now_text())]
    event = ("campus/v1/s001/tmp-01/event", b'{"id":"e1","event":"tamper"}')
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await devices.say(*said, event)
        await _settled(conn, 22)
        await devices.say(*said, event, *_beats(5, 100))
        books = await _settled(conn, 49)
    assert books == {"received": 49, "stored": 27, "rejected": 0, "duplicate": 22}
    assert await counts(conn) == {"heartbeat": 25, "reading": 1, "event": 1, "quarantine": 0}


async def test_a_lane_killed_between_commit_and_acknowledgement_stores_once(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path) as session:
        session.acknowledge = lambda messages: None  # type: ignore[method-assign]
        await devices.say(*_beats(50))
        await _settled(conn, 50)
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        books = await _settled(conn, 100)
    assert books == {"received": 100, "stored": 50, "rejected": 0, "duplicate": 50}
    assert (await counts(conn))["heartbeat"] == 50


class _Broken(Spool):
    """A disk that takes nothing."""

    def append(self, records: object) -> Position:
        raise SpoolFull("no space left on device")


async def test_without_database_and_disk_nothing_is_acknowledged_and_the_next_lane_gets_it_all(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with Line(dsn).open() as line:
        line.cut()
        async with bulk_lane(url, line.dsn, bulk_client, decoder, _Broken(journal_path)):
            await devices.say(*_beats(80))
            await asyncio.sleep(0.3)  # time to do wrong: nothing can be awaited that must not happen
    assert (await ledger(conn))["received"] == 0
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        books = await _settled(conn, 80)
    assert books == {"received": 80, "stored": 80, "rejected": 0, "duplicate": 0}


@pytest.mark.parametrize("disk", ["works", "takes nothing"])
async def test_a_database_that_is_away_and_back_loses_nothing_and_stores_once(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    bulk_client: str,
    journal_path: Path,
    disk: str,
) -> None:
    spool = Spool(journal_path) if disk == "works" else _Broken(journal_path)
    async with Line(dsn).open() as line, bulk_lane(url, line.dsn, bulk_client, decoder, spool):
        await devices.say(*_beats(30))
        await _settled(conn, 30)
        line.cut()
        await devices.say(*_beats(40, 30))
        if disk == "works":
            await until_true(lambda: spool.records >= 40)
        await devices.say(*_beats(40, 70))
        line.mend()
        books = await _settled(conn, 110)
        # And it is live again.
        await devices.say(*_beats(10, 110))
        books = await _settled(conn, 120)
    assert books == {"received": 120, "stored": 120, "rejected": 0, "duplicate": 0}
    assert (await counts(conn))["heartbeat"] == 120
    if disk == "works":
        assert spool.records == 0


async def test_a_lane_killed_while_the_database_is_away_goes_on_from_its_journal(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with Line(dsn).open() as line:
        spool = Spool(journal_path)
        async with bulk_lane(url, line.dsn, bulk_client, decoder, spool):
            await devices.say(*_beats(1))
            await _settled(conn, 1)
            line.cut()
            await devices.say(*_beats(60, 1))
            await until_true(lambda: spool.records == 60)
    async with bulk_lane(url, dsn, bulk_client, decoder, Spool(journal_path)):
        await devices.say(*_beats(5, 61))
        books = await _settled(conn, 66)
    assert books["stored"] == 66
    assert (await counts(conn))["heartbeat"] == 66


async def test_connections_that_the_server_ends_cost_nothing(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        for start in range(0, 100, 20):
            await devices.say(*_beats(20, start))
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'campuswatch bulk'"
            )
        books = await _settled(conn, 100)
    assert (books["stored"], (await counts(conn))["heartbeat"]) == (100, 100)


async def test_what_the_database_refuses_stops_nobody_else(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    await conn.execute("ALTER TABLE heartbeat ADD CONSTRAINT picky CHECK (battery_pct <> 13)")
    try:
        topic, _ = heartbeat(3)
        cursed = (topic, f'{{"ts":"{now_text()}","battery_pct":13}}'.encode())
        async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
            await devices.say(*_beats(15), cursed, *_beats(15, 15), reading(2))
            books = await _settled(conn, 32)
            await devices.say(*_beats(3, 30))
            books = await _settled(conn, 35)
    finally:
        await conn.execute("ALTER TABLE heartbeat DROP CONSTRAINT picky")
    assert books == {"received": 35, "stored": 34, "rejected": 1, "duplicate": 0}
    (aside,) = await rows(conn, "SELECT * FROM quarantine")
    assert (aside["reason"], aside["topic"], aside["payload"]) == ("unstorable", topic, cursed[1])
    assert "picky" in aside["detail"]


async def test_observations_detector_state_and_findings_stand_together(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    topic, _ = heartbeat(4)
    low = (topic, f'{{"ts":"{now_text()}","battery_pct":3}}'.encode())
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await devices.say(low, reading(4, 70))
        await _settled(conn, 2)
    found = await rows(conn, "SELECT rule, kind, handled_at FROM finding ORDER BY rule")
    assert [(f["rule"], f["kind"]) for f in found] == [("high_temperature", "raised"), ("low_battery", "raised")]
    assert {
        (rule, state.get("reading:temperature_c", {}).get("peak")) for rule, _, state in await load_rule_states(conn)
    } == {
        ("high_temperature", 70),
        ("low_battery", None),
    }
    assert [change.connectivity for change in await load_liveness(conn, proofs_since=datetime.now(UTC))] == ["online"]


async def test_a_finding_is_not_made_again_by_a_redelivered_message(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path) as session:
        session.acknowledge = lambda messages: None  # type: ignore[method-assign]
        await devices.say(reading(4, 70))
        await _settled(conn, 1)
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await _settled(conn, 2)
    assert len(await rows(conn, "SELECT * FROM finding")) == 1


async def test_a_silent_device_is_found_by_time_alone(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    engine = await _engine_of_quick_devices(conn, decoder)
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, engine=engine):
        await devices.say(heartbeat(0), heartbeat(1))

        async def lost() -> bool:
            return len(await rows(conn, "SELECT * FROM finding WHERE rule = 'heartbeat_lost'")) == 2

        await until(lost)
    assert {row["connectivity"] for row in await rows(conn, "SELECT * FROM device_state")} == {"offline"}


async def test_what_an_earlier_process_had_put_aside_makes_no_device_seem_silent(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    """The journal's heartbeats are an hour old because we were away, not because the devices were silent."""
    engine = await _engine_of_quick_devices(conn, decoder, heartbeat_s=20)
    long_ago = datetime.now(UTC) - timedelta(minutes=50)
    async with Journal(Spool(journal_path)) as journal:
        old = [heartbeat(number, ts=long_ago.isoformat()) for number in range(10)]
        await journal.append([Inbound(topic.encode(), body, long_ago, 0, 0, False) for topic, body in old])
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, engine=engine):
        await _settled(conn, 10)
        # A reading makes a commit of its own, and ticks come between.
        await devices.say(reading(0))
        await _settled(conn, 11)
        await asyncio.sleep(0.2)  # several ticks
    assert await rows(conn, "SELECT rule, device_id FROM finding") == []


async def _engine_of_quick_devices(conn: Connection, decoder: Decoder, *, heartbeat_s: int = 1) -> Engine:
    """Three intervals are three seconds."""
    await conn.execute("UPDATE device SET heartbeat_s = %s", (heartbeat_s,))
    registry = await load_registry(conn)
    decoder.use(registry)
    engine = Engine(bulk_rules())
    engine.enrol(registry, SystemClock().now())
    return engine


async def test_two_processes_over_one_session_store_once(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    """A standby takes the session over while the old process still believes it holds it: the broker fences it off."""
    other = await connect(dsn, name="other")
    async with (
        bulk_lane(url, dsn, bulk_client, decoder, journal_path / "one"),
        bulk_lane(url, dsn, bulk_client, decoder, journal_path / "two"),
    ):
        await devices.say(*_beats(100))

        async def stored() -> bool:
            return (await counts(other))["heartbeat"] == 100

        await until(stored, within_s=20)
    await other.close()
    books = await ledger(conn)
    assert books["stored"] == 100
