"""Devices that speak and that nobody registered: whom quarantine names."""

from __future__ import annotations

from datetime import datetime

import msgspec

from storage.pool import Connection


class UnregisteredDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody nobody registered. ``site_id`` is empty where a maker's topic names no site; ``device_id`` is then the
    address and ``channels`` holds the profile."""

    site_id: str
    device_id: str
    channels: list[str]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


async def list_unregistered(
    conn: Connection, *, after: tuple[str, str] = ("", ""), limit: int | None = 100
) -> list[UnregisteredDevice]:
    """Who is in quarantine for not being registered, and still is not, by (site_id, device_id)."""
    cursor = await conn.execute(
        """SELECT q.site_id, q.device_id, array_agg(DISTINCT q.channel ORDER BY q.channel), count(*),
                  min(q.received_at), max(q.received_at)
           FROM quarantine AS q
           WHERE q.reason IN ('unknown_device', 'unknown_site') AND q.device_id <> ''
             AND (q.site_id, q.device_id) > (%(site)s, %(device)s)
             AND NOT EXISTS (SELECT FROM device AS d JOIN site AS s USING (site_no)
                             WHERE s.site_id = q.site_id AND d.device_id = q.device_id AND d.retired_at IS NULL)
             AND NOT EXISTS (SELECT FROM device AS d
                             WHERE d.profile = q.channel AND d.address = q.device_id AND d.retired_at IS NULL)
           GROUP BY q.site_id, q.device_id ORDER BY q.site_id, q.device_id LIMIT %(limit)s""",
        {"site": after[0], "device": after[1], "limit": limit},
    )
    return [
        UnregisteredDevice(
            site_id=row[0], device_id=row[1], channels=row[2], count=row[3], first_seen_at=row[4], last_seen_at=row[5]
        )
        for row in await cursor.fetchall()
    ]
