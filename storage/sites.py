"""Sites as they are registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.access import Sites
from domain.errors import UnknownSite
from domain.site import Site, SiteKind
from storage.facts import keep_site_facts
from storage.pool import Connection
from storage.reach import WITHIN, listed
from storage.registry import Changes, audited, stage, writing


class RegisteredSite(msgspec.Struct, frozen=True, kw_only=True):
    site_no: int
    site: Site


async def load_site_numbers(conn: Connection) -> dict[str, int]:
    """site_id → site_no of every site."""
    cursor = await conn.execute("SELECT site_id, site_no FROM site")
    return dict(await cursor.fetchall())


async def upsert_sites(conn: Connection, sites: Iterable[Site], *, actor: str, at: datetime) -> Changes:
    """Add what is new, change what differs, touch nothing else.

    :raises RegistryError: a site is given twice or the table refuses a value; nothing was changed.
    """
    async with writing(conn):
        await stage(
            conn,
            """CREATE TEMP TABLE staged_site (
                   site_id text PRIMARY KEY, name text, name_en text, kind text, township text, address text,
                   longitude double precision, latitude double precision, contact_name text, contact_phone text,
                   pupils integer, boarders integer, key_site boolean
               ) ON COMMIT DROP""",
            "COPY staged_site FROM STDIN",
            (
                (
                    site.site_id,
                    site.name,
                    site.name_en,
                    site.kind.value,
                    site.township,
                    site.address,
                    site.longitude,
                    site.latitude,
                    site.contact_name,
                    site.contact_phone,
                    site.pupils,
                    site.boarders,
                    site.key_site,
                )
                for site in sites
            ),
        )
        await conn.execute(
            """CREATE TEMP TABLE site_plan ON COMMIT DROP AS
               SELECT n.site_id, to_jsonb(n) AS after, to_jsonb(o) AS before
               FROM staged_site AS n LEFT JOIN (
                   SELECT site_id, name, name_en, kind, township, address, longitude, latitude, contact_name,
                          contact_phone, pupils, boarders, key_site FROM site
               ) AS o USING (site_id)"""
        )
        await conn.execute(
            """INSERT INTO site (site_id, name, name_en, kind, township, address, longitude, latitude, contact_name,
                                 contact_phone, pupils, boarders, key_site, created_at, updated_at)
               SELECT n.*, %(at)s, %(at)s FROM staged_site AS n JOIN site_plan AS p USING (site_id)
               WHERE p.before IS NULL ORDER BY site_id""",
            {"at": at},
        )
        await conn.execute(
            """UPDATE site AS s
               SET name = n.name, name_en = n.name_en, kind = n.kind, township = n.township, address = n.address,
                   longitude = n.longitude, latitude = n.latitude, contact_name = n.contact_name,
                   contact_phone = n.contact_phone, pupils = n.pupils, boarders = n.boarders, key_site = n.key_site,
                   updated_at = %(at)s
               FROM staged_site AS n JOIN site_plan AS p USING (site_id)
               WHERE s.site_id = n.site_id AND p.before IS NOT NULL AND p.before <> p.after""",
            {"at": at},
        )
        await keep_site_facts(conn, at=at)
        changes = await audited(
            conn,
            """WITH entry AS (
                   INSERT INTO audit_entry (at, actor, origin, action, subject, detail)
                   SELECT %(at)s, %(actor)s, %(origin)s,
                          CASE WHEN before IS NULL THEN 'site.added' ELSE 'site.changed' END,
                          site_id, difference.detail
                   FROM site_plan, LATERAL (
                       SELECT jsonb_object_agg(key, jsonb_build_array(before -> key, value)) AS detail
                       FROM jsonb_each(after) WHERE before -> key IS DISTINCT FROM value
                   ) AS difference
                   WHERE before IS NULL OR before <> after
                   RETURNING action
               )
               SELECT count(*) FILTER (WHERE action = 'site.added'),
                      count(*) FILTER (WHERE action = 'site.changed'),
                      (SELECT count(*) FROM site_plan) - count(*)
               FROM entry""",
            actor,
            at,
        )
        await conn.execute("DROP TABLE site_plan, staged_site")
    return changes


async def list_sites(
    conn: Connection, *, after: str = "", limit: int | None = 100, sites: Sites = None
) -> list[RegisteredSite]:
    """Sites by site_id, from behind ``after``, no other than ``sites``; ``limit=None`` = all."""
    cursor = await conn.execute(
        f"""SELECT site_no, site_id, name, name_en, kind, township, address, longitude, latitude, contact_name,
                  contact_phone, pupils, boarders, key_site
           FROM site WHERE site_id > %(after)s AND {WITHIN} ORDER BY site_id LIMIT %(limit)s""",
        {"after": after, "limit": limit, "sites": listed(sites)},
    )
    return [_site(row) for row in await cursor.fetchall()]


async def get_site(conn: Connection, site_id: str) -> RegisteredSite:
    """:raises UnknownSite: no such site."""
    cursor = await conn.execute(
        """SELECT site_no, site_id, name, name_en, kind, township, address, longitude, latitude, contact_name,
                  contact_phone, pupils, boarders, key_site
           FROM site WHERE site_id = %s""",
        (site_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownSite(f"no such site: {site_id}")
    return _site(row)


def _site(row: Sequence[Any]) -> RegisteredSite:
    return RegisteredSite(
        site_no=row[0],
        site=Site(
            site_id=row[1],
            name=row[2],
            name_en=row[3],
            kind=SiteKind(row[4]),
            township=row[5],
            address=row[6],
            longitude=row[7],
            latitude=row[8],
            contact_name=row[9],
            contact_phone=row[10],
            pupils=row[11],
            boarders=row[12],
            key_site=row[13],
        ),
    )
