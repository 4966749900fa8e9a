"""The keeper of the targets on a real database: drops with their proof, recovery, restarts, warnings, self-tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from campuswatch.targets import keeper
from campuswatch.targets.keeper import Keeper
from domain.finding import Finding, FindingKind
from domain.liveness import Connectivity
from domain.site_facts import SiteFacts
from domain.target import Standing, TargetDefinition
from storage.compliance import open_intervals
from storage.findings import claim_findings, mark_handled
from storage.guards import GUARDS
from storage.notices import NoticeChannel
from storage.pool import Connection, Pool, open_pool
from storage.site_facts import load_site_facts
from storage.targets import add_version, target_definitions
from storage.versions import put
from tests.integration.campuswatch.school import BUTTON, NOW, condition, guard, live, numbers, register
from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import kept_database as kept_database
from tests.unit.alerting.findings import SetClock

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def pool(kept_database: str, conn: Connection) -> AsyncIterator[Pool]:
    await conn.execute("DELETE FROM target_definition WHERE version > 1")
    await register(conn)
    async with open_pool(kept_database, name="keeper", max_size=2) as opened:
        yield opened


class Room:
    """A keeper on a clock that stands where it is put, and what it told."""

    def __init__(self, pool: Pool, conn: Connection) -> None:
        self.clock = SetClock(NOW)
        self._pool = pool
        self._conn = conn
        self.keeper = self._new()

    def _new(self) -> Keeper:
        return Keeper(pool=self._pool, clock=self.clock, zone=SHANGHAI, metrics=CollectorRegistry())

    def restart(self) -> None:
        self.keeper = self._new()

    async def react(self) -> None:
        for reaction in self.keeper.reactions.values():
            await reaction(self._conn)

    async def look(self, **later: float) -> list[Finding]:
        """Hear of everything, look, and take what was told."""
        self.clock.advance(**later)
        await self.react()
        await self.keeper.once()
        async with self._conn.transaction():
            found = await claim_findings(self._conn, limit=1000)
            await mark_handled(self._conn, [one.finding_id for one in found], self.clock.now())
        return found

    async def standings(self) -> dict[str, Standing]:
        return {one.target_id: one.standing for one in await open_intervals(self._conn)}

    async def intervals(self, target_id: str) -> list[tuple[Any, ...]]:
        cursor = await self._conn.execute(
            "SELECT standing, since, until, causes FROM compliance_interval WHERE target_id = %s ORDER BY since",
            (target_id,),
        )
        return await cursor.fetchall()


@pytest.fixture
async def room(pool: Pool, conn: Connection) -> Room:
    return Room(pool, conn)


def _kinds(found: list[Finding]) -> list[tuple[str, FindingKind]]:
    return [(one.rule, one.kind) for one in found]


async def test_a_school_in_order_meets_the_three_targets_and_nobody_is_told(room: Room) -> None:
    assert await room.look() == []
    assert await room.standings() == dict.fromkeys(
        ("guard_staffing", "closed_campus", "networking"), Standing.COMPLIANT
    )


async def test_a_silent_button_drops_networking_and_its_return_clears_it(room: Room, conn: Connection) -> None:
    await room.look()
    silent_at = NOW + timedelta(seconds=90)
    await live(conn, "btn-1", Connectivity.OFFLINE, at=silent_at)
    found = await room.look(seconds=92)
    assert _kinds(found) == [("target_dropped", FindingKind.RAISED)]
    [cause] = found[0].detail["causes"]
    assert (cause["requirement"], cause["subject"]) == ("heartbeat", "btn-1")
    assert cause["since"] == silent_at.isoformat()
    assert "门卫室" in str(cause["detail"])
    assert found[0].key == "target_dropped/networking/s001"
    assert await room.look(seconds=5) == []

    await live(conn, "btn-1", at=NOW + timedelta(minutes=5))
    assert _kinds(await room.look(minutes=5)) == [("target_dropped", FindingKind.CLEARED)]
    told = [(standing, until is None) for standing, _, until, _ in await room.intervals("networking")]
    assert told == [("compliant", False), ("dropped", False), ("compliant", True)]


async def test_what_a_notice_tells_while_everything_is_read_is_not_missed(
    room: Room, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = asyncio.Event()

    async def read_slowly(*about: Any, **named: Any) -> dict[int, SiteFacts]:
        facts = await load_site_facts(*about, **named)
        read.set()
        await asyncio.sleep(0.1)
        return facts

    monkeypatch.setattr(keeper, "load_site_facts", read_slowly)
    looking = asyncio.create_task(room.keeper.once())
    await read.wait()
    await live(conn, "btn-1", Connectivity.OFFLINE, at=NOW - timedelta(seconds=1))
    await room.keeper.reactions[NoticeChannel.DEVICE](conn)
    await looking
    await room.keeper.once()
    assert (await room.standings())["networking"] is Standing.DROPPED


async def test_behind_a_dead_gateway_nobody_can_tell(room: Room, conn: Connection) -> None:
    await room.look()
    await live(conn, "gw-1", Connectivity.OFFLINE, at=NOW)
    for device in ("btn-1", "cam-1", "door-1"):
        await live(conn, device, Connectivity.UNKNOWN, at=NOW, behind="gw-1")
    assert await room.look(seconds=1) == []
    standings = await room.standings()
    assert standings["networking"] is Standing.UNKNOWN
    assert standings["closed_campus"] is Standing.UNKNOWN
    assert standings["guard_staffing"] is Standing.COMPLIANT


async def test_a_guard_who_leaves_and_one_who_comes(room: Room, conn: Connection) -> None:
    await room.look()
    left = msgspec.structs.replace(guard(2), serves_until=date(2026, 3, 1))
    await put(conn, GUARDS, [left], actor="test", at=NOW)
    found = await room.look(seconds=1)
    assert _kinds(found) == [("target_dropped", FindingKind.RAISED)]
    assert [cause["requirement"] for cause in found[0].detail["causes"]] == ["staffing", "guard"]
    assert found[0].detail["causes"][1]["detail"]["faults"] == ["left"]
    await put(conn, GUARDS, [guard(3)], actor="test", at=NOW)
    assert _kinds(await room.look(seconds=1)) == [("target_dropped", FindingKind.CLEARED)]


async def test_a_gate_left_open_in_class_drops_after_its_grace_at_its_own_time(room: Room, conn: Connection) -> None:
    await room.look()
    await condition(conn, "door-1", '{"door": "open"}', at=NOW + timedelta(seconds=10))
    assert await room.look(seconds=11) == []
    found = await room.look(seconds=200)
    assert _kinds(found) == [("target_dropped", FindingKind.RAISED)]
    assert found[0].at == NOW + timedelta(seconds=190)
    await condition(conn, "door-1", '{"door": "closed"}', at=NOW + timedelta(seconds=300))
    assert _kinds(await room.look(seconds=100)) == [("target_dropped", FindingKind.CLEARED)]


async def test_what_ended_while_nobody_looked_is_dated_by_its_own_time_and_told_once(
    room: Room, conn: Connection
) -> None:
    await put(conn, GUARDS, [guard(2, certificate_until=date(2026, 3, 2))], actor="test", at=NOW)
    await room.look()
    room.restart()
    found = await room.look(hours=20)
    assert ("target_dropped", FindingKind.RAISED) in _kinds(found)
    midnight = NOW + timedelta(hours=14)  # of the district
    [drop] = [one for one in found if one.rule == "target_dropped"]
    assert drop.at == midnight
    assert drop.found_at == room.clock.now()
    assert [since for _, since, _, _ in await room.intervals("guard_staffing")] == [NOW, midnight]
    room.restart()
    assert await room.look(minutes=1) == []


async def test_expiries_are_warned_of_once_at_30_7_and_1_days(room: Room, conn: Connection) -> None:
    await put(conn, GUARDS, [guard(2, certificate_until=date(2026, 4, 4))], actor="test", at=NOW)
    assert await room.look() == []
    told: list[tuple[int, str]] = []
    for _ in range(33):
        room.restart()
        for one in await room.look(days=1):
            if one.rule == "expiry_ahead" and one.detail["requirement"] == "guard":
                told.append((one.detail["days_ahead"], one.kind.value))
    assert told == [(30, "raised"), (30, "cleared"), (7, "raised"), (7, "cleared"), (1, "raised")]
    renewed = guard(2, certificate_until=date(2029, 4, 4))
    await put(conn, GUARDS, [renewed], actor="test", at=room.clock.now())
    found = await room.look(minutes=1)
    assert [one.kind for one in found if one.rule == "expiry_ahead"] == [FindingKind.CLEARED]


async def test_a_test_that_does_not_come_is_flagged_and_then_costs_the_target(room: Room, conn: Connection) -> None:
    """The acceptance was ten days ago: due in twenty, missing a day later, no proof any more after 37."""
    await room.look()
    assert "self_test_missing" not in [one.rule for one in await room.look(days=19)]
    found = await room.look(days=3)
    assert ("self_test_missing", FindingKind.RAISED) in _kinds(found)
    assert (await room.standings())["networking"] is Standing.COMPLIANT
    found = await room.look(days=6)
    [drop] = [one for one in found if one.rule == "target_dropped" and "networking" in one.key]
    assert {cause["requirement"] for cause in drop.detail["causes"]} == {"receipt"}
    await conn.execute("UPDATE link_proof SET proved_at = %s", (room.clock.now(),))
    assert {(one.rule, one.kind.value) for one in await room.look(minutes=1)} >= {
        ("target_dropped", "cleared"),
        ("self_test_missing", "cleared"),
    }


async def test_a_links_own_test_that_does_not_come_is_flagged_of_no_site(room: Room, conn: Connection) -> None:
    """The system tests a link daily: a day overdue is missing."""
    await room.look()
    await conn.execute(
        "INSERT INTO link_state (link_id, watched_since, next_heartbeat_at, next_test_at, alive_since,"
        " test_receipted_at) VALUES ('police', %(at)s, %(at)s, %(at)s, %(at)s, %(at)s)"
        " ON CONFLICT (link_id) DO UPDATE SET alive_since = %(at)s, test_receipted_at = %(at)s, watched_since = %(at)s",
        {"at": NOW},
    )
    try:
        assert await room.look(hours=47) == []
        [missing] = [one for one in await room.look(hours=1) if one.rule == "self_test_missing"]
        assert (missing.key, missing.kind) == ("self_test_missing/link:police", FindingKind.RAISED)
        assert (missing.site_id, missing.at) == ("", NOW + timedelta(days=2))
        assert [test["link"] for test in missing.detail["tests"]] == ["police"]
        assert (missing.detail["cause_zh"], missing.detail["cause_en"]) == (
            "联网测试逾期：公安链路",
            "overdue: link to police",
        )
        room.restart()
        assert "self_test_missing" not in [one.rule for one in await room.look(minutes=1)]
        await conn.execute("UPDATE link_state SET test_receipted_at = %s", (room.clock.now(),))
        found = await room.look(minutes=1)
        assert [one.kind for one in found if one.rule == "self_test_missing"] == [FindingKind.CLEARED]
    finally:
        await conn.execute("DELETE FROM link_state WHERE link_id = 'police'")


async def test_a_dead_link_is_one_incident_and_counts_for_every_site(room: Room, conn: Connection) -> None:
    await room.look()
    await conn.execute(
        "INSERT INTO link_state (link_id, watched_since, next_heartbeat_at, next_test_at, silent_since)"
        " VALUES ('police', %(at)s, %(at)s, %(at)s, %(at)s)"
        " ON CONFLICT (link_id) DO UPDATE SET silent_since = %(at)s, alive_since = NULL",
        {"at": NOW},
    )
    try:
        found = await room.look(seconds=1)
        assert [(one.key, one.kind) for one in found] == [("target_dropped/networking/link:police", FindingKind.RAISED)]
        assert (await room.standings())["networking"] is Standing.DROPPED
        await conn.execute("UPDATE link_state SET silent_since = NULL, alive_since = %s", (NOW,))
        found = await room.look(seconds=1)
        assert [one.kind for one in found] == [FindingKind.CLEARED]
    finally:
        await conn.execute("UPDATE link_state SET silent_since = NULL, alive_since = NULL")


async def test_a_new_version_judges_from_its_start_on_and_the_past_keeps_its_own(room: Room, conn: Connection) -> None:
    await room.look()
    [old] = await target_definitions(conn, "guard_staffing")
    stricter = msgspec.structs.replace(
        old,
        parameters={"steps": [{"pupils": 0, "guards": 5}]},
        starts_at=NOW + timedelta(hours=2),
        author="王主任",
        reason="新国标",
    )
    assert (await add_version(conn, stricter, at=NOW)).version == 2
    assert await room.look(hours=1) == []
    found = await room.look(hours=2)
    assert _kinds(found) == [("target_dropped", FindingKind.RAISED)]
    cursor = await conn.execute(
        "SELECT version, since FROM compliance_interval WHERE target_id = 'guard_staffing' ORDER BY since"
    )
    assert await cursor.fetchall() == [(1, NOW), (2, NOW + timedelta(hours=2))]


async def test_the_fourth_target_is_switched_on_and_off(room: Room, conn: Connection) -> None:
    await room.look()

    async def switch(*, enabled: bool) -> None:
        newest: TargetDefinition = (await target_definitions(conn, "guard_posts"))[-1]
        at = room.clock.now()
        await add_version(conn, msgspec.structs.replace(newest, enabled=enabled, starts_at=at), at=at)

    await switch(enabled=True)
    await room.look(seconds=1)
    assert (await room.standings())["guard_posts"] is Standing.COMPLIANT
    # Leaving begins at 15:50; nobody has reported by 16:05.
    found = await room.look(hours=6, minutes=6)
    assert _kinds(found) == [("target_dropped", FindingKind.RAISED)]
    await switch(enabled=False)
    assert _kinds(await room.look(seconds=1)) == [("target_dropped", FindingKind.CLEARED)]
    assert "guard_posts" not in await room.standings()


async def test_two_keepers_write_as_one(pool: Pool, conn: Connection) -> None:
    first, second = Room(pool, conn), Room(pool, conn)
    await first.look()
    await second.look()
    await live(conn, "btn-1", Connectivity.OFFLINE, at=NOW)
    told = await first.look(seconds=1) + await second.look(seconds=2) + await second.look(seconds=2)
    assert _kinds(told) == [("target_dropped", FindingKind.RAISED)]
    assert len(await first.intervals("networking")) == 2


async def test_a_receipted_alarm_of_the_button_is_its_proof(room: Room, conn: Connection) -> None:
    await room.look()
    number = (await numbers(conn))[BUTTON.device_id]
    at = NOW + timedelta(minutes=1)
    await conn.execute(
        "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
        " site_no, site_id, device_no, device_id, state, raised_at, last_event_at, detail, changed_at)"
        " SELECT gen_random_uuid(), 'k', 'one_key_alarm', 'panic', 'critical', 0, true, true, false, site_no, 's001',"
        " device_no, device_id, 'raised', %(at)s, %(at)s, '{}', now() FROM device WHERE device_no = %(no)s",
        {"at": at, "no": number},
    )
    await conn.execute(
        "INSERT INTO delivery (delivery_id, incident_id, channel, recipient, notice, body, state, life_safety,"
        " created_at, next_attempt_at, sent_at, received_at, receipt_id)"
        " SELECT gen_random_uuid(), incident_id, 'webhook', 'police', 'raised', '{}', 'received', true,"
        " %(at)s, %(at)s, %(at)s, %(at)s, 'JJ-1' FROM incident",
        {"at": at},
    )
    await room.look(minutes=2)
    cursor = await conn.execute("SELECT link_id, proved_at, receipt_id FROM link_proof ORDER BY link_id")
    proofs = await cursor.fetchall()
    assert proofs[1] == ("police", at, "JJ-1")
    assert proofs[0][2] == "acceptance"


async def test_a_fault_of_the_keepers_own_ends_nobody(
    room: Room, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role carries alarms to people beside it."""

    def slip(*_: Any) -> None:
        raise KeyError("a slip")

    await room.look()
    monkeypatch.setattr(room.keeper._books, "learn", slip)
    await room.react()
    running = asyncio.create_task(room.keeper.run(poll_s=60.0))
    monkeypatch.setattr("campuswatch.targets.books.Books.look", slip)
    await asyncio.sleep(0.3)
    assert not running.done()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    monkeypatch.undo()
    await live(conn, "btn-1", Connectivity.OFFLINE, at=NOW)
    assert _kinds(await room.look(seconds=1)) == [("target_dropped", FindingKind.RAISED)]
