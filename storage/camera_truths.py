"""The four truths of cameras: as they stand, and the intervals in which they did not hold (migration 0151)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from domain.camera import REGISTERED, Truth, TruthChange, TruthState
from domain.liveness import LivenessChange
from storage.pool import Connection

_SAID: LiteralString = """
WITH said AS (
    SELECT u.* FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
             AS u (device_no, truth, state, reason, since, checked_at)
    JOIN device AS d ON d.device_no = u.device_no AND d.kind = 'camera'
)
"""
#: A change of state ends the interval before it. What was true is not kept: it is all the rest.
_END: LiteralString = f"""{_SAID}
INSERT INTO camera_interval (device_no, truth, state, reason, began_at, ended_at)
SELECT t.device_no, t.truth, t.state, t.reason, t.since, said.since
FROM camera_truth AS t JOIN said USING (device_no, truth)
WHERE t.state <> said.state AND t.state <> 'yes' AND said.since > t.since
"""
#: A truth that is said again keeps its beginning.
_RECORD: LiteralString = f"""{_SAID}
INSERT INTO camera_truth AS t (device_no, truth, state, reason, since, known_since, proved_at, checked_at)
SELECT device_no, truth, state, reason, since, since, CASE state WHEN 'yes' THEN checked_at END, checked_at
FROM said ORDER BY device_no, truth
ON CONFLICT (device_no, truth) DO UPDATE SET
    state = excluded.state,
    reason = excluded.reason,
    since = CASE WHEN t.state = excluded.state THEN t.since ELSE greatest(t.since, excluded.since) END,
    proved_at = greatest(t.proved_at, excluded.proved_at),
    checked_at = greatest(t.checked_at, excluded.checked_at)
"""


class TruthView(msgspec.Struct, frozen=True, kw_only=True):
    """``proved_at``: when it was last found true; ``checked_at``: when somebody last looked."""

    device_no: int
    truth: Truth
    state: TruthState
    reason: str
    since: datetime
    proved_at: datetime | None
    checked_at: datetime


async def record_truths(conn: Connection, changes: Sequence[TruthChange]) -> None:
    """Write how truths were found, within the caller's transaction: one for each camera and truth at most. Devices that
    are no cameras are left out.
    """
    if not changes:
        return
    columns = (
        [one.device_no for one in changes],
        [one.truth.value for one in changes],
        [one.state.value for one in changes],
        [one.reason for one in changes],
        [one.since for one in changes],
        [one.checked_at for one in changes],
    )
    await conn.execute(_END, columns)
    await conn.execute(_RECORD, columns)


async def record_registered(conn: Connection, changes: Sequence[LivenessChange]) -> None:
    """What the bulk lane found of devices' lives, of those that are cameras; of several changes of one the last."""
    await record_truths(
        conn,
        [
            TruthChange(
                device_no=one.device_no,
                truth=Truth.REGISTERED,
                state=REGISTERED[one.connectivity],
                reason=one.reason.value,
                since=one.since,
                checked_at=max(one.since, one.last_seen_at) if one.last_seen_at else one.since,
            )
            for one in {one.device_no: one for one in changes}.values()
        ],
    )


async def truths_of(conn: Connection, device_nos: Sequence[int]) -> dict[int, list[TruthView]]:
    """The truths of these cameras as they stand. Heartbeats are proofs that nobody writes down one by one."""
    cursor = await conn.execute(
        "SELECT t.device_no, t.truth, t.state, t.reason, t.since,"
        " CASE WHEN t.truth = 'registered' AND t.state = 'yes' THEN greatest(t.proved_at, h.ts) ELSE t.proved_at END,"
        " CASE WHEN t.truth = 'registered' AND t.state = 'yes' THEN greatest(t.checked_at, h.ts) ELSE t.checked_at END"
        " FROM camera_truth AS t LEFT JOIN LATERAL (SELECT ts FROM heartbeat AS b WHERE b.device_no = t.device_no"
        "   AND t.truth = 'registered' AND b.ts > t.since ORDER BY ts DESC LIMIT 1) AS h ON true"
        " WHERE t.device_no = ANY(%s) ORDER BY t.device_no, array_position(%s::text[], t.truth)",
        (list(device_nos), [one.value for one in Truth]),
    )
    found: dict[int, list[TruthView]] = {}
    for number, truth, state, reason, since, proved_at, checked_at in await cursor.fetchall():
        found.setdefault(number, []).append(
            TruthView(
                device_no=number,
                truth=Truth(truth),
                state=TruthState(state),
                reason=reason,
                since=since,
                proved_at=proved_at,
                checked_at=checked_at,
            )
        )
    return found


async def follow_outages(conn: Connection, now: datetime) -> int:
    """Whose life nobody can tell, behind a dead uplink, of that camera nobody can tell anything: unknown, not faulty.
    So many truths have become unknown.
    """
    cursor = await conn.execute(
        "SELECT t.device_no, t.truth, r.reason, greatest(r.since, t.since) FROM camera_truth AS t"
        " JOIN camera_truth AS r ON r.device_no = t.device_no AND r.truth = 'registered'"
        " WHERE r.state = 'unknown' AND r.reason IN ('behind', 'site') AND t.truth <> 'registered'"
        " AND t.state <> 'unknown' AND NOT (t.state = 'yes' AND t.proved_at > r.since)"
        " ORDER BY 1, 2 FOR UPDATE OF t"
    )
    changes = [
        TruthChange(
            device_no=number,
            truth=Truth(truth),
            state=TruthState.UNKNOWN,
            reason=reason,
            since=since,
            checked_at=max(since, now),
        )
        for number, truth, reason, since in await cursor.fetchall()
    ]
    await record_truths(conn, changes)
    return len(changes)


async def lapse(conn: Connection, now: datetime, *, after: timedelta) -> int:
    """What nobody has looked at for longer than ``after`` is not known any more: so many truths."""
    cursor = await conn.execute(
        "SELECT device_no, truth, checked_at FROM camera_truth"
        " WHERE truth <> 'registered' AND state <> 'unknown' AND checked_at < %s ORDER BY 1, 2 FOR UPDATE",
        (now - after,),
    )
    changes = [
        TruthChange(
            device_no=number,
            truth=Truth(truth),
            state=TruthState.UNKNOWN,
            reason="stale",
            since=checked_at + after,
            checked_at=checked_at,
        )
        for number, truth, checked_at in await cursor.fetchall()
    ]
    await record_truths(conn, changes)
    return len(changes)


async def returned(conn: Connection) -> list[int]:
    """Cameras whose life is known again, and of whose pictures nobody has known since the line was dead."""
    cursor = await conn.execute(
        "SELECT t.device_no FROM camera_truth AS t JOIN camera_truth AS r USING (device_no)"
        " WHERE t.truth = 'reachable' AND t.state = 'unknown' AND t.reason IN ('behind', 'site', 'returning')"
        " AND r.truth = 'registered' AND r.state = 'yes'"
    )
    return [number for (number,) in await cursor.fetchall()]


async def retire(conn: Connection) -> int:
    """Of a camera that is out of service nothing is known, from then on: so many truths."""
    cursor = await conn.execute(
        "SELECT t.device_no, t.truth, d.retired_at, t.checked_at"
        " FROM camera_truth AS t JOIN device AS d USING (device_no)"
        " WHERE d.retired_at IS NOT NULL AND t.state <> 'unknown' ORDER BY 1, 2 FOR UPDATE OF t"
    )
    changes = [
        TruthChange(
            device_no=number,
            truth=Truth(truth),
            state=TruthState.UNKNOWN,
            reason="retired",
            since=retired_at,
            checked_at=checked_at,
        )
        for number, truth, retired_at, checked_at in await cursor.fetchall()
    ]
    await record_truths(conn, changes)
    return len(changes)
