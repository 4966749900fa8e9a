"""Durable ingest: messages committed and acknowledged a second, as a ratio to a bare loop on the same servers.

In each round a queue is filled for two persistent sessions with the same messages, a slice of the district's own
traffic. Then the lane empties its queue and the bare loop empties its own, taking turns at being first. Afterwards the
rows, the ledger and what the broker still holds are held against what was sent.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

import click
import psycopg

from benchmarks.drains import BARE_TABLES, BareDrain, Drained, DrainProcess, Ground, LaneDrain, lane_filters
from benchmarks.sheet import Failed, Plan, Sheet
from benchmarks.wire import Wire
from campuswatch.embedded import EmbeddedBroker, EmbeddedPostgres
from devices.importer import import_district
from simulators.district import District, build_district
from simulators.timetable import Timetable
from storage.migrations import migrate
from storage.pool import connect
from tests.servers import Mosquitto, TimescalePostgres, free_port, open_directory

LANE, BARE = "bench-lane", "bench-bare"
MESSAGES, QUICK_MESSAGES = 150_000, 10_000
ROUNDS, QUICK_ROUNDS = 5, 2
#: The embedded broker keeps 4 MB for a subscriber that is away.
EMBEDDED_MESSAGES = 20_000
#: All rounds' messages are said to have been sent within so many seconds, so that none is late for a rule.
SPAN_S = 600.0


class DurableTimescale(TimescalePostgres):
    """With what production has: what is committed is on the disk."""

    _settings: ClassVar[dict[str, str]] = {**TimescalePostgres._settings, "fsync": "on", "full_page_writes": "on"}


class Traffic:
    """Slices of the district's heartbeats and readings, one after the other; no two messages are the same."""

    def __init__(self, district: District, total: int) -> None:
        quiet = Timetable(district.devices, seed=1, start_s=0.0).mean_rate
        factor = max(1.0, total / (quiet * SPAN_S))
        self._at_s = time.time() - SPAN_S
        self._timetable = Timetable(district.devices, seed=1, start_s=self._at_s, rate_factor=factor)

    def slice(self, count: int) -> list[tuple[str, bytes]]:
        """At least ``count`` messages."""
        messages: list[tuple[str, bytes]] = []
        while len(messages) < count:
            self._at_s += 0.25
            messages.extend((m.topic, m.payload) for m in self._timetable.due(self._at_s))
        return messages


def measure(plan: Plan) -> Sheet:
    rounds = plan.rounds or (QUICK_ROUNDS if plan.quick else ROUNDS)
    messages = plan.messages or (QUICK_MESSAGES if plan.quick else MESSAGES)
    if plan.broker == "embedded":
        messages = min(messages, EMBEDDED_MESSAGES)
    district = build_district()
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory())
        dsn = stack.enter_context(_database(plan.server, directory))
        mqtt_url = stack.enter_context(_broker(plan.broker, directory))
        asyncio.run(_prepare(dsn, district))
        return _rounds(plan, directory, dsn, mqtt_url, district, messages=messages, rounds=rounds)


def _rounds(
    plan: Plan, directory: Path, dsn: str, mqtt_url: str, district: District, *, messages: int, rounds: int
) -> Sheet:
    warm_up = min(messages, len(district.devices) * 3 // 2)
    traffic = Traffic(district, rounds * messages + warm_up)
    sheet = Sheet(columns=("round", "lane /s", "bare /s", "ratio", "lane CPU us/msg", "bare CPU us/msg"))
    window = 100 if plan.broker == "embedded" else 1000
    for client_id in (LANE, BARE):
        with Wire(mqtt_url, client_id, clean=False) as wire:
            wire.subscribe(lane_filters())
    sent = heartbeats = 0
    pairs: list[tuple[Drained, Drained]] = []
    with (
        DrainProcess(LaneDrain, Ground(dsn, mqtt_url, LANE, directory)) as lane,
        DrainProcess(BareDrain, Ground(dsn, mqtt_url, BARE, directory)) as bare,
    ):
        for number in range(rounds + 1):
            said = traffic.slice(messages if number else warm_up)
            with Wire(mqtt_url, "bench-filler", clean=True) as wire:
                wire.publish(said, window=window)
            sent += len(said)
            heartbeats += sum(topic.endswith("/heartbeat") for topic, _ in said)
            drained: dict[str, Drained] = {}
            order = [(LANE, lane), (BARE, bare)]
            for name, process in order if number % 2 else reversed(order):
                _checkpoint(dsn)
                drained[name] = process.run(len(said))
            if number == 0:
                continue  # the first fills caches and says that every device is alive
            pairs.append((drained[LANE], drained[BARE]))
            a, b = pairs[-1]
            sheet.rows.append(
                (number, a.per_s, b.per_s, a.per_s / b.per_s, a.cpu_s / a.messages * 1e6, b.cpu_s / b.messages * 1e6)
            )
            click.echo(f"  round {number}: lane {a.per_s:,.0f}/s, bare {b.per_s:,.0f}/s, {a.per_s / b.per_s:.2f}")
    ratio = statistics.median(a.per_s / b.per_s for a, b in pairs)
    lane_per_s = statistics.median(a.per_s for a, _ in pairs)
    bare_per_s = statistics.median(b.per_s for _, b in pairs)
    sheet.rows.append(
        (
            "median",
            lane_per_s,
            bare_per_s,
            ratio,
            statistics.median(a.cpu_s / a.messages * 1e6 for a, _ in pairs),
            statistics.median(b.cpu_s / b.messages * 1e6 for _, b in pairs),
        )
    )
    counts = _account(sheet, dsn, mqtt_url, sent, heartbeats)
    sheet.figures = {
        "server": plan.server,
        "broker": plan.broker,
        "lane_per_s": lane_per_s,
        "bare_per_s": bare_per_s,
        "ratio": ratio,
        "account": counts,
    }
    sheet.notes.append(
        f"sent {sent:,} = {counts['heartbeat']:,} heartbeats + {counts['reading']:,} readings stored;"
        f" ledger received {counts['received']:,}, stored {counts['stored']:,}, rejected {counts['rejected']:,},"
        f" duplicate {counts['duplicate']:,}; left in the broker {counts['left in broker']:,} bytes"
    )
    return sheet


def _account(sheet: Sheet, dsn: str, mqtt_url: str, sent: int, heartbeats: int) -> dict[str, int]:
    """Rows, ledger and broker against what was sent; every difference is a fault."""
    with psycopg.connect(dsn) as conn:
        counts = {table: _number(conn, f"SELECT count(*) FROM {table}") for table in _TABLES}
        for column in ("received", "stored", "rejected", "duplicate"):
            counts[column] = _number(conn, f"SELECT coalesce(sum({column}), 0) FROM ledger WHERE lane = 'bulk'")
    counts["sent"] = sent
    counts["left in broker"] = 0
    for client_id in (LANE, BARE):
        with Wire(mqtt_url, client_id, clean=False) as wire:
            counts["left in broker"] += wire.waiting(1.0)
    expected = {
        "heartbeat": heartbeats,
        "reading": sent - heartbeats,
        "bare_heartbeat": heartbeats,
        "bare_reading": sent - heartbeats,
        "quarantine": 0,
        "received": sent,
        "stored": sent,
        "rejected": 0,
        "duplicate": 0,
        "left in broker": 0,
    }
    sheet.faults += [
        f"{name}: expected {want:,}, got {counts[name]:,}" for name, want in expected.items() if counts[name] != want
    ]
    return counts


_TABLES = ("heartbeat", "reading", "bare_heartbeat", "bare_reading", "quarantine")


def _number(conn: psycopg.Connection[tuple[int]], statement: str) -> int:
    row = conn.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0


def _checkpoint(dsn: str) -> None:
    """Both begin with a clean log, so that neither pays for the other's pages."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("CHECKPOINT")


async def _prepare(dsn: str, district: District) -> None:
    await migrate(dsn)
    conn = await connect(dsn, name="benchmark")
    try:
        await import_district(conn, district.sites, district.devices, actor="benchmark")
        await conn.execute(BARE_TABLES)
    finally:
        await conn.close()


@contextmanager
def _database(kind: str, directory: Path) -> Iterator[str]:
    """A server with everything on that makes a commit durable."""
    if kind == "timescaledb":
        timescale = DurableTimescale(directory)
        timescale.start()
        try:
            yield timescale.admin_dsn
        finally:
            timescale.stop()
        return
    postgres = EmbeddedPostgres(directory / "postgresql")
    asyncio.run(postgres.start())
    try:
        with psycopg.connect(postgres.dsn) as conn:
            row = conn.execute("SHOW fsync").fetchone()
            if row is None or row[0] != "on":
                raise Failed("the database does not sync its log")
        yield postgres.dsn
    finally:
        asyncio.run(postgres.stop())


@contextmanager
def _broker(kind: str, directory: Path) -> Iterator[str]:
    if kind == "mosquitto":
        mosquitto = Mosquitto(directory)
        mosquitto.start()
        try:
            yield mosquitto.url
        finally:
            mosquitto.stop()
        return
    embedded = EmbeddedBroker(directory / "broker", port=free_port())
    asyncio.run(embedded.start())
    try:
        yield embedded.url
    finally:
        asyncio.run(embedded.stop())
