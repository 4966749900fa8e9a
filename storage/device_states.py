"""What the bulk lane remembers about devices: life, and the state of rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.liveness import ClockChange, Connectivity, LivenessChange, Reason
from storage.camera_truths import record_registered
from storage.pool import Connection


async def store_liveness(conn: Connection, changes: Sequence[LivenessChange]) -> None:
    """Write what became of devices; of several changes of one device the last one stands."""
    if not changes:
        return
    last = {change.device_no: change for change in changes}.values()
    await conn.execute(
        "INSERT INTO device_state (device_no, connectivity, since, last_seen_at, reason, behind_no)"
        " SELECT * FROM unnest(%s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::int[])"
        " ON CONFLICT (device_no) DO UPDATE SET connectivity = excluded.connectivity, since = excluded.since,"
        " last_seen_at = excluded.last_seen_at, reason = excluded.reason, behind_no = excluded.behind_no",
        (
            [c.device_no for c in last],
            [c.connectivity.value for c in last],
            [c.since for c in last],
            [c.last_seen_at for c in last],
            [c.reason.value for c in last],
            [c.behind_no for c in last],
        ),
    )
    await record_registered(conn, changes)


async def store_clocks(conn: Connection, changes: Sequence[ClockChange]) -> None:
    """Write what became known of devices' clocks; of several changes of one device the last one stands."""
    if not changes:
        return
    last = {change.device_no: change for change in changes}.values()
    await conn.execute(
        "INSERT INTO device_state (device_no, since, clock_offset_s, clock_at)"
        " SELECT u.device_no, u.at, u.offset_s, u.at"
        " FROM unnest(%s::int[], %s::float8[], %s::timestamptz[]) AS u (device_no, offset_s, at)"
        " ON CONFLICT (device_no) DO UPDATE SET clock_offset_s = excluded.clock_offset_s, clock_at = excluded.clock_at",
        ([c.device_no for c in last], [c.offset_s for c in last], [c.at for c in last]),
    )


async def load_clocks(conn: Connection) -> dict[int, float]:
    """Of each device whose clock is known to be off: seconds ahead of ours (negative: behind)."""
    cursor = await conn.execute("SELECT device_no, clock_offset_s FROM device_state WHERE clock_offset_s IS NOT NULL")
    return dict(await cursor.fetchall())


async def load_liveness(conn: Connection, *, proofs_since: datetime) -> list[LivenessChange]:
    """What is known of each device's life: its stored state, brought up to date with what was stored afterwards.

    Seen is by our clock and said by the device's; one that is minutes slow would otherwise seem silent.
    """
    cursor = await conn.execute(
        "SELECT s.device_no, s.connectivity, s.since, greatest(s.last_seen_at, h.seen, r.seen),"
        " greatest(h.said, r.said), s.reason, s.behind_no"
        " FROM device_state AS s"
        " LEFT JOIN (SELECT device_no, max(received_at) AS seen, max(ts) AS said FROM heartbeat WHERE ts > %(since)s"
        "            GROUP BY device_no) AS h USING (device_no)"
        " LEFT JOIN (SELECT device_no, max(received_at) AS seen, max(ts) AS said FROM reading WHERE ts > %(since)s"
        "            GROUP BY device_no) AS r USING (device_no)",
        {"since": proofs_since},
    )
    return [
        LivenessChange(
            device_no=no,
            connectivity=Connectivity(connectivity),
            since=since,
            last_seen_at=seen,
            said_at=said,
            reason=Reason(reason),
            behind_no=behind_no,
        )
        for no, connectivity, since, seen, said, reason, behind_no in await cursor.fetchall()
    ]


async def store_rule_states(conn: Connection, states: Sequence[tuple[str, int, dict[str, Any] | None]]) -> None:
    """Write (rule, device_no, state); a state of None is forgotten."""
    kept = [(rule, no, Jsonb(state)) for rule, no, state in states if state is not None]
    gone = [(rule, no) for rule, no, state in states if state is None]
    if kept:
        async with conn.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO rule_state (rule, device_no, state, updated_at) VALUES (%s, %s, %s, now())"
                " ON CONFLICT (rule, device_no) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
                kept,
            )
    if gone:
        async with conn.cursor() as cursor:
            await cursor.executemany("DELETE FROM rule_state WHERE rule = %s AND device_no = %s", gone)


async def load_rule_states(conn: Connection) -> list[tuple[str, int, dict[str, Any]]]:
    cursor = await conn.execute("SELECT rule, device_no, state FROM rule_state")
    return await cursor.fetchall()
