"""One row that fails, refused by the database or read by nobody, stops no other part of the alerting role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerting.casework import Casework
from alerting.courier import Courier
from alerting.desk import Desk
from alerting.dispatcher import LEASE, Dispatcher
from alerting.early_warnings import Wanted, WarningCourier, WarningDesk
from alerting.escalator import Escalator
from alerting.expiry import Expiry
from alerting.intake import Intake
from alerting.reporter import Reporter
from alerting.rounds import ASIDE_FOR
from domain.delivery import Delivery, DeliveryChannel
from domain.early_warning import WarningLevel
from domain.maintenance import Scope
from domain.report import ClockState
from domain.response import Grade
from domain.site import Site, SiteKind
from storage.findings import store_findings
from storage.pool import Connection, Pool
from storage.reports import WhatStarts, clocks
from storage.responses import queue_upgrades
from storage.sites import upsert_sites
from tests.integration.alerting.ledgers import deliveries, incidents, put_on_duty, rows, until
from tests.unit.alerting.findings import NOW, SetClock, SmallGazetteer, finding

ZONE = ZoneInfo("Asia/Shanghai")
FIRE = (WhatStarts(category="fire", severity="critical", unverified=True),)


class Faults:
    """Counts what `on_fault` hears, by part."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def __call__(self, part: str, error: Exception) -> None:
        self.parts.append(part)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@asynccontextmanager
async def refused(conn: Connection, table: str, check: str) -> AsyncIterator[None]:
    """The database takes no row of ``table`` that does not pass ``check``."""
    await conn.execute(f"ALTER TABLE {table} ADD CONSTRAINT injected CHECK ({check}) NOT VALID".encode())
    try:
        yield
    finally:
        await conn.execute(f"ALTER TABLE {table} DROP CONSTRAINT injected".encode())


async def _opened(conn: Connection, desk: Desk, *keys: str, rule: str = "smoke_alarm") -> list[UUID]:
    async with conn.transaction():
        return [(await desk.take(conn, finding(rule, key=key, device_id=key), now=NOW)).incident_id for key in keys]


async def _spoil(conn: Connection, incident_id: UUID) -> None:
    """Nobody can read this incident."""
    await conn.execute("UPDATE incident SET category = 'nonsense' WHERE incident_id = %s", (incident_id,))


def _reporter(pool: Pool, clock: SetClock, faults: Faults) -> Reporter:
    return Reporter(
        pool=pool,
        gazetteer=SmallGazetteer(),
        clock=clock,
        zone=ZONE,
        starts=FIRE,
        wake=asyncio.Event(),
        poll_s=2.0,
        on_fault=faults,
    )


async def test_a_report_clock_that_the_database_refuses_delays_no_other(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    bad, good = await _opened(conn, desk, "a", "b")
    reporter = _reporter(pool, clock, faults)
    await reporter.round()
    clock.advance(hours=2)
    one = next(clock_ for clock_ in await clocks(conn) if clock_.incident_id == bad)
    async with refused(conn, "report_event", f"clock_id <> '{one.clock_id}' OR kind = 'started'"):
        await reporter.round()
        assert {c.incident_id: c.state for c in await clocks(conn)} == {
            bad: ClockState.RUNNING,
            good: ClockState.MISSED,
        }
        assert await reporter.round() > 0.0, "it must not be looked at without rest"
    assert faults.parts == ["reporting"]
    clock.at += ASIDE_FOR
    await reporter.round()
    assert {c.state for c in await clocks(conn)} == {ClockState.MISSED}


async def test_an_incident_that_cannot_have_its_clock_keeps_no_other_from_it(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    bad, good = await _opened(conn, desk, "a", "b")
    async with refused(conn, "report_clock", f"incident_id <> '{bad}'"):
        await _reporter(pool, clock, faults).round()
        assert [c.incident_id for c in await clocks(conn)] == [good]
    assert faults.parts == ["reporting"]


async def test_a_shelf_that_fails_leaves_no_other_on_the_shelf(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    casework = Casework(desk)
    bad, refused_one, good = await _opened(conn, desk, "a", "b", "c", rule="tamper")
    for incident_id in (bad, refused_one, good):
        await casework.shelve(conn, incident_id, until=NOW + timedelta(hours=1), reason="检修", actor="甲", now=NOW)
    await _spoil(conn, bad)
    expiry = Expiry(pool=pool, desk=desk, casework=casework, clock=clock, wake=asyncio.Event(), on_fault=faults)
    clock.advance(hours=1)
    async with refused(conn, "incident_entry", f"incident_id <> '{refused_one}' OR kind <> 'unshelved'"):
        assert await expiry.once() == 0.0
        assert {i["incident_id"] for i in await incidents(conn) if i["shelved_until"]} == {bad, refused_one}
        assert await expiry.once() > 0.0
    assert faults.parts == ["expiry", "expiry"]
    clock.at += ASIDE_FOR
    await expiry.once()
    assert {i["incident_id"] for i in await incidents(conn) if i["shelved_until"]} == {bad}


async def test_a_held_finding_that_nobody_can_read_holds_back_no_other(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    casework = Casework(desk)
    await casework.open_window(
        conn, Scope(rule="tamper"), starts_at=NOW, ends_at=NOW + timedelta(hours=1), reason="检修", actor="甲", now=NOW
    )
    await _opened(conn, desk, "a", "b", rule="tamper")
    await conn.execute("UPDATE held_finding SET finding = finding - 'rule' WHERE key = 'a'")
    clock.advance(hours=1)
    expiry = Expiry(pool=pool, desk=desk, casework=casework, clock=clock, wake=asyncio.Event(), on_fault=faults)
    await expiry.once()
    assert [i["key"] for i in await incidents(conn)] == ["b"]
    assert faults.parts == ["expiry"]


async def test_an_early_warning_that_fails_keeps_no_other_from_its_schools(
    conn: Connection, pool: Pool, clock: SetClock, faults: Faults
) -> None:
    await upsert_sites(conn, [Site(site_id="s001", name="前黄实验学校", kind=SiteKind.PRIMARY)], actor="t", at=NOW)
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=9))
    warned = [
        await WarningDesk().issue(
            conn,
            Wanted(
                kind="rainstorm",
                level=WarningLevel.RED,
                title_zh="暴雨",
                text_zh="停止户外活动。",
                valid_from=NOW,
                valid_until=NOW + timedelta(hours=6),
            ),
            actor="甲",
            now=NOW,
        )
        for _ in range(2)
    ]
    await conn.execute("UPDATE early_warning SET audience = '[]' WHERE warning_id = %s", (warned[0],))
    courier = WarningCourier(pool=pool, clock=clock, zone=ZONE, wake=asyncio.Event(), poll_s=2.0, on_fault=faults)
    assert await courier.round() > 0.0
    told = await rows(conn, "SELECT warning_id FROM warning_receipt WHERE reachable IS NOT NULL")
    assert [one["warning_id"] for one in told] == [warned[1]]
    assert faults.parts == ["early warnings"]


async def test_an_incident_that_nobody_can_read_keeps_no_other_from_being_called(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=9))
    bad, good = await _opened(conn, desk, "a", "b", rule="intrusion_alarm")
    await _spoil(conn, bad)
    escalator = Escalator(pool=pool, desk=desk, clock=clock, wake=asyncio.Event(), on_fault=faults)
    while await escalator.work_off():  # a batch ends early where to say what failed took long
        pass
    assert [d["incident_id"] for d in await deliveries(conn)] == [good]
    assert faults.parts == ["escalator"]


async def test_an_upgrade_that_fails_stops_neither_other_upgrades_nor_first_calls(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=9))
    bad, good = await _opened(conn, desk, "a", "b", rule="intrusion_alarm")
    escalator = Escalator(pool=pool, desk=desk, clock=clock, wake=asyncio.Event(), on_fault=faults)
    await escalator.work_off()
    await queue_upgrades(conn, [bad, good], Grade.I, together=2)
    await _spoil(conn, bad)
    (fresh,) = await _opened(conn, desk, "c", rule="intrusion_alarm")
    running = asyncio.create_task(escalator.run())
    try:

        async def done() -> bool:
            (grade,) = await rows(conn, "SELECT grade FROM response WHERE incident_id = %s", good)
            called = any(d["incident_id"] == fresh for d in await deliveries(conn))
            return grade["grade"] == 1 and called

        await until(done)
    finally:
        running.cancel()
    assert set(faults.parts) == {"escalator"}
    (order,) = await rows(conn, "SELECT incident_id FROM response_upgrade")
    assert order["incident_id"] == bad


async def test_a_finding_that_nobody_can_read_holds_up_no_other_but_those_of_its_own_key(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    found = [finding("tamper", key=key, device_id=key) for key in ("a", "a", "b")]
    await store_findings(conn, found)
    await conn.execute("UPDATE finding SET category = 'nonsense' WHERE finding_id = %s", (found[0].finding_id,))
    intake = Intake(pool=pool, desk=desk, clock=clock, wake=asyncio.Event(), on_fault=faults)
    assert [await intake.take_over(), await intake.take_over()] == [1, 0]
    assert [i["key"] for i in await incidents(conn)] == ["b"]
    await conn.execute("UPDATE finding SET category = 'device'")
    clock.at += ASIDE_FOR
    assert await intake.take_over() == 2
    assert faults.parts == ["intake"]


class Phone:
    def __init__(self, fail: Callable[[Delivery], bool]) -> None:
        self.taken: list[str] = []
        self._fail = fail

    async def send(self, delivery: Delivery) -> None:
        self.taken.append(delivery.recipient)


async def test_a_delivery_over_which_the_program_slips_ends_no_dispatcher(
    conn: Connection, pool: Pool, desk: Desk, clock: SetClock, faults: Faults
) -> None:
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=9))
    await _opened(conn, desk, "a", "b", "c", rule="intrusion_alarm")
    await Escalator(pool=pool, desk=desk, clock=clock, wake=asyncio.Event()).work_off()
    unread, slipped, good = [d["delivery_id"] for d in await deliveries(conn)]
    await conn.execute("UPDATE delivery SET notice = 'nonsense' WHERE delivery_id = %s", (unread,))
    seen: list[UUID] = []

    def slip(outcome: object) -> None:
        delivery_id = outcome.delivery.delivery_id  # type: ignore[attr-defined]
        if delivery_id == slipped and delivery_id not in seen:
            seen.append(delivery_id)
            raise KeyError("a slip")

    phone = Phone(lambda delivery: False)
    dispatcher = Dispatcher(
        pool=pool,
        courier=Courier({}, {DeliveryChannel.APPRISE: phone}),
        clock=clock,
        wake=asyncio.Event(),
        on_outcome=slip,
        poll_s=0.01,
        on_fault=faults,
    )
    running = asyncio.create_task(dispatcher.run())
    try:

        async def sent(delivery_id: UUID) -> bool:
            (one,) = await rows(conn, "SELECT state FROM delivery WHERE delivery_id = %s", delivery_id)
            return bool(one["state"] == "sent")

        await until(lambda: sent(good))
        clock.at += LEASE
        await until(lambda: sent(slipped))
        assert not running.done()
    finally:
        running.cancel()
    assert set(faults.parts) == {"dispatcher"}
