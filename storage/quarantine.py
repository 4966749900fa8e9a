"""Reading the messages that were put aside, with their reason."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

import msgspec

from domain.quarantine import Reason
from storage.instants import utc
from storage.pool import Connection

#: Bytes of a payload that are shown; the whole stays in the table.
SHOWN_BYTES = 2048

_LIST: LiteralString = """
SELECT quarantine_no, received_at, topic, site_id, device_id, reason, detail, substring(payload FROM 1 FOR %(shown)s),
       size
FROM quarantine WHERE quarantine_no < %(before)s {reason}
ORDER BY quarantine_no DESC LIMIT %(limit)s
"""


class QuarantineView(msgspec.Struct, frozen=True):
    """``payload`` is text, cut at `SHOWN_BYTES`, with U+FFFD where it is none; ``size`` is of the whole."""

    quarantine_no: int
    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    reason: Reason
    detail: str
    payload: str
    size: int


async def quarantined(
    conn: Connection, *, limit: int, reason: Reason | None = None, before: int = 2**63 - 1
) -> list[QuarantineView]:
    """Newest first."""
    condition: LiteralString = "" if reason is None else "AND reason = %(reason)s"
    cursor = await conn.execute(
        _LIST.format(reason=condition),
        {"shown": SHOWN_BYTES, "before": before, "limit": limit, "reason": reason},
    )
    return [
        QuarantineView(
            number, utc(at), topic, site_id, device_id, Reason(why), detail, payload.decode("utf-8", "replace"), size
        )
        for number, at, topic, site_id, device_id, why, detail, payload, size in await cursor.fetchall()
    ]
