from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

from alerting.desk import Desk
from alerting.intake import Intake
from domain.finding import FindingKind
from storage.findings import claim_findings, store_findings
from storage.pool import Connection, Pool, connect
from tests.integration.alerting.ledgers import incidents, rows
from tests.unit.alerting.findings import NOW, SetClock, finding


def _intake(pool: Pool, desk: Desk, clock: SetClock) -> Intake:
    return Intake(pool=pool, desk=desk, clock=clock, wake=asyncio.Event())


async def test_a_finding_is_handed_over_once_however_often_it_is_stored(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    found = finding("tamper")
    await store_findings(conn, [found, found])
    await store_findings(conn, [found])
    intake = _intake(pool, desk, clock)
    assert [await intake.take_over(), await intake.take_over()] == [1, 0]
    await store_findings(conn, [found])
    assert await intake.take_over() == 0
    (incident,) = await incidents(conn)
    assert incident["occurrences"] == 1


async def test_a_finding_survives_the_way_through_the_database_unchanged(conn: Connection) -> None:
    found = finding("temperature_rise", detail={"temperature_c": 41.5, "place": "厨房"}, drill=True)
    await store_findings(conn, [found])
    assert await claim_findings(conn, limit=10) == [found]


async def test_finding_is_marked_handled_with_its_incident_or_not_at_all_and_stops_no_other(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await store_findings(conn, [finding("tamper"), finding("heartbeat_lost", site_id="s001")])
    await conn.execute("ALTER TABLE incident ADD CONSTRAINT nothing CHECK (rule <> 'heartbeat_lost') NOT VALID")
    try:
        assert await _intake(pool, desk, clock).take_over() == 1
        assert [i["rule"] for i in await incidents(conn)] == ["tamper"]
        assert [f["rule"] for f in await rows(conn, "SELECT * FROM finding WHERE handled_at IS NULL")] == [
            "heartbeat_lost"
        ]
    finally:
        await conn.execute("ALTER TABLE incident DROP CONSTRAINT nothing")
    assert await _intake(pool, desk, clock).take_over() == 1
    assert {i["rule"] for i in await incidents(conn)} == {"tamper", "heartbeat_lost"}


async def test_raised_and_cleared_keep_their_order_when_two_processes_take_findings_over(
    kept_database: str, pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    """The raise is still being handled by one process when the other looks for work: it must not take the end first."""
    found = [
        finding("heartbeat_lost", FindingKind.RAISED, at=NOW),
        finding("heartbeat_lost", FindingKind.CLEARED, at=NOW + timedelta(seconds=30)),
    ]
    for one in found:
        await store_findings(conn, [one])
    slow = await connect(kept_database, name="slow intake")
    async with slow.transaction():
        (first,) = await claim_findings(slow, limit=1)
        assert first == found[0]
        await desk.take(slow, first, now=NOW)
        await _intake(pool, desk, clock).take_over()
        await slow.execute("UPDATE finding SET handled_at = now() WHERE finding_id = %s", (first.finding_id,))
    await slow.close()
    while await _intake(pool, desk, clock).take_over():
        pass
    assert [i["state"] for i in await incidents(conn)] == ["closed"]


async def test_a_flood_is_taken_over_in_order_and_in_bounded_batches(
    pool: Pool, conn: Connection, desk: Desk, clock: SetClock
) -> None:
    await store_findings(
        conn, [finding("heartbeat_lost", device_id=f"d{number}", key=f"k{number}") for number in range(450)]
    )
    intake = _intake(pool, desk, clock)
    assert [await intake.take_over() for _ in range(4)] == [200, 200, 50, 0]
    found = await incidents(conn)
    assert len(found) == 450
    assert all(before["device_id"] != after["device_id"] for before, after in pairwise(found))
