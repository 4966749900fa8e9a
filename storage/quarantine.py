"""The messages that were put aside, with their reason: read, taken out to be replayed, kept within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from domain.quarantine import Reason
from storage.audit_trail import append
from storage.instants import utc, utc_or_none
from storage.pool import Connection

#: Bytes of a payload that are shown; the whole stays in the table.
SHOWN_BYTES = 2048
#: Messages kept, and bytes of their payloads. Whoever has most of them loses the oldest of his first, see
#: `trim_quarantine`.
MOST_QUARANTINED = 100_000
MOST_QUARANTINED_BYTES = 1024 * 1024 * 1024

_FILTER: LiteralString = """
    (%(reason)s::text IS NULL OR reason = %(reason)s)
AND (%(site_id)s::text IS NULL OR site_id = %(site_id)s)
AND (%(device_id)s::text IS NULL OR device_id = %(device_id)s)
AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
"""

_VIEW: LiteralString = """
SELECT quarantine_no, received_at, topic, site_id, device_id, reason, detail, substring(payload FROM 1 FOR %(shown)s),
       size, size > octet_length(payload), replayed_at
FROM quarantine
"""

# Fair over sites, and over the devices of each: places are dealt in rounds, one to each site a round and within it one
# to each device, the newest first; every 4 KiB are one round more. So nobody's evidence is pushed out while somebody
# else has more of his own.
_TRIM: LiteralString = """
DELETE FROM quarantine WHERE quarantine_no IN (
    SELECT quarantine_no FROM (
        SELECT quarantine_no, row_number() OVER dealt AS place, sum(bytes) OVER dealt AS bytes
        FROM (
            SELECT quarantine_no, bytes, row_number() OVER of_site + sum(bytes) OVER of_site / 4096 AS site_round
            FROM (
                SELECT q.quarantine_no, coalesce(s.site_no, 0) AS site_no, octet_length(q.payload) AS bytes,
                       row_number() OVER of_device + sum(octet_length(q.payload)) OVER of_device / 4096 AS device_round
                FROM quarantine AS q LEFT JOIN site AS s ON s.site_id = q.site_id
                WINDOW of_device AS (PARTITION BY coalesce(s.site_no, 0), q.device_id
                                     ORDER BY q.replayed_at IS NOT NULL, q.quarantine_no DESC)
            ) AS by_device
            WINDOW of_site AS (PARTITION BY site_no ORDER BY device_round, quarantine_no DESC)
        ) AS by_site
        WINDOW dealt AS (ORDER BY site_round, quarantine_no DESC)
    ) AS placed
    WHERE place > %(most)s OR bytes > %(most_bytes)s
)
"""


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages; None = any. ``since`` and ``until`` (exclusive) are times of receipt."""

    reason: Reason | None = None
    site_id: str | None = None
    device_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self)


class QuarantineView(msgspec.Struct, frozen=True):
    """``payload`` is text, cut at `SHOWN_BYTES`, with U+FFFD where it is none; ``size`` is of the whole. ``cut``: the
    table itself does not hold the whole, so that it cannot be replayed.
    """

    quarantine_no: int
    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    reason: Reason
    detail: str
    payload: str
    size: int
    cut: bool
    replayed_at: datetime | None


class Held(msgspec.Struct, frozen=True):
    """A message as it was put aside."""

    quarantine_no: int
    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    channel: str
    reason: Reason
    detail: str
    payload: bytes
    size: int

    @property
    def cut(self) -> bool:
        return self.size > len(self.payload)


ANY = QuarantineFilter()


async def quarantined(
    conn: Connection, *, limit: int, only: QuarantineFilter = ANY, before: int = 2**63 - 1
) -> list[QuarantineView]:
    """Newest first."""
    cursor = await conn.execute(
        f"{_VIEW} WHERE quarantine_no < %(before)s AND {_FILTER} ORDER BY quarantine_no DESC LIMIT %(limit)s",
        {"shown": SHOWN_BYTES, "before": before, "limit": limit, **only.parameters},
    )
    return [_view(row) for row in await cursor.fetchall()]


async def quarantined_message(conn: Connection, quarantine_no: int, *, shown: int) -> QuarantineView | None:
    """One message, with up to ``shown`` bytes of its payload."""
    cursor = await conn.execute(f"{_VIEW} WHERE quarantine_no = %(number)s", {"shown": shown, "number": quarantine_no})
    row = await cursor.fetchone()
    return None if row is None else _view(row)


def _view(row: Sequence[Any]) -> QuarantineView:
    number, at, topic, site_id, device_id, why, detail, payload, size, cut, replayed_at = row
    return QuarantineView(
        number,
        utc(at),
        topic,
        site_id,
        device_id,
        Reason(why),
        detail,
        payload.decode("utf-8", "replace"),
        size,
        cut,
        utc_or_none(replayed_at),
    )


async def hold(conn: Connection, *, only: QuarantineFilter, after: int, limit: int) -> list[Held]:
    """The oldest messages behind number ``after`` that were not replayed, locked until the transaction ends. What
    another transaction holds is left out.
    """
    cursor = await conn.execute(
        "SELECT quarantine_no, received_at, topic, site_id, device_id, channel, reason, detail, payload, size"
        f" FROM quarantine WHERE replayed_at IS NULL AND quarantine_no > %(after)s AND {_FILTER}"
        " ORDER BY quarantine_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
        {"after": after, "limit": limit, **only.parameters},
    )
    return [
        Held(number, utc(at), topic, site_id, device_id, channel, Reason(why), detail, payload, size)
        for number, at, topic, site_id, device_id, channel, why, detail, payload, size in await cursor.fetchall()
    ]


async def mark_replayed(
    conn: Connection, numbers: Sequence[int], *, at: datetime, actor: str, subject: str, detail: dict[str, Any]
) -> None:
    """These were replayed; the audit says by whom."""
    await conn.execute(
        "UPDATE quarantine SET replayed_at = %s WHERE quarantine_no = ANY(%s)",
        (at, list(numbers)),
    )
    await append(conn, at=at, actor=actor, action="quarantine.replayed", subject=subject, detail=detail)


async def trim_quarantine(conn: Connection) -> int:
    """Bring the quarantine back to `MOST_QUARANTINED` and `MOST_QUARANTINED_BYTES`; how many messages went.

    The newest of each device stay longest, and those that were replayed go before those that were not. A device or site
    that floods it only pushes out its own.
    """
    cursor = await conn.execute("SELECT count(*), coalesce(sum(octet_length(payload)), 0) FROM quarantine")
    row = await cursor.fetchone()
    if row is None or (row[0] <= MOST_QUARANTINED and row[1] <= MOST_QUARANTINED_BYTES):
        return 0
    cursor = await conn.execute(_TRIM, {"most": MOST_QUARANTINED, "most_bytes": MOST_QUARANTINED_BYTES})
    return cursor.rowcount
