from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.observation import Alarm, AlarmKind, Event, EventKind, Heartbeat, Reading, StateReport
from domain.quarantine import Reason, Rejected
from storage.ledger import store_ledger
from storage.observations import (
    store_events,
    store_heartbeats,
    store_readings,
    store_rejected,
)
from storage.pool import Connection, connect
from tests.integration.alerting.ledgers import rows
from tests.pages import page
from tests.unit.detectors.sayings import BUTTON, SENSOR, START, alarm, at, device, event, heartbeat, reading


async def _count(conn: Connection, table: str) -> int:
    (found,) = await rows(conn, f"SELECT count(*) AS n FROM {table}")
    return int(found["n"])


async def test_new_heartbeats_are_all_stored(conn: Connection) -> None:
    said = [heartbeat(n, battery_pct=None if n % 2 else 12.5) for n in range(100)]
    async with conn.transaction():
        assert (await store_heartbeats(conn, said)).known == set()
    found = await rows(conn, "SELECT ts, received_at, battery_pct FROM heartbeat ORDER BY ts LIMIT 2")
    assert [row["battery_pct"] for row in found] == [12.5, None]
    assert (found[0]["ts"], found[0]["received_at"]) == (START, START)


async def test_a_batch_with_one_known_heartbeat_stores_the_others_and_names_that_one(conn: Connection) -> None:
    async with conn.transaction():
        await store_heartbeats(conn, [heartbeat(5, battery_pct=50)])
    async with conn.transaction():
        assert (await store_heartbeats(conn, [heartbeat(n, battery_pct=70) for n in range(10)])).known == {5}
    assert await _count(conn, "heartbeat") == 10
    (kept,) = await rows(conn, "SELECT battery_pct FROM heartbeat WHERE ts = %s", at(5))
    assert kept["battery_pct"] == 50, "what was stored first stands"


async def test_a_repetition_within_one_batch_is_a_duplicate(conn: Connection) -> None:
    async with conn.transaction():
        assert (await store_heartbeats(conn, [heartbeat(1), heartbeat(2), heartbeat(1), heartbeat(1)])).known == {2, 3}
    assert await _count(conn, "heartbeat") == 2


async def test_two_duplicated_batches_in_one_transaction_do_not_mix(conn: Connection) -> None:
    async with conn.transaction():
        assert (await store_heartbeats(conn, [heartbeat(1), heartbeat(1)])).known == {1}
        assert (await store_heartbeats(conn, [heartbeat(1), heartbeat(2), heartbeat(2)])).known == {0, 2}
    assert await _count(conn, "heartbeat") == 2


async def test_the_transaction_goes_on_after_a_duplicate(conn: Connection) -> None:
    async with conn.transaction():
        await store_ledger(conn, "bulk", {START: page((1, 2, 1, 0, 1))})
        await store_heartbeats(conn, [heartbeat(1), heartbeat(1)])
        await store_readings(conn, [reading(1, 20.0), reading(1, 20.0)])
    assert (await _count(conn, "ledger_entry"), await _count(conn, "heartbeat"), await _count(conn, "reading")) == (
        1,
        1,
        1,
    )


async def test_a_reading_is_a_duplicate_only_if_none_of_its_values_is_new(conn: Connection) -> None:
    def measured(**values: float) -> Reading:
        return Reading(SENSOR, at(0), at(0), values)

    async with conn.transaction():
        assert (await store_readings(conn, [measured(temperature_c=20)])).known == set()
        assert (await store_readings(conn, [measured(temperature_c=20, humidity_pct=40)])).known == set()
        assert (await store_readings(conn, [measured(temperature_c=20, humidity_pct=40)])).known == {0}
    assert await _count(conn, "reading") == 2


SECONDS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 4)), min_size=1, max_size=12)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=st.lists(SECONDS, min_size=1, max_size=3))
def test_stored_and_duplicate_agree_with_a_plain_set(kept_database: str, batches: list[list[tuple[int, int]]]) -> None:
    async def run() -> None:
        connection = await connect(kept_database, name="test")
        try:
            async with connection.transaction(force_rollback=True):
                await connection.execute("DELETE FROM heartbeat")
                known: set[tuple[int, int]] = set()
                for batch in batches:
                    said = [heartbeat(second, of=device(number)) for number, second in batch]
                    duplicates = set()
                    for position, key in enumerate(batch):
                        if key in known:
                            duplicates.add(position)
                        known.add(key)
                    assert (await store_heartbeats(connection, said)).known == duplicates
                assert await _count(connection, "heartbeat") == len(known)
        finally:
            await connection.close()

    asyncio.run(run())


async def test_alarms_events_and_states_are_stored_once_by_their_id_whatever_time_they_claim(conn: Connection) -> None:
    uid = UUID(int=7)
    first = Alarm(BUTTON, at(0), at(1), uid, AlarmKind.PANIC, True, False, True, {"floor": 3})
    again = Alarm(BUTTON, at(500), at(501), uid, AlarmKind.PANIC)
    other = Event(SENSOR, at(0), at(1), UUID(int=8), EventKind.TAMPER, False)
    state = StateReport(SENSOR, at(0), at(1), UUID(int=9), {"door": "open"})
    async with conn.transaction():
        assert (await store_events(conn, [first, other, first, state])).known == {2}
        assert (await store_events(conn, [again, event(3, EventKind.FAULT), alarm(4)])).known == {0}
    found = await rows(conn, "SELECT channel, kind, active, test, drill, detail, ts FROM event ORDER BY ts, uid")
    assert [(row["channel"], row["kind"]) for row in found] == [
        ("alarm", "panic"),
        ("event", "tamper"),
        ("state", "state"),
        ("event", "fault"),
        ("alarm", "panic"),
    ]
    assert (found[0]["drill"], found[0]["detail"], found[0]["ts"]) == (True, {"floor": 3}, START)
    assert (found[1]["active"], found[2]["detail"]) == (False, {"door": "open"})


async def test_a_nul_in_a_detail_does_not_cost_the_alarm(conn: Connection) -> None:
    said = Alarm(BUTTON, at(0), at(0), UUID(int=1), AlarmKind.PANIC, detail={"text": "a\x00b"})
    async with conn.transaction():
        await store_events(conn, [said])
    (row,) = await rows(conn, "SELECT detail FROM event")
    assert row["detail"] == {"text": "a\ufffdb"}


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 100_000, "烟" * 5000])
async def test_whatever_a_message_calls_itself_it_can_be_put_aside(conn: Connection, text: str) -> None:
    rejected = Rejected(
        received_at=START,
        topic=text,
        site_id=text,
        device_id=text,
        channel=text,
        reason=Reason.BAD_TOPIC,
        detail=text,
        payload=b"\x00\xff",
        size=2,
    )
    await store_rejected(conn, [rejected, rejected])
    assert await _count(conn, "quarantine") == 2


async def test_the_ledger_adds_up_by_hour_lane_and_site(conn: Connection) -> None:
    await store_ledger(conn, "bulk", {START: page((1, 10, 7, 2, 1), (2, 5, 5, 0, 0))})
    await store_ledger(conn, "bulk", {START: page((1, 1, 0, 0, 1))})
    await store_ledger(conn, "alarm", {START: page((1, 1, 1, 0, 0))})
    found = await rows(
        conn,
        "SELECT lane, site_no, sum(received)::int AS received, sum(stored)::int AS stored FROM ledger"
        " GROUP BY lane, site_no ORDER BY lane, site_no",
    )
    assert [(row["lane"], row["site_no"], row["received"], row["stored"]) for row in found] == [
        ("alarm", 1, 1, 1),
        ("bulk", 1, 11, 7),
        ("bulk", 2, 5, 5),
    ]


async def test_hourly_means_come_out_the_same_everywhere(conn: Connection) -> None:
    said = [reading(600 * n, 20.0 + n) for n in range(12)]
    async with conn.transaction():
        await store_readings(conn, said)
    found = await rows(conn, "SELECT hour, mean, low, high, samples FROM reading_hourly ORDER BY hour")
    assert [(row["hour"] - START, row["mean"], row["low"], row["high"], row["samples"]) for row in found] == [
        (timedelta(0), 22.5, 20.0, 25.0, 6),
        (timedelta(hours=1), 28.5, 26.0, 31.0, 6),
    ]


async def test_values_survive_binary_copy_to_the_last_bit(conn: Connection) -> None:
    values = {"temperature_c": 0.1 + 0.2, "pressure_hpa": 1013.25, "co_ppm": 1e-300}
    heard = Heartbeat(SENSOR, at(0.123456), at(0.654321), 33.3)
    async with conn.transaction():
        await store_readings(conn, [Reading(SENSOR, at(0), at(0), values)])
        await store_heartbeats(conn, [heard])
    assert {row["metric"]: row["value"] for row in await rows(conn, "SELECT metric, value FROM reading")} == values
    (row,) = await rows(conn, "SELECT ts, received_at FROM heartbeat")
    assert (row["ts"], row["received_at"]) == (at(0.123456), at(0.654321))
