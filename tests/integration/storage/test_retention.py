"""Retention: what is old and over goes, and nothing else does, whatever it takes with it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from alerting.casework import Casework
from alerting.desk import Desk
from alerting.reporting import ReportDesk
from domain.incident import IncidentAction
from domain.maintenance import Scope
from domain.retention import Kept
from storage.pool import Connection, connect
from storage.retention import OF_INCIDENT, ROWS, due, sweep
from tests.integration.alerting.ledgers import escalate, put_on_duty, rows
from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import kept_database as kept_database
from tests.unit.alerting.findings import NOW, SmallGazetteer, finding

ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
YEAR = dict.fromkeys(Kept, 365)
LATER = NOW + 400 * DAY


@pytest.fixture
def desk() -> Desk:
    return Desk(gazetteer=SmallGazetteer(), link_ids=("police", "education"), zone=ZONE)


async def _pressed(conn: Connection, desk: Desk, key: str, *, ended: bool = True) -> UUID:
    """A one-key alarm with all that belongs to it, reset and closed where it has ``ended``."""
    one = finding("one_key_alarm", key=key, device_id=key)
    async with conn.transaction():
        case = await desk.take(conn, one, now=NOW)
    await escalate(conn, desk, at=NOW)
    if ended:
        for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET, IncidentAction.CLOSE):
            await desk.act(conn, case.incident_id, action, actor="甲", note="", now=NOW)
    return case.incident_id


async def _left(conn: Connection, table: str) -> int:
    (one,) = await rows(conn, f"SELECT count(*) FROM {table}")
    return int(one["count"])


async def test_an_incident_goes_with_all_that_belongs_to_it_when_it_is_over_and_old(
    conn: Connection, desk: Desk
) -> None:
    await put_on_duty(conn, "王主任", NOW - DAY, NOW + DAY)
    incident_id = await _pressed(conn, desk, "a")
    await conn.execute(
        "INSERT INTO used_link (delivery_id, at, action) SELECT delivery_id, %s, 'take' FROM delivery"
        " WHERE channel = 'apprise'",
        (NOW,),
    )
    await conn.execute(
        "INSERT INTO attachment (incident_id, at, actor, name, media_type, size, sha256, content)"
        " VALUES (%s, %s, 'x', 'x', 'text/plain', 1, '', 'x')",
        (incident_id, NOW),
    )
    assert not any((await sweep(conn, YEAR, now=NOW + 364 * DAY)).values())
    assert (await due(conn, YEAR, now=LATER))["incident"] == 1
    removed = await sweep(conn, YEAR, now=LATER)
    assert removed["incident"] == removed["used_link"] == removed["attachment"] == removed["response"] == 1
    for table in OF_INCIDENT:
        assert await _left(conn, table) == 0
    (entry,) = await rows(
        conn, "SELECT * FROM audit_entry WHERE action = 'retention.removed' AND subject = 'incidents'"
    )
    assert entry["detail"]["rows"]["incident"] == 1
    assert not any((await sweep(conn, YEAR, now=LATER)).values())


async def test_what_is_open_what_was_to_be_reported_and_what_others_are_merged_into_stays(
    conn: Connection, desk: Desk
) -> None:
    still_open = await _pressed(conn, desk, "open", ended=False)
    reported, main, child = [await _pressed(conn, desk, key) for key in ("reported", "main", "child")]
    await conn.execute("UPDATE incident SET merged_into = %s WHERE incident_id = %s", (main, child))
    await conn.execute("UPDATE incident SET closed_at = %s WHERE incident_id = %s", (LATER, child))
    await ReportDesk(SmallGazetteer(), zone=ZONE, link_id="education").start(
        conn, incident_id=reported, site_id="", subject="", began_at=None, reason="", actor="甲", now=NOW
    )
    assert "incident" not in await sweep(conn, YEAR, now=LATER)
    left = {one["incident_id"] for one in await rows(conn, "SELECT incident_id FROM incident")}
    assert left == {still_open, reported, main, child}
    for _ in range(2):  # the merged one, and then its main one
        assert (await sweep(conn, YEAR, now=LATER + 366 * DAY))["incident"] == 1
    left = {one["incident_id"] for one in await rows(conn, "SELECT incident_id FROM incident")}
    assert left == {still_open, reported}
    assert await _left(conn, "report_clock") == 1


async def test_a_swap_keeps_both_its_shifts_while_one_of_them_counts(conn: Connection) -> None:
    old = await put_on_duty(conn, "甲", NOW, NOW + DAY)
    swapped = await put_on_duty(conn, "乙", NOW, NOW + DAY)
    new = await put_on_duty(conn, "丙", LATER - 10 * DAY, LATER)
    await conn.execute(
        "INSERT INTO duty_swap (shift_no, other_no, made_at, made_by) VALUES (%s, %s, %s, 'x')", (new, swapped, NOW)
    )
    assert (await sweep(conn, YEAR, now=LATER))["duty_shift"] == 1
    left = {one["shift_no"] for one in await rows(conn, "SELECT shift_no FROM duty_shift")}
    assert left == {swapped, new}
    assert old not in left
    await sweep(conn, YEAR, now=LATER + 366 * DAY)
    assert await _left(conn, "duty_shift") == await _left(conn, "duty_swap") == 0


async def test_early_warnings_windows_and_notices_go_and_what_still_waits_does_not(
    conn: Connection, desk: Desk
) -> None:
    (site,) = await rows(
        conn, "INSERT INTO site (site_id, name, kind) VALUES ('s001', 'x', 'primary') RETURNING site_no"
    )
    warning_id = uuid4()
    await conn.execute(
        "INSERT INTO early_warning (warning_id, kind, level, title_zh, text_zh, audience, issued_at, issued_by,"
        " valid_from, valid_until) VALUES (%s, 'x', 'red', 'x', 'x', '{}', %s, 'x', %s, %s)",
        (warning_id, NOW, NOW, NOW + DAY),
    )
    await conn.execute(
        "INSERT INTO warning_receipt (warning_id, site_no) VALUES (%s, %s)", (warning_id, site["site_no"])
    )
    casework = Casework(desk)
    for rule in ("tamper", "heartbeat_lost"):
        await casework.open_window(
            conn, Scope(rule=rule), starts_at=NOW, ends_at=NOW + DAY, reason="x", actor="x", now=NOW
        )
    async with conn.transaction():
        await desk.take(conn, finding("tamper"), now=NOW)
    for state in ("sent", "queued"):
        await conn.execute(
            "INSERT INTO delivery (delivery_id, channel, recipient, notice, body, life_safety, created_at,"
            " next_attempt_at, state) VALUES (%s, 'apprise', 'x', 'warning', '{}', false, %s, %s, %s)",
            (uuid4(), NOW, NOW, state),
        )
    removed = await sweep(conn, YEAR, now=LATER)
    assert {table: count for table, count in removed.items() if count} == {
        "delivery": 1,
        "warning_receipt": 1,
        "early_warning": 1,
        "maintenance_window": 1,
    }
    assert [one["state"] for one in await rows(conn, "SELECT state FROM delivery")] == ["queued"]


async def test_more_than_a_batch_goes_in_several_and_what_somebody_has_locked_is_passed_over(
    conn: Connection, kept_database: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.retention.INCIDENTS_AT_ONCE", 2)
    ids = [await _pressed(conn, desk, f"k{number}") for number in range(5)]
    other = await connect(kept_database, name="somebody")
    async with other.transaction():
        await other.execute("SELECT FROM incident WHERE incident_id = %s FOR UPDATE", (ids[0],))
        assert (await sweep(conn, YEAR, now=LATER, most=1))["incident"] == 2
        assert (await sweep(conn, YEAR, now=LATER))["incident"] == 2
    await other.close()
    assert [one["incident_id"] for one in await rows(conn, "SELECT incident_id FROM incident")] == [ids[0]]


async def test_what_is_kept_for_good_stays_for_good(conn: Connection, desk: Desk) -> None:
    await _pressed(conn, desk, "a")
    assert await sweep(conn, dict.fromkeys(Kept, 0), now=LATER + 9000 * DAY) == {}


async def test_every_table_that_hangs_on_an_incident_goes_with_it_or_keeps_it(conn: Connection) -> None:
    """Whoever adds a table that refers to one of these has to say here what becomes of it."""
    found = await rows(
        conn,
        "SELECT DISTINCT child.relname FROM pg_constraint AS c JOIN pg_class AS child ON child.oid = c.conrelid"
        " JOIN pg_class AS parent ON parent.oid = c.confrelid"
        " WHERE c.contype = 'f' AND c.confdeltype = 'a'"
        " AND parent.relname = ANY('{incident,delivery,attachment,incident_entry,response}')",
    )
    gone = {*OF_INCIDENT, "used_link", *(part.table for parts in ROWS.values() for part in parts)}
    assert {one["relname"] for one in found} - gone == {"report_clock", "report"}
