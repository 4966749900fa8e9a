"""What called operators in a period, how soon they answered, and what stands open. Bounded by period and indexes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.operator_load import ANSWER_S, CHATTERING_TIMES, SLOT, STALE_AFTER, Answers, BadActor
from storage.instants import utc
from storage.pool import Connection

_CALLS = (
    " FROM incident_entry AS e WHERE e.kind IN ('raised', 'raised_again', 'repeated')"
    " AND e.kind <> 'repeated' AND e.at >= %(since)s AND e.at < %(until)s"
)

_CHATTERING = """
SELECT count(DISTINCT incident_id) FROM (
    SELECT e.incident_id FROM incident_entry AS e
    WHERE e.kind IN ('raised', 'raised_again', 'repeated') AND e.at >= %(since)s AND e.at < %(until)s
    GROUP BY e.incident_id, date_trunc('minute', e.at)
    HAVING sum(coalesce((e.detail ->> 'times')::bigint, 1)) >= %(times)s
) AS minute
"""

_BAD_ACTORS = """
SELECT i.rule, i.site_id, i.device_id, sum(called.calls)::bigint AS calls
FROM (
    SELECT e.incident_id, count(*) AS calls FROM incident_entry AS e
    WHERE e.kind IN ('raised', 'raised_again', 'repeated') AND e.kind <> 'repeated'
      AND e.at >= %(since)s AND e.at < %(until)s
    GROUP BY e.incident_id
) AS called JOIN incident AS i USING (incident_id)
GROUP BY 1, 2, 3 ORDER BY calls DESC, 1, 2, 3 LIMIT %(most)s
"""

_ANSWERS = """
SELECT count(*), count(answered.at),
       count(*) FILTER (WHERE answered.at - i.raised_at <= make_interval(secs => %(soon)s)),
       count(*) FILTER (WHERE answered.at - i.raised_at <= make_interval(secs => %(late)s)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered.at - i.raised_at))
           FILTER (WHERE answered.at IS NOT NULL)
FROM incident AS i
LEFT JOIN LATERAL (
    SELECT e.at FROM incident_entry AS e
    WHERE e.incident_id = i.incident_id AND e.kind = 'acknowledged' ORDER BY e.entry_no LIMIT 1
) AS answered ON true
WHERE i.raised_at >= %(since)s AND i.raised_at < %(until)s AND i.severity_rank <= 1
"""

_STANDING = """
SELECT count(*), count(*) FILTER (WHERE raised_at < %(old)s), count(*) FILTER (WHERE shelved_until IS NOT NULL),
       count(*) FILTER (WHERE state IN ('raised', 'returned'))
FROM incident WHERE state IN ('raised', 'acknowledged', 'returned', 'normal')
"""


class StandingLoad(NamedTuple):
    """Of the open incidents at this moment."""

    open: int
    stale: int
    shelved: int
    unanswered: int


async def calls_by_slot(conn: Connection, *, since: datetime, until: datetime) -> dict[datetime, int]:
    """Calls by the beginning of their slot, counted from ``since``."""
    cursor = await conn.execute(
        f"SELECT date_bin(%(slot)s, e.at, %(since)s), count(*) {_CALLS} GROUP BY 1",
        {"slot": SLOT, "since": since, "until": until},
    )
    return {utc(start): calls for start, calls in await cursor.fetchall()}


async def operators_of(conn: Connection, *, since: datetime, until: datetime) -> int:
    """How many people acknowledged incidents that were raised in the period; at least 1."""
    cursor = await conn.execute(
        "SELECT count(DISTINCT acknowledged_by) FROM incident WHERE raised_at >= %s AND raised_at < %s"
        " AND acknowledged_by <> 'system'",
        (since, until),
    )
    row = await cursor.fetchone()
    return max(1, int(row[0])) if row else 1


async def chattering(conn: Connection, *, since: datetime, until: datetime) -> int:
    """Incidents that were reported `CHATTERING_TIMES` times or more within a minute of the clock."""
    cursor = await conn.execute(_CHATTERING, {"since": since, "until": until, "times": CHATTERING_TIMES})
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def bad_actors(conn: Connection, *, since: datetime, until: datetime, total: int, most: int) -> list[BadActor]:
    """Those that called most often; ``total`` is what their shares are of."""
    cursor = await conn.execute(_BAD_ACTORS, {"since": since, "until": until, "most": most})
    return [
        BadActor(rule=rule, site_id=site_id, device_id=device_id, calls=calls, share=calls / max(1, total))
        for rule, site_id, device_id, calls in await cursor.fetchall()
    ]


async def answers(conn: Connection, *, since: datetime, until: datetime) -> Answers:
    soon, late = ANSWER_S
    cursor = await conn.execute(_ANSWERS, {"since": since, "until": until, "soon": soon, "late": late})
    row = await cursor.fetchone()
    assert row is not None
    return Answers(calls=row[0], acknowledged=row[1], within_30_s=row[2], within_60_s=row[3], median_s=row[4])


async def standing_load(conn: Connection, *, now: datetime) -> StandingLoad:
    cursor = await conn.execute(_STANDING, {"old": now - STALE_AFTER})
    row = await cursor.fetchone()
    assert row is not None
    return StandingLoad(*row)
