"""The single place that decides what the server's TimescaleDB is used for.

=========  =====================================================================================
level      what is set up
=========  =====================================================================================
none       plain tables; hourly views over ``date_bin``; `storage.upkeep` deletes what is too old
apache     hypertables (chunks of a day); hourly views over ``date_bin``; `storage.upkeep` drops chunks
full       hypertables, compression after 7 days, retention policies, continuous aggregates
=========  =====================================================================================

Relations have the same names and columns on every level.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, LiteralString

import psycopg

Connection = psycopg.AsyncConnection[Any]


class TimescaleLevel(StrEnum):
    NONE = "none"
    APACHE = "apache"
    FULL = "full"


#: Hypertable and the columns that compression groups and orders by.
HYPERTABLES: dict[LiteralString, tuple[LiteralString, LiteralString]] = {
    "heartbeat": ("device_no", "ts DESC"),
    "reading": ("device_no, metric", "ts DESC"),
    "event": ("device_no", "ts DESC"),
}

#: Days that observations are kept. A heartbeat proves life and is folded into intervals; readings serve a year's view.
RETENTION_DAYS: dict[LiteralString, int] = {"heartbeat": 8, "reading": 400, "event": 1100}

_HOURLY: LiteralString = """
SELECT {bucket} AS hour, device_no, metric,
       avg(value) AS mean, min(value) AS low, max(value) AS high, count(*) AS samples
FROM reading GROUP BY 1, 2, 3
"""


async def timescale_level(conn: Connection) -> TimescaleLevel:
    """What the server of ``conn`` offers to this database."""
    cursor = await conn.execute(
        "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),"
        " current_setting('timescaledb.license', true)"
    )
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return TimescaleLevel.NONE
    return TimescaleLevel.FULL if row[1] == "timescale" else TimescaleLevel.APACHE


def level_statements(level: TimescaleLevel) -> list[LiteralString]:
    """The SQL that brings the relations to ``level``; every statement can run again without harm."""
    hourly_view: LiteralString = "CREATE OR REPLACE VIEW reading_hourly AS" + _HOURLY.format(
        bucket="date_bin('1 hour', ts, TIMESTAMPTZ '2000-01-01 00:00:00+00')"
    )
    if level is TimescaleLevel.NONE:
        return [hourly_view]
    statements: list[LiteralString] = [
        f"SELECT create_hypertable('{table}', 'ts', chunk_time_interval => INTERVAL '1 day',"
        " create_default_indexes => false, migrate_data => true, if_not_exists => true)"
        for table in HYPERTABLES
    ]
    if level is TimescaleLevel.APACHE:
        return [*statements, hourly_view]
    for table, (segment_by, order_by) in HYPERTABLES.items():
        statements += [
            f"ALTER TABLE {table} SET (timescaledb.compress,"
            f" timescaledb.compress_segmentby = '{segment_by}', timescaledb.compress_orderby = '{order_by}')",
            f"SELECT add_compression_policy('{table}', INTERVAL '7 days', if_not_exists => true)",
        ]
    statements += [
        f"SELECT add_retention_policy('{table}', make_interval(days => {RETENTION_DAYS[table]}), if_not_exists => true)"
        for table in HYPERTABLES
    ]
    statements += [
        # A plain view may stand there from a time when the server had less to offer.
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_views WHERE viewname = 'reading_hourly'"
        " AND schemaname = current_schema())"
        " AND NOT EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = 'reading_hourly')"
        " THEN DROP VIEW reading_hourly; END IF; END $$",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS reading_hourly"
        " WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS"
        + _HOURLY.format(bucket="time_bucket(INTERVAL '1 hour', ts)")
        + "WITH NO DATA",
        "SELECT add_continuous_aggregate_policy('reading_hourly', start_offset => INTERVAL '3 days',"
        " end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '30 minutes', if_not_exists => true)",
    ]
    return statements


async def apply_level(conn: Connection) -> TimescaleLevel:
    """Create the extension where the server has it and bring the relations to that level (autocommit connection)."""
    cursor = await conn.execute("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')")
    row = await cursor.fetchone()
    if row is not None and row[0]:
        await conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    level = await timescale_level(conn)
    for statement in level_statements(level):
        await conn.execute(statement)
    return level
