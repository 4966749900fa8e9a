"""The audit: does what the ledger says was written stand in the tables?

Ledger and rows are written in one transaction and compared in one snapshot, so they agree at every moment, whatever is
committed late, comes again or is worked off from a journal. An hour is audited once it is complete, and again when
something was booked for it since. One pass over the rows of an hour, found by their time of receipt.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from domain.ledger import LedgerDifference
from storage.instants import utc
from storage.ledger import AUDITED
from storage.pool import Connection

#: How far back hours are audited and differences are looked for. Retention takes nothing that is so young.
LOOK_BACK = timedelta(hours=24)
#: An hour is left in peace for so long after its end: what is under way then is mostly through.
SETTLING = timedelta(minutes=5)
#: An hour that takes longer is given up: the audit must not cost the house its database.
PATIENCE_S = 60

_DUE = """
SELECT l.hour
FROM ledger AS l LEFT JOIN ledger_audit AS a USING (hour, site_no)
WHERE l.hour >= %(since)s AND l.hour < %(until)s
GROUP BY l.hour
HAVING bool_and(l.written IS NOT NULL)
   AND (bool_or(a.hour IS NULL) OR sum(l.written) <> (
        SELECT sum(booked) FROM ledger_audit AS known WHERE known.hour = l.hour))
ORDER BY l.hour
"""

_AUDIT = """
WITH booked AS (
    SELECT site_no, sum(written)::bigint AS booked FROM ledger WHERE hour = %(hour)s GROUP BY site_no
), found AS (
    SELECT coalesce(d.site_no, 0) AS site_no, sum(one.found)::bigint AS found
    FROM (
        SELECT device_no, count(*) AS found FROM heartbeat
        WHERE received_at >= %(hour)s AND received_at < %(end)s AND ts >= %(oldest)s GROUP BY device_no
        UNION ALL
        SELECT device_no, count(*) FROM reading
        WHERE received_at >= %(hour)s AND received_at < %(end)s AND ts >= %(oldest)s GROUP BY device_no
        UNION ALL
        SELECT device_no, count(*) FROM event
        WHERE received_at >= %(hour)s AND received_at < %(end)s AND ts >= %(oldest)s GROUP BY device_no
    ) AS one LEFT JOIN device AS d USING (device_no)
    GROUP BY 1
)
INSERT INTO ledger_audit AS known (hour, site_no, booked, found, audited_at)
SELECT %(hour)s, site_no, coalesce(booked, 0), coalesce(found, 0), %(now)s
FROM booked FULL JOIN found USING (site_no)
ON CONFLICT (hour, site_no) DO UPDATE
SET booked = excluded.booked, found = excluded.found, audited_at = excluded.audited_at
"""

_DIFFERENCES = """
SELECT hour, site_no, coalesce(s.site_id, ''), coalesce(l.received, 0), coalesce(l.stored, 0),
       coalesce(l.rejected, 0), coalesce(l.duplicate, 0), coalesce(a.booked, 0), coalesce(a.found, 0)
FROM (
    SELECT hour, site_no, sum(received)::bigint AS received, sum(stored)::bigint AS stored,
           sum(rejected)::bigint AS rejected, sum(duplicate)::bigint AS duplicate
    FROM ledger WHERE hour >= %(since)s GROUP BY hour, site_no
) AS l
FULL JOIN (SELECT * FROM ledger_audit WHERE hour >= %(since)s) AS a USING (hour, site_no)
LEFT JOIN site AS s USING (site_no)
WHERE l.received <> l.stored + l.rejected + l.duplicate OR a.booked <> a.found
ORDER BY hour, site_no
"""


async def hours_due(conn: Connection, *, now: datetime, given_up: Collection[datetime] = ()) -> list[datetime]:
    """Complete hours that were not audited as they now stand; none that an earlier version counted a part of."""
    cursor = await conn.execute("SELECT max(hour) FROM ledger WHERE hour >= %s AND written IS NULL", (now - LOOK_BACK,))
    row = await cursor.fetchone()
    since = now - LOOK_BACK if row is None or row[0] is None else max(now - LOOK_BACK, row[0] + timedelta(hours=1))
    until = (now - SETTLING).replace(minute=0, second=0, microsecond=0)
    cursor = await conn.execute(_DUE, {"since": since, "until": until})
    return [hour for (found,) in await cursor.fetchall() if (hour := utc(found)) not in given_up]


async def audit_hour(conn: Connection, hour: datetime, *, now: datetime) -> None:
    """Count the rows of ``hour`` and keep what was found (autocommit connection)."""
    async with conn.transaction():
        await conn.execute(f"SET LOCAL statement_timeout = '{PATIENCE_S}s'")
        await conn.execute(
            _AUDIT, {"hour": hour, "end": hour + timedelta(hours=1), "oldest": hour - AUDITED, "now": now}
        )


async def differences(conn: Connection, *, now: datetime) -> list[LedgerDifference]:
    """Every site and hour of the last `LOOK_BACK` whose books do not balance."""
    since = (now - LOOK_BACK).replace(minute=0, second=0, microsecond=0)
    cursor = await conn.execute(_DIFFERENCES, {"since": since})
    return [
        LedgerDifference(
            hour=utc(hour),
            site_no=site_no,
            site_id=site_id,
            received=received,
            stored=stored,
            rejected=rejected,
            duplicate=duplicate,
            booked=booked,
            found=found,
        )
        for hour, site_no, site_id, received, stored, rejected, duplicate, booked, found in await cursor.fetchall()
    ]
