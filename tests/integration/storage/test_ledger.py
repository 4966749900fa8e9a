from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.errors import StorageError
from domain.observation import EventKind
from domain.quarantine import Reason, Rejected
from storage.audit import LOOK_BACK, audit_hour, differences, hours_due
from storage.hypertables import RETENTION_DAYS
from storage.ledger import (
    AUDITED,
    ENTRIES_KEPT,
    LedgerChoice,
    LedgerSums,
    first_time,
    fold,
    forget_entries,
    ledger_page,
    ledger_status,
    ledger_sums,
    store_ledger,
)
from storage.observations import store_events, store_heartbeats, store_readings, store_rejected
from storage.pool import Connection
from tests.integration.alerting.ledgers import rows
from tests.pages import page
from tests.unit.detectors.sayings import SENSOR, START, at, event, heartbeat, reading

HOUR = START.replace(minute=0, second=0, microsecond=0)
NEXT = HOUR + timedelta(hours=1)
#: When the audit looks: the hour is complete.
LATER = NEXT + timedelta(minutes=30)


def _line(site_no: int, received: int, stored: int, *, written: int | None = None) -> tuple[int, ...]:
    return site_no, received, stored, 0, 0, stored if written is None else written


async def _books(conn: Connection) -> list[tuple[object, ...]]:
    found = await rows(conn, "SELECT * FROM ledger ORDER BY hour, lane, site_no")
    return [tuple(row.values()) for row in found]


async def _age(conn: Connection, by: timedelta) -> None:
    await conn.execute("UPDATE ledger_entry SET ts = ts - %s", (by,))


async def test_folding_changes_nothing_that_anybody_reads(conn: Connection) -> None:
    await store_ledger(conn, "bulk", {HOUR: page(_line(1, 5, 5), _line(2, 3, 2)), NEXT: page(_line(1, 1, 1))})
    await store_ledger(conn, "bulk", {HOUR: page(_line(1, 2, 2))})
    await store_ledger(conn, "alarm", {HOUR: page(_line(0, 1, 0))})
    before = await _books(conn)
    assert [row[:4] for row in before] == [
        (HOUR, "alarm", 0, 1),
        (HOUR, "bulk", 1, 7),
        (HOUR, "bulk", 2, 3),
        (NEXT, "bulk", 1, 1),
    ]
    now = datetime.now(UTC)
    assert await fold(conn, now=now - timedelta(hours=1)) == 0
    for late, expected in ((False, 4), (False, 0), (True, 1)):
        if late:
            await store_ledger(conn, "bulk", {HOUR: page(_line(1, 10, 10))})
        assert await fold(conn, now=now + timedelta(minutes=2)) == expected
    after = await _books(conn)
    assert after[1][3:6] == (17, 17, 0)
    assert [after[0], *after[2:]] == [before[0], *before[2:]]


async def test_entries_of_the_version_before_are_read_and_folded_by_the_time_of_their_commit(conn: Connection) -> None:
    await conn.execute(
        "INSERT INTO ledger_entry (ts, lane, site_no, received, stored, rejected, duplicate)"
        " VALUES (%s, 'bulk', '{1,2}', '{4,6}', '{4,5}', '{0,1}', '{0,0}')",
        (START + timedelta(minutes=5),),
    )
    expected = [(HOUR, "bulk", 1, 4, 4, 0, 0, None, 0), (HOUR, "bulk", 2, 6, 5, 1, 0, None, 0)]
    assert await _books(conn) == expected
    await store_ledger(conn, "bulk", {HOUR: page(_line(1, 1, 1))})
    mixed = [(HOUR, "bulk", 1, 5, 5, 0, 0, None, 0), expected[1]]
    assert await _books(conn) == mixed
    await fold(conn, now=datetime.now(UTC) + timedelta(minutes=2))
    assert await _books(conn) == mixed
    assert await hours_due(conn, now=LATER) == [], "nobody knows how many rows the older version wrote"


async def test_folded_entries_go_and_the_newest_of_each_lane_stays(conn: Connection) -> None:
    for lane in ("bulk", "bulk", "alarm"):
        await store_ledger(conn, lane, {HOUR: page(_line(1, 1, 1))}, spooled=3)
        await _age(conn, timedelta(minutes=1))
    now = datetime.now(UTC) + ENTRIES_KEPT + timedelta(minutes=1)
    assert await forget_entries(conn, now=now) == 0, "nothing goes before it is in the sums"
    await fold(conn, now=now)
    before = await _books(conn)
    assert await forget_entries(conn, now=now) == 1
    assert await _books(conn) == before
    assert (await ledger_status(conn, HOUR)).spooled == {"alarm": 3, "bulk": 3}


async def test_the_wall_sees_a_day_an_hour_and_differences_that_do_not_cancel_out(conn: Connection) -> None:
    await store_ledger(conn, "bulk", {HOUR: page(_line(1, 10, 7), _line(2, 10, 12))})
    await store_ledger(conn, "bulk", {HOUR - timedelta(hours=3): page(_line(1, 5, 5))})
    await store_ledger(conn, "bulk", {HOUR - timedelta(hours=24): page(_line(1, 1000, 1000))})
    status = await ledger_status(conn, START)
    assert status.day == LedgerSums(25, 24, 0, 0, 1)
    assert status.hour == LedgerSums(20, 19, 0, 0, 1)
    assert (status.unaccounted, status.missing_rows, status.audited_until) == (5, 0, None)


async def test_pages_of_the_ledger_are_newest_first_whole_and_without_repetition(conn: Connection) -> None:
    await conn.execute(
        "INSERT INTO site (site_id, name, kind) VALUES ('s002', '二', 'primary'), ('s001', '一', 'primary')"
    )
    numbers = {row["site_id"]: row["site_no"] for row in await rows(conn, "SELECT site_id, site_no FROM site")}
    for hour in (HOUR, NEXT):
        lines = page(_line(0, 1, 1), _line(numbers["s001"], 2, 2), _line(numbers["s002"], 3, 1))
        await store_ledger(conn, "bulk", {hour: lines})
        await store_ledger(conn, "alarm", {hour: page(_line(numbers["s001"], 1, 1))})
    choice = LedgerChoice(since=HOUR, until=NEXT + timedelta(hours=1))
    whole = await ledger_page(conn, choice, limit=100)
    assert [(one.hour, one.site_id, one.received, one.difference) for one in whole[:3]] == [
        (NEXT, "", 1, 0),
        (NEXT, "s001", 3, 0),
        (NEXT, "s002", 3, 2),
    ]
    piecewise, after = [], None
    while some := await ledger_page(conn, choice, limit=2, after=after):
        piecewise += some
        after = (some[-1].hour, some[-1].site_id)
    assert piecewise == whole
    assert [one.site_id for one in await ledger_page(conn, choice, limit=100, uneven=True)] == ["s002", "s002"]
    of_lane = LedgerChoice(since=HOUR, until=NEXT, lane="alarm", site_id="s001")
    assert await ledger_sums(conn, of_lane) == LedgerSums(1, 1, 0, 0, 0)
    nobody = LedgerChoice(since=HOUR, until=NEXT, site_id="")
    assert await ledger_sums(conn, nobody) == LedgerSums(1, 1, 0, 0, 0)


# -- the audit --------------------------------------------------------------------------------------------------------


async def _site(conn: Connection) -> int:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', '学校', 'primary')")
    await conn.execute(
        "INSERT INTO device (device_no, site_no, device_id, kind) OVERRIDING SYSTEM VALUE"
        " SELECT %s, site_no, 'tmp-01', 'temperature' FROM site",
        (SENSOR.device_no,),
    )
    (found,) = await rows(conn, "SELECT site_no FROM site")
    return int(found["site_no"])


async def _speak(conn: Connection, site_no: int) -> None:
    """Ten heartbeats, two readings and an event, with their line in the ledger."""
    async with conn.transaction():
        await store_heartbeats(conn, [heartbeat(n) for n in range(10)])
        await store_readings(conn, [reading(n, 20.0) for n in range(2)])
        await store_events(conn, [event(1, EventKind.TAMPER)])
        await store_ledger(conn, "bulk", {HOUR: page(_line(site_no, 13, 13))})


async def test_audit_of_an_hour_finds_what_the_ledger_says(conn: Connection) -> None:
    site_no = await _site(conn)
    await _speak(conn, site_no)
    assert await hours_due(conn, now=START) == [], "the hour is not over"
    assert await hours_due(conn, now=LATER) == [HOUR]
    await audit_hour(conn, HOUR, now=LATER)
    (line,) = await rows(conn, "SELECT site_no, booked, found FROM ledger_audit")
    assert line == {"site_no": site_no, "booked": 13, "found": 13}
    assert await hours_due(conn, now=LATER) == []
    assert await differences(conn, now=LATER) == []
    status = await ledger_status(conn, LATER)
    assert (status.missing_rows, status.audited_until) == (0, NEXT)


@pytest.mark.parametrize("table", ["heartbeat", "reading", "event"])
async def test_audit_finds_a_row_that_is_gone(conn: Connection, table: str) -> None:
    site_no = await _site(conn)
    await _speak(conn, site_no)
    await conn.execute(f"DELETE FROM {table} WHERE ts = (SELECT max(ts) FROM {table})".encode())
    await audit_hour(conn, HOUR, now=LATER)
    (found,) = await differences(conn, now=LATER)
    assert (found.site_id, found.site_no, found.booked, found.found, found.unaccounted) == ("s001", site_no, 13, 12, 0)
    assert (await ledger_status(conn, LATER)).missing_rows == 1


async def test_audit_finds_a_row_that_nobody_booked(conn: Connection) -> None:
    site_no = await _site(conn)
    await _speak(conn, site_no)
    await store_heartbeats(conn, [heartbeat(50)])
    await audit_hour(conn, HOUR, now=LATER)
    (found,) = await differences(conn, now=LATER)
    assert found.missing_rows == -1


async def test_hour_is_audited_again_when_a_journal_brought_more_of_it(conn: Connection) -> None:
    site_no = await _site(conn)
    await _speak(conn, site_no)
    await audit_hour(conn, HOUR, now=LATER)
    async with conn.transaction():
        await store_heartbeats(conn, [heartbeat(n) for n in range(100, 105)])
        await store_ledger(conn, "bulk", {HOUR: page(_line(site_no, 5, 5))})
    assert await hours_due(conn, now=LATER) == [HOUR]
    assert await hours_due(conn, now=LATER, given_up=[HOUR]) == []
    await audit_hour(conn, HOUR, now=LATER)
    assert await hours_due(conn, now=LATER) == []
    assert await differences(conn, now=LATER) == []


async def test_rows_older_than_the_audit_looks_at_raise_no_alarm(conn: Connection) -> None:
    """A gateway sends last week's; the ledger does not count those rows, and the audit does not find them."""
    site_no = await _site(conn)
    old = -AUDITED.total_seconds() - 7200
    async with conn.transaction():
        await store_heartbeats(conn, [heartbeat(0), heartbeat(1, said_s=old)])
        await store_ledger(conn, "bulk", {HOUR: page(_line(site_no, 2, 2, written=1))})
    await audit_hour(conn, HOUR, now=LATER)
    assert await differences(conn, now=LATER) == []


def test_retention_takes_nothing_that_is_still_audited() -> None:
    assert min(RETENTION_DAYS.values()) * timedelta(days=1) > AUDITED + LOOK_BACK + timedelta(days=1)


async def test_received_and_not_accounted_for_is_a_difference_at_once(conn: Connection) -> None:
    await store_ledger(conn, "bulk", {HOUR: page(_line(0, 7, 0), _line(1, 5, 5))})
    (found,) = await differences(conn, now=START)
    assert (found.hour, found.site_no, found.unaccounted) == (HOUR, 0, 7)


async def test_a_loss_is_booked_once_however_often_the_journal_says_it(conn: Connection) -> None:
    one, other = uuid4(), uuid4()
    assert await first_time(conn, [one], START) == {one}
    assert await first_time(conn, [one, other], START) == {other}


# -- what the database really did -------------------------------------------------------------------------------------

_SWALLOW = """
CREATE OR REPLACE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.ts = '{ts}' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION swallow()
"""


@pytest.mark.parametrize("known", [False, True], ids=["all new", "some known"])
async def test_rows_that_the_database_swallows_are_refused_and_not_called_stored(conn: Connection, known: bool) -> None:
    if known:
        await store_heartbeats(conn, [heartbeat(3)])
    await conn.execute(_SWALLOW.format(ts=at(5).isoformat(), table="heartbeat").encode())
    try:
        with pytest.raises(StorageError, match=r"swallowed|took 9 of 10"):
            async with conn.transaction():
                await store_heartbeats(conn, [heartbeat(n) for n in range(10)])
    finally:
        await conn.execute("DROP TRIGGER swallow ON heartbeat")
    async with conn.transaction():
        stored = await store_heartbeats(conn, [heartbeat(n) for n in range(10)])
    assert stored.known == ({3} if known else set())
    assert stored.rows == (9 if known else 10)


async def test_event_that_the_database_swallows_is_refused(conn: Connection) -> None:
    await conn.execute(_SWALLOW.format(ts=event(1, EventKind.TAMPER).at.isoformat(), table="event").encode())
    try:
        with pytest.raises(StorageError, match="took 0 of 1"):
            async with conn.transaction():
                await store_events(conn, [event(1, EventKind.TAMPER)])
    finally:
        await conn.execute("DROP TRIGGER swallow ON event")


# -- the quarantine ---------------------------------------------------------------------------------------------------


def _bad(seconds: float = 0, *, payload: bytes = b"{", again: bool = False, place: int = 0) -> Rejected:
    return Rejected(
        received_at=at(seconds),
        topic="campus/v1/s001/a/reading",
        site_id="s001",
        device_id="a",
        channel="reading",
        reason=Reason.BAD_JSON,
        detail="why",
        payload=payload,
        size=len(payload),
        again=again,
        place=place,
    )


async def test_message_that_is_read_from_the_journal_once_more_is_put_aside_once(conn: Connection) -> None:
    said = [_bad(0), _bad(0, place=1), _bad(1), _bad(2, payload=b"[")]
    assert (await store_rejected(conn, said)).rows == 4
    assert await store_rejected(conn, said) == ({0, 1, 2, 3}, 0, {})
    assert len(await rows(conn, "SELECT 1 FROM quarantine")) == 4


async def test_message_that_the_broker_sends_again_is_put_aside_once(conn: Connection) -> None:
    await store_rejected(conn, [_bad(0)])
    stored = await store_rejected(conn, [_bad(60, again=True), _bad(61, payload=b"[", again=True)])
    assert (stored.known, stored.rows) == ({0}, 1)


async def test_equal_bad_messages_that_are_not_sent_again_are_two(conn: Connection) -> None:
    assert (await store_rejected(conn, [_bad(0), _bad(30)])).rows == 2
    assert (await store_rejected(conn, [_bad(60)])).rows == 1
