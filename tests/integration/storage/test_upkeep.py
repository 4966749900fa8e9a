from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage import quarantine, upkeep
from storage.hypertables import RETENTION_DAYS
from storage.pool import Connection
from storage.upkeep import CHECK_IN_DAYS, EVENT_KEY_DAYS, HANDLED_FINDING_DAYS, LEDGER_DAYS, tidy
from tests.integration.alerting.ledgers import rows
from tests.servers import DatabaseServer

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)

_INSERT = {
    "heartbeat": "INSERT INTO heartbeat VALUES (%s, 1, now(), NULL)",
    "reading": "INSERT INTO reading VALUES (%s, 1, 'temperature_c', 20, now())",
    "event": "INSERT INTO event (ts, uid, device_no, channel, kind, active, received_at)"
    " VALUES (%s, gen_random_uuid(), 1, 'event', 'fault', true, now())",
    "guard_check_in": "INSERT INTO guard_check_in (guard_id, site_id, at, source, recorded_at)"
    " VALUES ('g1', 's001', %s, 'card/d1', now())",
    "event_key": "INSERT INTO event_key VALUES (gen_random_uuid(), %s)",
    "ledger_hour": "INSERT INTO ledger_hour VALUES (%s, 'bulk', 1, 1, 1, 0, 0, 1)",
    "ledger_audit": "INSERT INTO ledger_audit VALUES (%s, 1, 1, 1, now())",
}


async def _keep(conn: Connection, table: str, age: timedelta) -> None:
    await conn.execute(_INSERT[table].encode(), (NOW - age,))


async def _ages(conn: Connection, table: str, column: str = "ts") -> list[timedelta]:
    return [NOW - row["at"] for row in await rows(conn, f"SELECT {column} AS at FROM {table} ORDER BY 1 DESC")]


@pytest.mark.parametrize("table", list(RETENTION_DAYS))
async def test_observations_past_their_retention_go_and_the_rest_stays(
    conn: Connection, database_server: DatabaseServer, table: str
) -> None:
    days = timedelta(days=RETENTION_DAYS[table])
    for age in (timedelta(0), days - timedelta(days=2), days + timedelta(days=2), 2 * days):
        await _keep(conn, table, age)
    removed = await tidy(conn, now=NOW)
    assert await _ages(conn, table) == [timedelta(0), days - timedelta(days=2)]
    assert removed[table] == 2
    assert (await tidy(conn, now=NOW))[table] == 0


async def test_check_ins_of_guards_are_kept_as_long_as_events(conn: Connection) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', 'x', 'primary')")
    inside, outside = timedelta(days=CHECK_IN_DAYS) - timedelta(seconds=1), timedelta(days=CHECK_IN_DAYS, seconds=1)
    for age in (inside, outside):
        await _keep(conn, "guard_check_in", age)
    assert (await tidy(conn, now=NOW))["guard_check_in"] == 1
    assert await _ages(conn, "guard_check_in", "at") == [inside]


@pytest.mark.parametrize(
    ("table", "column", "days"),
    [
        ("event_key", "received_at", EVENT_KEY_DAYS),
        ("ledger_hour", "hour", LEDGER_DAYS),
        ("ledger_audit", "hour", LEDGER_DAYS),
    ],
)
async def test_keys_and_ledger_are_kept_for_their_time(conn: Connection, table: str, column: str, days: int) -> None:
    inside, outside = timedelta(days=days) - timedelta(seconds=1), timedelta(days=days, seconds=1)
    await _keep(conn, table, inside)
    await _keep(conn, table, outside)
    await tidy(conn, now=NOW)
    assert await _ages(conn, table, column) == [inside]


async def test_findings_go_when_they_were_handled_long_ago_and_never_before(conn: Connection) -> None:
    for handled in (None, NOW, NOW - timedelta(days=HANDLED_FINDING_DAYS + 1)):
        await conn.execute(
            "INSERT INTO finding (finding_id, kind, rule, key, category, severity, life_safety, site_no, site_id,"
            " device_no, device_id, at, found_at, test, drill, detail, handled_at) VALUES (gen_random_uuid(), 'raised',"
            " 'tamper', 'k', 'device', 'major', false, 1, 's001', 1, 'd', %(old)s, %(old)s, false, false, '{}',"
            " %(at)s)",
            {"old": NOW - timedelta(days=900), "at": handled},
        )
    await tidy(conn, now=NOW)
    found = await rows(conn, "SELECT handled_at FROM finding ORDER BY handled_at NULLS FIRST")
    assert [row["handled_at"] for row in found] == [None, NOW]


async def test_the_quarantine_keeps_its_newest(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED", 10)
    for number in range(25):
        await conn.execute(
            "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)"
            " VALUES (%s, %s, '', '', '', 'bad_json', '', '', 0)",
            (NOW, str(number)),
        )
    removed = await tidy(conn, now=NOW)
    assert removed["quarantine"] == 15
    found = await rows(conn, "SELECT topic FROM quarantine ORDER BY quarantine_no")
    assert [row["topic"] for row in found] == [str(number) for number in range(15, 25)]


async def _aside(conn: Connection, topic: str, site_id: str, device_id: str, count: int = 1) -> None:
    await conn.execute(
        "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)"
        " SELECT %s, %s, %s, %s, '', 'bad_json', '', '', 0 FROM generate_series(1, %s)",
        (NOW, topic, site_id, device_id, count),
    )


async def _kept(conn: Connection) -> dict[str, int]:
    found = await rows(conn, "SELECT topic, count(*)::int AS n FROM quarantine GROUP BY topic")
    return {row["topic"]: row["n"] for row in found}


async def test_a_device_that_floods_the_quarantine_pushes_out_only_its_own(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED", 100)
    await conn.execute(
        "INSERT INTO site (site_id, name, kind) VALUES ('s001', 'a', 'primary'), ('s002', 'b', 'primary')"
    )
    await _aside(conn, "quiet", "s001", "d1", 20)
    await _aside(conn, "elsewhere", "s002", "d9", 30)
    await _aside(conn, "loud", "s001", "d2", 500)
    assert await quarantine.trim_quarantine(conn) == 450
    assert await _kept(conn) == {"quiet": 20, "elsewhere": 30, "loud": 50}
    assert await quarantine.trim_quarantine(conn) == 0


async def test_made_up_names_push_out_nothing_of_a_registered_site(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED", 100)
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', 'a', 'primary')")
    await _aside(conn, "quiet", "s001", "d1", 40)
    for number in range(300):
        await _aside(conn, "made up", f"x{number}", f"n{number}")
    await quarantine.trim_quarantine(conn)
    assert await _kept(conn) == {"quiet": 40, "made up": 60}


async def test_of_one_device_what_was_replayed_goes_first_and_then_the_oldest(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED", 3)
    for number in range(6):
        await _aside(conn, str(number), "", "d")
    await conn.execute("UPDATE quarantine SET replayed_at = now() WHERE topic = '5'")
    await quarantine.trim_quarantine(conn)
    assert set(await _kept(conn)) == {"2", "3", "4"}


async def test_a_mass_of_old_rows_goes_in_slices(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_SLICE", 100)
    await conn.execute(
        "INSERT INTO event_key SELECT gen_random_uuid(), %s::timestamptz - n * INTERVAL '1 second'"
        " FROM generate_series(1, 1050) AS n",
        (NOW - timedelta(days=EVENT_KEY_DAYS),),
    )
    assert (await tidy(conn, now=NOW))["event_key"] == 1050


async def test_incidents_deliveries_and_people_are_never_tidied_away(conn: Connection) -> None:
    await conn.execute(
        "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
        " site_no, site_id, device_id, state, raised_at, last_event_at, detail, changed_at) VALUES (gen_random_uuid(),"
        " 'k', 'one_key_alarm', 'panic', 'critical', 0, true, false, false, 1, 's001', 'b', 'closed', %(at)s, %(at)s,"
        " '{}', %(at)s)",
        {"at": NOW - timedelta(days=5000)},
    )
    await tidy(conn, now=NOW)
    assert len(await rows(conn, "SELECT * FROM incident")) == 1


async def test_the_quarantine_is_bounded_in_bytes_and_large_messages_of_one_push_out_nobody_elses(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_QUARANTINED_BYTES", 100_000)
    for device, size, count in (("small", 100, 20), ("big", 30_000, 10)):
        await conn.execute(
            "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)"
            " SELECT now(), n::text, 's', %s, 'alarm', 'bad_json', '', convert_to(repeat('x', %s), 'UTF8'), %s"
            " FROM generate_series(1, %s) AS n",
            (device, size, size, count),
        )
    assert await quarantine.trim_quarantine(conn) > 0
    found = await rows(conn, "SELECT device_id, count(*)::int AS n FROM quarantine GROUP BY 1")
    assert {row["device_id"]: row["n"] for row in found} == {"big": 3, "small": 20}
    assert await quarantine.trim_quarantine(conn) == 0
