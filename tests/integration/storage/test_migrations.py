from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from domain.audit import Verifier
from domain.errors import MigrationError
from storage import migrations
from storage.audit_trail import append, chained_entries
from storage.hypertables import HYPERTABLES
from storage.migrations import migrate, pending, shipped
from storage.pool import Connection, connect
from tests.integration.alerting.ledgers import rows
from tests.servers import DatabaseServer


async def test_migrating_again_changes_nothing(database: str) -> None:
    assert await pending(database) == []
    assert await migrate(database) == []
    assert await migrate(database) == []


async def test_an_empty_database_gets_every_migration_once_though_two_come_at_the_same_time(
    database: str,
) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
    assert await pending(database) == [name for name, _ in shipped()]
    applied = await asyncio.gather(migrate(database), migrate(database))
    assert sorted(map(len, applied)) == [0, len(shipped())]
    assert await pending(database) == []


async def test_a_migration_that_was_changed_after_it_landed_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name, text), *others = shipped()
    monkeypatch.setattr(migrations, "shipped", lambda: [(name, text + "\n-- a correction"), *others])
    with pytest.raises(MigrationError, match=name):
        await migrate(database)
    monkeypatch.undo()
    assert await migrate(database) == []


async def test_nothing_stays_of_a_migration_that_fails(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ("9999_broken", "CREATE TABLE half (x int); SELECT 1/0;")
    good = shipped()
    monkeypatch.setattr(migrations, "shipped", lambda: [*good, broken])
    with pytest.raises(MigrationError, match="9999_broken"):
        await migrate(database)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    monkeypatch.undo()
    assert await migrate(database) == []


async def test_what_was_audited_before_there_was_a_chain_is_its_beginning(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = shipped()
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
        monkeypatch.setattr(migrations, "shipped", lambda: [one for one in everything if one[0] < "0013"])
        await migrate(database)
        for subject in ("s001", "s002"):
            admin.execute(
                "INSERT INTO audit_entry (at, actor, action, subject) VALUES (now(), 'x', 'site.added', %s)", (subject,)
            )
    monkeypatch.undo()
    await migrate(database)
    verifier = Verifier()
    async with await connect(database, name="test") as conn:
        await append(conn, at=datetime.now(UTC), actor="y", action="site.changed", subject="s001")
        assert [fault async for entry in chained_entries(conn) for fault in verifier.step(entry)] == []
    assert (verifier.entries, verifier.head.position) == (3, 3)


def _relations(dsn: str) -> list[tuple[str, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name NOT IN"
            " (SELECT viewname FROM pg_views WHERE schemaname = 'public' AND viewowner <> current_user)"
            " ORDER BY table_name, column_name"
        ).fetchall()


def test_relations_and_columns_are_the_same_on_both_kinds_of_server(
    plain_database: str, timescale_database: str
) -> None:
    plain, timescale = _relations(plain_database), _relations(timescale_database)
    assert {relation for relation, *_ in plain} >= {*HYPERTABLES, "reading_hourly", "ledger", "incident", "delivery"}
    assert plain == timescale


async def test_observations_are_hypertables_where_the_server_has_them(
    conn: Connection, database_server: DatabaseServer
) -> None:
    if database_server.kind == "timescaledb":
        found = await rows(conn, "SELECT hypertable_name FROM timescaledb_information.hypertables")
        assert {row["hypertable_name"] for row in found} == set(HYPERTABLES)
    else:
        assert await rows(conn, "SELECT * FROM pg_extension WHERE extname = 'timescaledb'") == []


async def test_an_installation_that_gets_timescaledb_later_keeps_its_rows(
    timescale_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_offered(_: object) -> None:
        return

    with psycopg.connect(timescale_database, autocommit=True) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
        monkeypatch.setattr(migrations, "apply_level", nothing_offered)
        await migrate(timescale_database)
        monkeypatch.undo()
        admin.execute("INSERT INTO heartbeat VALUES (now(), 1, now(), 50), (now() - INTERVAL '3 days', 1, now(), 50)")
        await migrate(timescale_database)
    with psycopg.connect(timescale_database) as connection:
        assert connection.execute("SELECT count(*) FROM heartbeat").fetchone() == (2,)
        found = connection.execute("SELECT num_chunks FROM timescaledb_information.hypertables ORDER BY 1").fetchall()
        assert found == [(0,), (0,), (2,)]
