"""A device in a loop, through a real broker and a real database: held to its limit, named, and nobody else is hurt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from alerting.desk import Desk
from alerting.intake import Intake
from campuswatch.gazetteer import RegistryGazetteer
from detectors.engine import Engine
from detectors.rules import bulk_rules
from detectors.rules.chattering import limited
from devices.formats.decode import Decoder
from devices.registry import load_registry
from domain.clock import SystemClock
from ingest.fairness import SAMPLES_PER_MIN, Allowance, Fairness
from storage.detector_marks import load_marks
from storage.device_views import device
from storage.pool import Connection, open_pool
from tests.integration.alerting.ledgers import rows, until
from tests.integration.ingest.lanes import bulk_lane
from tests.integration.ingest.school import Devices, Message, heartbeat, ledger, now_text, reading

LOOPS = 3000


def _fairness() -> Fairness:
    return Fairness(device=Allowance(10, 100), site=Allowance(5000, 100_000))


def _loop(count: int = LOOPS, start: int = 0) -> list[Message]:
    """Device 0 says something new each time, as fast as it can."""
    base = datetime.now(UTC) - timedelta(seconds=60)
    return [
        heartbeat(0, ts=(base + timedelta(milliseconds=number)).isoformat()) for number in range(start, start + count)
    ]


async def _received(conn: Connection, count: int) -> dict[str, int]:
    async def came() -> bool:
        return (await ledger(conn))["received"] >= count

    await until(came, within_s=30)
    return await ledger(conn)


async def _taken_over(conn: Connection, dsn: str) -> list[dict[str, object]]:
    """What alerting makes of the findings."""
    gazetteer = RegistryGazetteer()
    await gazetteer.load(conn)
    desk = Desk(gazetteer=gazetteer, link_ids=["police"], zone=ZoneInfo("Asia/Shanghai"))
    async with open_pool(dsn, name="alerting") as pool:
        await Intake(pool=pool, desk=desk, clock=SystemClock(), wake=asyncio.Event()).take_over()
    return await rows(
        conn, "SELECT rule, device_id, severity, state, occurrences, detail FROM incident ORDER BY number"
    )


async def test_a_looping_device_is_held_named_and_counted_and_its_neighbours_lose_nothing(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    neighbours = [reading(number, ts=now_text(seconds=-number)) for number in range(1, 10)]
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
        await devices.say(*_loop(), *neighbours)
        books = await _received(conn, LOOPS + len(neighbours))
    assert books["received"] == LOOPS + len(neighbours)
    assert books["duplicate"] == 0
    # a burst of 100, and ten for every second that it took
    assert 100 + 9 <= books["stored"] < 1500
    (kept,) = await rows(
        conn, "SELECT count(*)::int AS n, min(reason) AS reason, min(device_id) AS who FROM quarantine"
    )
    assert (kept["reason"], kept["who"]) == ("rate_limited", "tmp-00")
    assert kept["n"] in range(SAMPLES_PER_MIN, 3 * SAMPLES_PER_MIN + 1)
    assert [row["n"] for row in await rows(conn, "SELECT count(DISTINCT device_no)::int AS n FROM reading")] == [9]
    (incident,) = await _taken_over(conn, dsn)
    assert (incident["rule"], incident["device_id"], incident["severity"]) == ("chattering_device", "tmp-00", "minor")
    assert incident["occurrences"] == 1
    assert incident["detail"]["message_channel"] == "heartbeat"  # type: ignore[index]
    assert incident["detail"]["rate_per_s"] > 10  # type: ignore[index]


async def test_evidence_is_the_message_as_it_came(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    said = _loop(400)
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
        await devices.say(*said)
        await _received(conn, 400)
    kept = await rows(conn, "SELECT topic, payload, device_id FROM quarantine")
    assert kept
    assert {(row["topic"], bytes(row["payload"])) for row in kept} <= set(said)


async def test_a_limited_device_is_neither_dead_nor_deaf_to_fire(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
        await devices.say(*_loop())
        await _received(conn, LOOPS)
        await devices.say(*[reading(0, 90, ts=now_text(milliseconds=number)) for number in range(200)])
        books = await _received(conn, LOOPS + 200)
    assert books["rejected"] > 0
    found = {row["rule"] for row in await rows(conn, "SELECT rule FROM finding WHERE kind = 'raised'")}
    assert found >= {"high_temperature", "chattering_device"}
    assert [row["connectivity"] for row in await rows(conn, "SELECT connectivity FROM device_state")] == ["online"]


async def test_junk_without_end_fills_neither_quarantine_nor_books(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    junk = [(f"campus/v1/s001/made-up-{number}/heartbeat", b"{") for number in range(1000)]
    junk += [("campus/v1/s001/tmp-03/reading", b"junk %d" % number) for number in range(1000)]
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
        await devices.say(*junk, *_loop(50))
        books = await _received(conn, 2050)
    assert (books["received"], books["rejected"], books["stored"]) == (2050, 2000, 50)
    (kept,) = await rows(conn, "SELECT count(*)::int AS n FROM quarantine")
    assert 200 <= kept["n"] < 1000
    named = {(row["rule"], row["device_id"]) for row in await rows(conn, "SELECT rule, device_id FROM finding")}
    assert named == {("chattering_device", "tmp-03"), ("chattering_device", "")}


async def test_who_chattered_before_a_restart_is_still_limited_and_not_named_again(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
        await devices.say(*_loop())
        await _received(conn, LOOPS)
    rules, now = bulk_rules(), SystemClock().now()
    engine, fairness = Engine(rules), _fairness()
    engine.enrol(decoder.registry, now)
    engine.restore((), (), now, marks=await load_marks(conn))
    chattering = limited(rules)
    fairness.resume(chattering.devices, chattering.sites, now)
    before = (await ledger(conn))["stored"]
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, engine=engine, fairness=fairness):
        await devices.say(*_loop(90, LOOPS))
        books = await _received(conn, LOOPS + 90)
    assert books["stored"] - before < 90  # one that begins anew would have had its burst of a hundred
    raised = await rows(conn, "SELECT kind FROM finding WHERE rule = 'chattering_device'")
    assert [row["kind"] for row in raised] == ["raised"]


async def test_a_device_whose_clock_is_off_is_shown_with_its_offset(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    await conn.execute("UPDATE device SET heartbeat_s = 1 WHERE device_id IN ('tmp-01', 'tmp-02')")
    decoder.use(await load_registry(conn))

    async def say(offsets: Sequence[tuple[int, float]]) -> None:
        for _ in range(4):
            await devices.say(*[heartbeat(number, ts=now_text(seconds=shift)) for number, shift in offsets])
            await asyncio.sleep(0.6)

    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await say([(1, 720.0), (2, -28_800.0)])  # one from the future, refused; one that looks like a backfill

        async def known() -> bool:
            found = await rows(conn, "SELECT device_no FROM device_state WHERE clock_offset_s IS NOT NULL")
            return len(found) == 2

        await until(known, within_s=20)
    now = SystemClock().now()
    fast, slow = await device(conn, "s001", "tmp-01", now=now), await device(conn, "s001", "tmp-02", now=now)
    assert fast is not None
    assert slow is not None
    assert fast.clock_offset_s is not None
    assert slow.clock_offset_s is not None
    assert abs(fast.clock_offset_s - 720) < 20  # less the way that the message took
    assert abs(slow.clock_offset_s + 28_800) < 20
    assert fast.connectivity == "online"
    found = await rows(conn, "SELECT device_id, detail FROM finding WHERE rule = 'clock_off' ORDER BY device_id")
    assert [row["device_id"] for row in found] == ["tmp-01", "tmp-02"]
    assert abs(found[0]["detail"]["clock_offset_s"] - 720) < 20


async def test_a_batch_that_the_database_refuses_stores_nothing_over_the_limit(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    odd = heartbeat(5, ts=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    await conn.execute(
        "ALTER TABLE heartbeat ADD CONSTRAINT not_of_an_hour_ago CHECK (ts > received_at - INTERVAL '30 minutes')"
    )
    try:
        async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, fairness=_fairness()):
            await devices.say(*[one for part in range(10) for one in (odd, *_loop(100, part * 100))])
            books = await _received(conn, 1010)
    finally:
        await conn.execute("ALTER TABLE heartbeat DROP CONSTRAINT not_of_an_hour_ago")
    assert books["received"] == 1010
    assert 100 <= books["stored"] < 600
    reasons = {row["reason"] for row in await rows(conn, "SELECT DISTINCT reason FROM quarantine")}
    assert "unstorable" in reasons
