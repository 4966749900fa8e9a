"""The ledger: what came in of each site in each hour, and what became of it (docs/adr/0005).

received = stored + rejected + duplicate, by site, lane and the hour in which a message was received. A commit inserts
one row of arrays (`ledger_entry`), in the transaction that stores the observations; `fold` sums them up into
`ledger_hour`, and the view ``ledger`` is both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

from storage.instants import utc
from storage.pool import Connection

#: Rows are counted for the audit where the device's time lies at most so far before the hour of receipt: older ones
#: are few, and to look for them would mean to look through everything.
AUDITED = timedelta(days=2)
#: Entries are folded once they are so old, and kept so long, for people who look for something.
FOLD_AFTER = timedelta(seconds=15)
ENTRIES_KEPT = timedelta(hours=2)

_FOLD_LOCK = 0x63775F6C6467  # "cw_ldg": one process at a time folds
_SLICE = 10_000

_FOLD = """
WITH folded AS (
    UPDATE ledger_entry SET folded = true
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM ledger_entry WHERE NOT folded AND ts < %(before)s LIMIT %(slice)s))
    RETURNING *
), summed AS (
    INSERT INTO ledger_hour AS known (hour, lane, site_no, received, stored, rejected, duplicate, written)
    SELECT coalesce(e.hour, date_bin('1 hour', e.ts, TIMESTAMPTZ '2000-01-01 00:00:00+00')), e.lane, u.site_no,
           sum(u.received), sum(u.stored), sum(u.rejected), sum(u.duplicate),
           CASE WHEN bool_and(u.written IS NOT NULL) THEN sum(u.written) END
    FROM folded AS e,
         LATERAL unnest(e.site_no, e.received, e.stored, e.rejected, e.duplicate, e.written)
             AS u (site_no, received, stored, rejected, duplicate, written)
    GROUP BY 1, 2, 3
    ON CONFLICT (hour, lane, site_no) DO UPDATE
    SET received = known.received + excluded.received, stored = known.stored + excluded.stored,
        rejected = known.rejected + excluded.rejected, duplicate = known.duplicate + excluded.duplicate,
        written = known.written + excluded.written
)
SELECT count(*) FROM folded
"""


class LedgerPage(NamedTuple):
    """What came in of each site in one hour and commit, in observations; ``written`` in rows. Place n of every column
    is about ``site_no[n]``.
    """

    site_no: Sequence[int]
    received: Sequence[int]
    stored: Sequence[int]
    rejected: Sequence[int]
    duplicate: Sequence[int]
    written: Sequence[int]


async def store_ledger(conn: Connection, lane: str, hours: Mapping[datetime, LedgerPage], *, spooled: int = 0) -> None:
    """One row for a commit of ``lane`` and each hour that its messages were received in."""
    for hour, page in hours.items():
        await conn.execute(
            "INSERT INTO ledger_entry"
            " (ts, lane, hour, site_no, received, stored, rejected, duplicate, written, spooled)"
            " VALUES (now(), %s, %s, %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s)",
            (lane, hour, *map(_array, page), spooled),
        )


def _array(numbers: Sequence[int]) -> str:
    """As PostgreSQL writes an array. The driver would go through a province's sites one by one: 2.6 µs a heartbeat."""
    return "{" + msgspec.json.encode(numbers)[1:-1].decode() + "}"


async def first_time(conn: Connection, uids: Sequence[UUID], at: datetime) -> set[UUID]:
    """Those of ``uids`` that were never booked before; they are now."""
    cursor = await conn.execute(
        "INSERT INTO event_key (uid, received_at)"
        " SELECT DISTINCT uid, %s::timestamptz FROM unnest(%s::uuid[]) AS u (uid)"
        " ON CONFLICT DO NOTHING RETURNING uid",
        (at, list(uids)),
    )
    return {row[0] for row in await cursor.fetchall()}


async def fold(conn: Connection, *, now: datetime) -> int:
    """Sum up the entries that are old enough (autocommit connection); how many there were.

    Whatever commits late is folded by the next call: an entry is in the sums or not folded, never both, never neither.
    """
    total = 0
    while True:
        async with conn.transaction():
            cursor = await conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_FOLD_LOCK,))
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return total
            cursor = await conn.execute(_FOLD, {"before": now - FOLD_AFTER, "slice": _SLICE})
            row = await cursor.fetchone()
        folded = int(row[0]) if row else 0
        total += folded
        if folded < _SLICE:
            return total


async def forget_entries(conn: Connection, *, now: datetime) -> int:
    """Delete folded entries past `ENTRIES_KEPT`. The newest of each lane stays: it says when something came last and
    what the journal held.
    """
    cursor = await conn.execute(
        "DELETE FROM ledger_entry WHERE folded AND ts < %s"
        " AND (lane, ts) NOT IN (SELECT lane, max(ts) FROM ledger_entry GROUP BY lane)",
        (now - ENTRIES_KEPT,),
    )
    return cursor.rowcount


# -- looking -----------------------------------------------------------------------------------------------------------


class LedgerSums(msgspec.Struct, frozen=True, gc=False):
    """In observations. ``difference``: received and not accounted for."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    difference: int = 0


class LedgerView(msgspec.Struct, frozen=True, gc=False):
    """One site in one hour. ``site_id`` "" = no known site. ``written``: rows of it that the audit counts (null: not
    counted), ``found``: those that it found in the tables (null: not audited, or asked for one lane alone).
    """

    hour: datetime
    site_id: str
    received: int
    stored: int
    rejected: int
    duplicate: int
    difference: int
    written: int | None
    found: int | None


_NAMES: tuple[LiteralString, ...] = ("received", "stored", "rejected", "duplicate", "difference")
_SUMS: LiteralString = ", ".join(f"coalesce(sum(l.{name}), 0)::bigint AS {name}" for name in _NAMES)
_SUMS_OF_HOUR: LiteralString = ", ".join(
    f"coalesce(sum(l.{name}) FILTER (WHERE l.hour = %(hour)s), 0)::bigint" for name in _NAMES
)
_WHERE: LiteralString = """
FROM ledger AS l LEFT JOIN site AS s USING (site_no)
WHERE l.hour >= %(since)s AND l.hour < %(until)s
  AND (%(lane)s::text IS NULL OR l.lane = %(lane)s)
  AND (%(site_id)s::text IS NULL OR coalesce(s.site_id, '') = %(site_id)s)
"""
_PAGE: LiteralString = f"""
SELECT one.*, CASE WHEN %(lane)s::text IS NULL THEN a.found END
FROM (
    SELECT l.hour, coalesce(s.site_id, '') AS site_id, l.site_no, {_SUMS},
           CASE WHEN bool_and(l.written IS NOT NULL) THEN sum(l.written)::bigint END
    {_WHERE}
      AND (%(before)s::timestamptz IS NULL
           OR l.hour < %(before)s OR (l.hour = %(before)s AND coalesce(s.site_id, '') > %(after)s))
    GROUP BY l.hour, coalesce(s.site_id, ''), l.site_no
) AS one LEFT JOIN ledger_audit AS a USING (hour, site_no)
WHERE NOT %(uneven)s OR one.difference <> 0 OR a.booked <> a.found
ORDER BY one.hour DESC, one.site_id
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChoice:
    """Hours from ``since`` up to and without ``until``; of one lane or site where these are named."""

    since: datetime
    until: datetime
    lane: str | None = None
    site_id: str | None = None

    @property
    def parameters(self) -> dict[str, object]:
        return {"since": self.since, "until": self.until, "lane": self.lane, "site_id": self.site_id}


async def ledger_page(
    conn: Connection,
    choice: LedgerChoice,
    *,
    limit: int,
    uneven: bool = False,
    after: tuple[datetime, str] | None = None,
) -> list[LedgerView]:
    """Newest hour first, then by site; ``after``: hour and site_id of the last line of the page before. ``uneven``:
    only what does not balance.
    """
    before, site_id = after or (None, "")
    cursor = await conn.execute(
        _PAGE, {**choice.parameters, "limit": limit, "uneven": uneven, "before": before, "after": site_id}
    )
    return [LedgerView(utc(hour), site_id, *counts) for hour, site_id, _, *counts in await cursor.fetchall()]


async def ledger_sums(conn: Connection, choice: LedgerChoice) -> LedgerSums:
    cursor = await conn.execute(f"SELECT {_SUMS} {_WHERE}", choice.parameters)
    row = await cursor.fetchone()
    assert row is not None
    return LedgerSums(*row)


class LedgerStatus(msgspec.Struct, frozen=True, gc=False):
    """The books at one glance. ``day``: the last 24 hours with the present one, ``hour``: the present one alone.

    ``unaccounted`` and ``missing_rows`` are without sign, so that two faults never cancel out: observations of the day
    that were received and not accounted for, and rows by which tables and ledger differ. ``audited_until``: the end of
    the newest hour that was held against the tables. ``spooled``: messages in the journals by lane, as of each lane's
    newest commit.
    """

    day: LedgerSums
    hour: LedgerSums
    unaccounted: int
    missing_rows: int
    audited_until: datetime | None
    spooled: dict[str, int]


_STATUS: LiteralString = f"""
SELECT {_SUMS}, {_SUMS_OF_HOUR}, coalesce(sum(abs(l.difference)), 0)::bigint,
       (SELECT coalesce(sum(abs(booked - found)), 0)::bigint FROM ledger_audit WHERE hour >= %(since)s),
       (SELECT max(hour) FROM ledger_audit WHERE hour >= %(since)s)
FROM ledger AS l WHERE l.hour >= %(since)s
"""


async def ledger_status(conn: Connection, now: datetime) -> LedgerStatus:
    hour = now.replace(minute=0, second=0, microsecond=0)
    cursor = await conn.execute(_STATUS, {"hour": hour, "since": hour - timedelta(hours=23)})
    row = await cursor.fetchone()
    assert row is not None
    unaccounted, missing_rows, audited = row[10:]
    return LedgerStatus(
        LedgerSums(*row[:5]),
        LedgerSums(*row[5:10]),
        unaccounted,
        missing_rows,
        None if audited is None else utc(audited) + timedelta(hours=1),
        await spooled(conn),
    )


async def spooled(conn: Connection) -> dict[str, int]:
    """Messages in the journals, by lane, as of each lane's newest commit."""
    cursor = await conn.execute(
        "SELECT DISTINCT ON (lane) lane, coalesce(spooled, 0) FROM ledger_entry ORDER BY lane, ts DESC"
    )
    return {str(lane): int(count) for lane, count in await cursor.fetchall()}
