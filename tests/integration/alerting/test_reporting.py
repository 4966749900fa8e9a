"""The two-hour clock: met, missed, waived, over restarts; and nobody edits it away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from alerting.courier import Outcome
from alerting.desk import Desk
from alerting.dispatcher import record
from alerting.reporter import Reporter
from alerting.reporting import ReportDesk
from domain.delivery import Receipt
from domain.errors import ReportRefused
from domain.report import ClockState, ReportKind
from storage.deliveries import claim_deliveries, record_arrival
from storage.pool import Connection, Pool
from storage.reports import WhatStarts, clocks, events_of, reports_of
from tests.integration.alerting.ledgers import deliveries, put_on_duty, rows, timeline
from tests.unit.alerting.findings import NOW, SetClock, SmallGazetteer, finding, press

ZONE = ZoneInfo("Asia/Shanghai")
GRAVE = (WhatStarts(category="fire", severity="critical", unverified=True),)


@pytest.fixture
def reports() -> ReportDesk:
    return ReportDesk(SmallGazetteer(), zone=ZONE, link_id="education")


def reporter(pool: Pool, clock: SetClock) -> Reporter:
    """A new life each time: the database alone knows."""
    return Reporter(
        pool=pool, gazetteer=SmallGazetteer(), clock=clock, zone=ZONE, starts=GRAVE, wake=asyncio.Event(), poll_s=2.0
    )


@pytest.fixture
async def burning(conn: Connection, desk: Desk, pool: Pool, clock: SetClock) -> UUID:
    """A fire whose clock runs; its id."""
    await put_on_duty(conn, "王主任", NOW - timedelta(hours=1), NOW + timedelta(hours=9))
    async with conn.transaction():
        case = await desk.take(conn, finding("smoke_alarm"), now=NOW)
    await reporter(pool, clock).round()
    return case.incident_id


async def _send(conn: Connection, at: SetClock, *, receipted: bool = True) -> None:
    """The dispatcher carries the report."""
    now = at.now()
    for one in await claim_deliveries(conn, at=now, lease_until=now + timedelta(seconds=30), limit=99):
        if one.notice.value == "report":
            receipt = Receipt(receipt_id="JY-1", received_at=now) if receipted else None
            await record(conn, Outcome(delivery=one, attempts=1, taken=True, receipt=receipt), now=now, jitter=0.0)


async def _first(conn: Connection, reports: ReportDesk, clock: SetClock, actor: str = "值班员") -> UUID:
    (running,) = await clocks(conn)
    report_id = await reports.draft(conn, running.clock_id, ReportKind.FIRST, actor=actor, now=clock.now())
    await reports.approve(conn, report_id, actor=actor, now=clock.now())
    return running.clock_id


async def test_a_grave_incident_starts_its_clock_when_it_was_raised_once(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, desk: Desk
) -> None:
    async with conn.transaction():
        for other in (press(), finding("intrusion_alarm"), finding("smoke_alarm", key="drill", drill=True)):
            await desk.take(conn, other, now=NOW)
    clock.advance(minutes=7)
    await reporter(pool, clock).round()
    (running,) = await clocks(conn)
    assert (running.incident_id, running.started_at, running.due_at) == (burning, NOW, NOW + timedelta(hours=2))
    assert (await timeline(conn, burning)).count("report_clock_started") == 1


async def test_a_report_that_is_receipted_in_time_meets_it_though_nobody_looked(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    clock.advance(minutes=119)
    clock_id = await _first(conn, reports, clock)
    await _send(conn, clock)
    clock.advance(hours=5)  # the process was away; the receipt was not late
    await reporter(pool, clock).round()
    (ended,) = await clocks(conn)
    assert (ended.state, ended.ended_at) == (ClockState.MET, NOW + timedelta(minutes=119))
    assert [one.kind for one in await events_of(conn, clock_id)] == [
        "started",
        "drafted",
        "approved",
        "receipted",
        "met",
    ]
    (report,) = await reports_of(conn, clock_id)
    assert (report.delivery_state, report.receipt_id) == ("received", "JY-1")
    assert "【初报】前黄实验学校烟雾报警" in report.text


async def test_people_are_warned_at_each_time_once_whoever_looks(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID
) -> None:
    warned = []
    for minutes in range(0, 121, 5):
        clock.at = NOW + timedelta(minutes=minutes)
        for _ in range(2):
            await reporter(pool, clock).round()
        told = [one for one in await deliveries(conn) if one["notice"] == "clock"]
        warned.append((minutes, len(told)))
    assert [minutes for (minutes, count), (_, before) in zip(warned[1:], warned, strict=False) if count > before] == [
        60, 90, 110, 120,
    ]  # fmt: skip
    assert (await timeline(conn, burning)).count("report_warning") == 3


async def test_a_process_that_was_away_gives_the_newest_warning_alone(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID
) -> None:
    clock.advance(minutes=95)
    await reporter(pool, clock).round()
    (running,) = await clocks(conn)
    assert running.warned_minutes == 90
    assert len([one for one in await deliveries(conn) if one["notice"] == "clock"]) == 1


@pytest.mark.parametrize("reached", ["not_drafted", "not_approved", "not_receipted"])
async def test_what_is_not_receipted_in_time_is_missed_for_ever(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk, reached: str
) -> None:
    clock.advance(minutes=100)
    (running,) = await clocks(conn)
    if reached != "not_drafted":
        report_id = await reports.draft(conn, running.clock_id, ReportKind.FIRST, actor="甲", now=clock.now())
        if reached == "not_receipted":
            await reports.approve(conn, report_id, actor="甲", now=clock.now())
    clock.advance(minutes=25)
    await reporter(pool, clock).round()
    await _send(conn, clock)
    await reporter(pool, clock).round()
    (ended,) = await clocks(conn)
    assert (ended.state, ended.ended_at, ended.end_reason) == (
        ClockState.MISSED,
        NOW + timedelta(hours=2),
        reached,
    )
    with pytest.raises(ReportRefused):
        await reports.waive(conn, running.clock_id, actor="甲", reason="误报", now=clock.now())
    for statement in (
        "UPDATE report_clock SET state = 'met'",
        "UPDATE report_clock SET due_at = due_at + interval '1 hour'",
        "DELETE FROM report_clock",
        "UPDATE report_event SET kind = 'met' WHERE kind = 'missed'",
        "DELETE FROM report_event",
        "TRUNCATE report_event",
        "TRUNCATE report_clock CASCADE",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute(statement.encode())


async def test_what_was_approved_stands_and_the_rest_follows_in_order(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    clock_id = await _first(conn, reports, clock)
    (first,) = await reports_of(conn, clock_id)
    with pytest.raises(ReportRefused):
        await reports.edit(conn, first.report_id, "别的", actor="甲", now=clock.now())
    for change in ("text = 'x'", "drafted_by = '乙'", "kind = 'final'"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute(f"UPDATE report SET {change}".encode())
    with pytest.raises(ReportRefused):
        await reports.draft(conn, clock_id, ReportKind.FIRST, actor="甲", now=clock.now())
    follow_up = await reports.draft(conn, clock_id, ReportKind.FOLLOW_UP, actor="甲", now=clock.now())
    with pytest.raises(ReportRefused):
        await reports.draft(conn, clock_id, ReportKind.FINAL, actor="甲", now=clock.now())
    await reports.edit(conn, follow_up, "火已扑灭，无人受伤。", actor="乙", now=clock.now())
    await reports.approve(conn, follow_up, actor="甲", now=clock.now())
    final = await reports.draft(conn, clock_id, ReportKind.FINAL, actor="甲", now=clock.now())
    await reports.approve(conn, final, actor="甲", now=clock.now())
    with pytest.raises(ReportRefused):
        await reports.draft(conn, clock_id, ReportKind.FOLLOW_UP, actor="甲", now=clock.now())
    sent = [one for one in await deliveries(conn) if one["notice"] == "report"]
    assert [one["body"]["type"] for one in sent] == ["report.first", "report.follow_up", "report.final"]
    assert sent[1]["body"]["data"]["report"]["text"] == "火已扑灭，无人受伤。"
    assert len(sent[2]["body"]["data"]["call"]["references"]) == 2
    assert {one["recipient"] for one in sent} == {"education"}


async def test_where_it_is_so_set_another_person_has_to_approve(
    conn: Connection, clock: SetClock, burning: UUID
) -> None:
    strict = ReportDesk(SmallGazetteer(), zone=ZONE, link_id="education", second_person=True)
    (running,) = await clocks(conn)
    report_id = await strict.draft(conn, running.clock_id, ReportKind.FIRST, actor="甲", now=NOW)
    await strict.edit(conn, report_id, "初报", actor="乙", now=NOW)
    for author in ("甲", "乙"):
        with pytest.raises(ReportRefused):
            await strict.approve(conn, report_id, actor=author, now=NOW)
    await strict.approve(conn, report_id, actor="丙", now=NOW)


async def test_a_false_alarm_ends_the_clock_and_says_so(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID
) -> None:
    await conn.execute("UPDATE incident SET verification = 'false' WHERE incident_id = %s", (burning,))
    clock.advance(minutes=20)
    await reporter(pool, clock).round()
    (ended,) = await clocks(conn)
    assert (ended.state, ended.end_reason) == (ClockState.WAIVED, "false")


async def test_a_matter_that_no_device_reported_has_its_clock_by_hand(
    conn: Connection, pool: Pool, clock: SetClock, reports: ReportDesk
) -> None:
    given = {"incident_id": None, "site_id": "", "reason": "学校电话", "actor": "甲", "now": NOW}
    began_at = NOW - timedelta(minutes=30)
    clock_id = await reports.start(conn, subject="疑似食物中毒", began_at=began_at, **given)  # type: ignore[arg-type]
    with pytest.raises(ReportRefused):
        await reports.start(conn, subject="", began_at=None, **given)  # type: ignore[arg-type]
    with pytest.raises(ReportRefused):
        await reports.start(conn, subject="明天", began_at=NOW + timedelta(hours=1), **given)  # type: ignore[arg-type]
    report_id = await reports.draft(conn, clock_id, ReportKind.FIRST, actor="甲", now=NOW)
    await reports.approve(conn, report_id, actor="甲", now=NOW)
    clock.advance(minutes=5)
    await _send(conn, clock)
    await reporter(pool, clock).round()
    (ended,) = await clocks(conn)
    assert (ended.clock_id, ended.state) == (clock_id, ClockState.MET)


async def test_a_matter_that_was_taken_for_false_and_is_true_goes_on_with_its_old_times(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    async def found(verification: str, minutes: float) -> ClockState:
        await conn.execute("UPDATE incident SET verification = %s WHERE incident_id = %s", (verification, burning))
        clock.advance(minutes=minutes)
        await reporter(pool, clock).round()
        (one,) = await clocks(conn)
        assert one.due_at == NOW + timedelta(hours=2)
        return one.state

    assert await found("false", 10) is ClockState.WAIVED
    assert await found("true", 10) is ClockState.RUNNING
    assert "report_clock_resumed" in await timeline(conn, burning)
    assert await found("false", 10) is ClockState.WAIVED
    # By hand as well: whoever starts it once more gets the old one.
    await conn.execute("UPDATE incident SET verification = NULL WHERE incident_id = %s", (burning,))

    async def start() -> None:
        await reports.start(
            conn,
            incident_id=burning,
            site_id="",
            subject="",
            began_at=None,
            actor="值班员",
            reason="核实有误",
            now=clock.now(),
        )

    await start()
    with pytest.raises(ReportRefused):
        await start()
    # Too late all the same.
    assert await found("false", 5) is ClockState.WAIVED
    assert await found("true", 120) is ClockState.MISSED
    (ended,) = await clocks(conn)
    assert ended.ended_at == NOW + timedelta(hours=2)


async def test_what_a_broker_took_in_time_and_was_receipted_too_late_is_missed(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    clock_id = await _first(conn, reports, clock)
    clock.advance(minutes=119)
    await _send(conn, clock, receipted=False)
    clock.advance(minutes=2)
    (sent,) = [one for one in await deliveries(conn) if one["notice"] == "report"]
    receipt = Receipt(receipt_id="JY-1", received_at=NOW + timedelta(minutes=119))
    assert await record_arrival(conn, sent["delivery_id"], at=clock.now(), attempts=0, receipt=receipt)
    await reporter(pool, clock).round()
    (missed,) = await clocks(conn)
    assert missed.state is ClockState.MISSED
    (line,) = [event for event in await events_of(conn, clock_id) if event.kind == "receipted"]
    assert line.at == clock.now()


async def test_nobody_dates_a_receipt_back_before_the_reporter_looks(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    clock_id = await _first(conn, reports, clock)
    clock.advance(minutes=121)
    await _send(conn, clock)
    in_time = (NOW + timedelta(minutes=119)).isoformat()
    for change in (
        f"UPDATE delivery SET sent_at = '{in_time}' WHERE notice = 'report'",
        f"UPDATE delivery SET receipted_at = '{in_time}' WHERE notice = 'report'",
        "UPDATE delivery SET receipted_at = NULL WHERE notice = 'report'",
        "UPDATE delivery SET receipt_id = 'other' WHERE notice = 'report'",
        f"UPDATE report_event SET at = '{in_time}' WHERE kind = 'receipted'",
        "INSERT INTO report_event (clock_id, report_id, at, kind, actor)"
        f" SELECT clock_id, report_id, '{in_time}', 'receipted', 'x' FROM report",
        "INSERT INTO delivery SELECT (jsonb_populate_record(d, jsonb_build_object('delivery_id', gen_random_uuid()))).*"
        " FROM delivery AS d WHERE notice = 'report'",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute(change.encode())
    await reporter(pool, clock).round()
    (missed,) = await clocks(conn)
    assert (missed.clock_id, missed.state) == (clock_id, ClockState.MISSED)


async def test_a_receipt_that_was_made_up_stands_in_the_chain_with_the_time_and_the_account_of_whoever_wrote_it(
    conn: Connection, pool: Pool, clock: SetClock, burning: UUID, reports: ReportDesk
) -> None:
    await _first(conn, reports, clock)
    clock.advance(minutes=110)
    await reporter(pool, clock).round()
    forged = "UPDATE delivery SET state = 'received', receipt_id = 'x', sent_at = %s, receipted_at = %s"
    earlier, in_time = NOW + timedelta(minutes=100), NOW + timedelta(minutes=119)
    with pytest.raises(psycopg.errors.RestrictViolation):  # it is older than the warning that was given
        await conn.execute(f"{forged} WHERE notice = 'report'".encode(), (earlier, earlier))
    await conn.execute(f"{forged} WHERE notice = 'report'".encode(), (in_time, in_time))
    clock.advance(minutes=11)
    strict = Reporter(
        pool=pool,
        gazetteer=SmallGazetteer(),
        clock=clock,
        zone=ZONE,
        starts=GRAVE,
        wake=asyncio.Event(),
        poll_s=2.0,
        most_late=timedelta(minutes=5),
    )
    await strict.round()  # the database wrote it down long after 119 minutes, by its own clock
    assert [one.state for one in await clocks(conn)] == [ClockState.MISSED]
    (entry,) = await rows(conn, "SELECT * FROM audit_entry WHERE action = 'report.receipted'")
    assert entry["at"] == in_time
    assert entry["detail"]["program"] == "campuswatch test"
    assert entry["detail"]["written_at"] > in_time.isoformat()
