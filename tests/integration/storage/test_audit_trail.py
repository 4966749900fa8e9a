"""The chain on real servers: made by the database, verified without it, and refused to whoever would change it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from alerting.desk import Desk
from campuswatch.audit_heads import kept_heads
from campuswatch.roles.audit_watch import AuditWatch
from domain.audit import AuditFault, FaultKind, Verifier
from storage.audit_trail import AuditFilter, append, audit_entries, audit_head, chained_entries
from storage.pool import Connection, connect, open_pool
from tests.integration.alerting.ledgers import rows
from tests.unit.alerting.findings import SetClock, SmallGazetteer, press

AT = datetime(2026, 3, 2, 1, 30, 0, 123456, tzinfo=UTC)
DETAIL = {"note": "误报，已核实", "n": 1.50, "z": {"b": [1, None], "a": 'é\n"\\'}}


async def write(conn: Connection, subject: str = "s001", *, actor: str = "张伟") -> None:
    await append(
        conn, at=AT, actor=actor, origin="127.0.0.1 席位 3", action="incident.noted", subject=subject, detail=DETAIL
    )


async def verified(conn: Connection) -> tuple[Verifier, list[AuditFault]]:
    verifier, faults = Verifier(), list[AuditFault]()
    async for entry in chained_entries(conn):
        faults.extend(verifier.step(entry))
    return verifier, faults


async def tamper(conn: Connection, statement: str) -> None:
    """As somebody with the rights of the server would."""
    await conn.execute(f"SET session_replication_role = replica; {statement}; RESET session_replication_role".encode())


async def test_what_the_database_chained_is_found_whole_without_asking_it(conn: Connection) -> None:
    for number in range(3):
        await write(conn, f"s{number}")
    async with conn.transaction():
        await write(conn, "one")
        await write(conn, "of several")
    verifier, faults = await verified(conn)
    assert faults == []
    assert verifier.entries == 5
    assert verifier.head == await audit_head(conn)


async def test_what_was_rolled_back_leaves_no_hole(conn: Connection) -> None:
    await write(conn)
    async with conn.transaction() as undone:
        await write(conn, "never")
        raise psycopg.Rollback(undone)
    await write(conn)
    verifier, faults = await verified(conn)
    assert (verifier.entries, faults) == (2, [])


async def test_processes_that_write_at_the_same_time_make_one_chain(conn: Connection, kept_database: str) -> None:
    async def person(name: str) -> None:
        async with await connect(kept_database, name=name) as own:
            for number in range(20):
                async with own.transaction():
                    await write(own, f"{name}-{number}")
                    await write(own, f"{name}-{number}-again")

    await asyncio.gather(*(person(f"p{number}") for number in range(6)))
    verifier, faults = await verified(conn)
    assert (verifier.entries, faults) == (240, [])
    assert verifier.head.position == 240


async def test_whoever_has_written_keeps_nobody_waiting_until_he_commits(conn: Connection, kept_database: str) -> None:
    async with await connect(kept_database, name="slow") as slow, slow.transaction():
        await write(slow, "slow")
        async with asyncio.timeout(4):  # the lock's own time-out is longer
            await write(conn, "quick")
    assert (await verified(conn))[1] == []


@pytest.mark.parametrize("table", ["audit_entry", "audit_link"])
async def test_change_and_deletion_are_refused(conn: Connection, table: str) -> None:
    await write(conn)
    column = "actor = 'x'" if table == "audit_entry" else "hash = 'x'"
    for statement in (f"UPDATE {table} SET {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            await conn.execute(statement.encode())
    granted = await rows(
        conn,
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE table_name = %s AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')",
        table,
    )
    assert granted == []


async def test_one_changed_byte_is_found_and_named(conn: Connection) -> None:
    for number in range(5):
        await write(conn, f"s{number}")
    third = (await rows(conn, "SELECT entry_no FROM audit_entry ORDER BY entry_no"))[2]["entry_no"]
    await tamper(conn, f"UPDATE audit_entry SET subject = 'S2' WHERE entry_no = {third}")
    _, faults = await verified(conn)
    assert [(fault.kind, fault.entry_no) for fault in faults] == [(FaultKind.CHANGED, third)]
    assert f"entry {third} was changed" in faults[0].words


async def test_a_deleted_entry_and_moved_ones_are_named(conn: Connection) -> None:
    for number in range(5):
        await write(conn, f"s{number}")
    numbers = [row["entry_no"] for row in await rows(conn, "SELECT entry_no FROM audit_entry ORDER BY entry_no")]
    await tamper(conn, f"DELETE FROM audit_entry WHERE entry_no = {numbers[1]}")
    assert [(f.kind, f.entry_no) for f in (await verified(conn))[1]] == [(FaultKind.MISSING, numbers[1])]
    await tamper(
        conn,
        f"UPDATE audit_link SET entry_no = -1 WHERE entry_no = {numbers[2]};"
        f" UPDATE audit_link SET entry_no = {numbers[2]} WHERE entry_no = {numbers[3]};"
        f" UPDATE audit_link SET entry_no = {numbers[3]} WHERE entry_no = -1",
    )
    named = {f.entry_no for f in (await verified(conn))[1]}
    assert named >= {numbers[1], numbers[2], numbers[3]}


async def test_a_cut_end_is_found_by_the_head_that_was_kept(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    metrics, file = CollectorRegistry(), tmp_path / "audit" / "heads.jsonl"
    async with open_pool(kept_database, name="watch") as pool:
        watch = AuditWatch(pool, SetClock(), metrics, file)
        await watch.once()
        assert kept_heads(file) == []
        for number in range(3):
            await write(conn, f"s{number}")
        await watch.once()
        await watch.once()
        (kept,) = kept_heads(file)
        await tamper(
            conn,
            "DELETE FROM audit_entry WHERE entry_no = (SELECT max(entry_no) FROM audit_entry);"
            " DELETE FROM audit_link WHERE position = (SELECT max(position) FROM audit_link)",
        )
        verifier, faults = await verified(conn)
        assert faults == []
        assert [f.kind for f in verifier.hold_against(kept.head, None)] == [FaultKind.CUT]
        await AuditWatch(pool, SetClock(), CollectorRegistry(), file).once()
        await watch.once()
    assert metrics.get_sample_value("campuswatch_audit_cut") == 1


async def test_entries_are_read_by_who_what_whom_and_when(conn: Connection) -> None:
    await write(conn, "a")
    await write(conn, "b", actor="李娜")
    await append(conn, at=AT + timedelta(hours=1), actor="张伟", action="window.opened", subject="c")

    async def subjects(**chosen: object) -> list[str]:
        return [e.subject for e in await audit_entries(conn, only=AuditFilter(**chosen))]  # type: ignore[arg-type]

    assert await subjects() == ["c", "b", "a"]
    assert await subjects(actor="李娜") == ["b"]
    assert await subjects(action="incident.") == ["b", "a"]
    assert await subjects(action="window.opened", subject="c") == ["c"]
    assert await subjects(until=AT) == []
    assert await subjects(since=AT + timedelta(minutes=1)) == ["c"]
    (first,) = await audit_entries(conn, only=AuditFilter(), limit=1)
    assert [e.subject for e in await audit_entries(conn, only=AuditFilter(), before=first.entry_no)] == ["b", "a"]
    assert (await audit_entries(conn, only=AuditFilter(subject="a")))[0].origin == "127.0.0.1 席位 3"


async def test_no_alarm_waits_for_the_audit_trail(conn: Connection, kept_database: str) -> None:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))
    async with await connect(kept_database, name="holder") as holder, holder.transaction():
        await write(holder)
        await holder.execute("SET CONSTRAINTS ALL IMMEDIATE")  # the chain is locked until this transaction ends
        async with asyncio.timeout(4):  # the lock's own time-out is longer
            async with conn.transaction():
                case = await desk.take(conn, press(), now=AT)
    assert case.opened
