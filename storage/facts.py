"""What verdicts take from sites and devices, in versions beside their tables, for any moment (ADR 0019)."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

import msgspec

from domain.device import DeviceKind
from domain.site import SiteKind
from storage.instants import utc
from storage.pool import Connection


class SiteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A site as the targets see it. ``since``: from when on it was so; ``version``: for an edit."""

    site_no: int
    site_id: str
    kind: SiteKind
    township: str
    pupils: int | None
    boarders: int
    key_site: bool
    since: datetime
    version: int


class NetworkedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device in service that has to be networked with police and education. ``since``: from when on it had to."""

    device_no: int
    site_no: int
    site_id: str
    device_id: str
    name: str
    kind: DeviceKind
    key_place: bool
    since: datetime


async def list_site_facts(
    conn: Connection, *, at: datetime | None = None, site_id: str | None = None
) -> list[SiteFacts]:
    """All sites, or one, as they are now or were at ``at``, by site_id."""
    cursor = await conn.execute(
        """SELECT f.site_no, s.site_id, f.kind, f.township, f.pupils, f.boarders, f.key_site, f.valid_from,
                  f.version_no
           FROM site_fact AS f JOIN site AS s USING (site_no)
           WHERE (%(site)s::text IS NULL OR s.site_id = %(site)s)
             AND CASE WHEN %(at)s::timestamptz IS NULL THEN f.valid_to IS NULL
                      ELSE f.valid_from <= %(at)s AND (f.valid_to IS NULL OR f.valid_to > %(at)s) END
           ORDER BY s.site_id""",
        {"at": at, "site": site_id},
    )
    return [
        SiteFacts(
            site_no=row[0],
            site_id=row[1],
            kind=SiteKind(row[2]),
            township=row[3],
            pupils=row[4],
            boarders=row[5],
            key_site=row[6],
            since=utc(row[7]),
            version=row[8],
        )
        for row in await cursor.fetchall()
    ]


async def list_networked_devices(
    conn: Connection, *, at: datetime | None = None, site_id: str | None = None
) -> list[NetworkedDevice]:
    """What has to be networked now, or had to at ``at``, by (site_id, device_id)."""
    cursor = await conn.execute(
        """SELECT f.device_no, d.site_no, s.site_id, d.device_id, d.name, f.kind, f.key_place, f.valid_from
           FROM networked_device AS f JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)
           WHERE (%(site)s::text IS NULL OR s.site_id = %(site)s)
             AND CASE WHEN %(at)s::timestamptz IS NULL THEN f.valid_to IS NULL
                      ELSE f.valid_from <= %(at)s AND (f.valid_to IS NULL OR f.valid_to > %(at)s) END
           ORDER BY s.site_id, d.device_id""",
        {"at": at, "site": site_id},
    )
    return [
        NetworkedDevice(
            device_no=row[0],
            site_no=row[1],
            site_id=row[2],
            device_id=row[3],
            name=row[4],
            kind=DeviceKind(row[5]),
            key_place=row[6],
            since=utc(row[7]),
        )
        for row in await cursor.fetchall()
    ]


_END_SITES: LiteralString = """
UPDATE site_fact AS f SET valid_to = greatest(%(at)s, f.valid_from)
FROM site AS s
WHERE f.valid_to IS NULL AND s.site_no = f.site_no
  AND (f.kind, f.township, f.pupils, f.boarders, f.key_site)
      IS DISTINCT FROM (s.kind, s.township, s.pupils, s.boarders, s.key_site)
"""

# A version begins where the one before ended, even where the clock was set back meanwhile.
_BEGIN_SITES: LiteralString = """
INSERT INTO site_fact (site_no, kind, township, pupils, boarders, key_site, valid_from)
SELECT s.site_no, s.kind, s.township, s.pupils, s.boarders, s.key_site,
       greatest(%(at)s, (SELECT max(valid_to) FROM site_fact AS f WHERE f.site_no = s.site_no))
FROM site AS s
WHERE NOT EXISTS (SELECT FROM site_fact AS f WHERE f.site_no = s.site_no AND f.valid_to IS NULL)
"""

_HAS_TO_BE: LiteralString = """
d.retired_at IS NULL AND coalesce(d.must_network, d.key_place OR d.kind = 'one_key_alarm')
"""

_END_DEVICES: LiteralString = f"""
UPDATE networked_device AS f SET valid_to = greatest(%(at)s, f.valid_from)
FROM device AS d
WHERE f.valid_to IS NULL AND d.device_no = f.device_no
  AND NOT ({_HAS_TO_BE} AND d.kind = f.kind AND d.key_place = f.key_place)
"""

_BEGIN_DEVICES: LiteralString = f"""
INSERT INTO networked_device (device_no, kind, key_place, valid_from)
SELECT d.device_no, d.kind, d.key_place,
       greatest(%(at)s, (SELECT max(valid_to) FROM networked_device AS f WHERE f.device_no = d.device_no))
FROM device AS d
WHERE {_HAS_TO_BE}
  AND NOT EXISTS (SELECT FROM networked_device AS f WHERE f.device_no = d.device_no AND f.valid_to IS NULL)
"""


async def keep_site_facts(conn: Connection, *, at: datetime) -> None:
    """After a change of sites, in its transaction: end the versions that hold no longer and begin the new ones."""
    await conn.execute(_END_SITES, {"at": at})
    await conn.execute(_BEGIN_SITES, {"at": at})


async def keep_networked_devices(conn: Connection, *, at: datetime) -> None:
    """The same after a change of devices."""
    await conn.execute(_END_DEVICES, {"at": at})
    await conn.execute(_BEGIN_DEVICES, {"at": at})
