"""Guard posts (护学岗), and who reported what of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.access import Sites
from domain.guard import GuardPost, PostReport
from storage.instants import utc
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.reach import WITHIN, listed
from storage.versions import VersionedTable, get

POSTS = VersionedTable(name="guard_post", fact=GuardPost, key=("site_id", "post_id"))


async def report_post(conn: Connection, report: PostReport, *, at: datetime) -> int:
    """Keep who stood there, as reported; the number of the report.

    :raises UnknownEntry: no such post.
    """
    await get(conn, POSTS, report.site_id, report.post_id)
    cursor = await conn.execute(
        """INSERT INTO post_report (site_id, post_id, at, present, reporter, recorded_at)
           VALUES (%s, %s, %s, %s, %s, %s) RETURNING report_no""",
        (report.site_id, report.post_id, report.at, report.present, report.reporter, at),
    )
    row = await cursor.fetchone()
    assert row is not None
    await notify(conn, NoticeChannel.PREMISES, report.site_id)
    return int(row[0])


async def list_post_reports(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    site_id: str | None = None,
    sites: Sites = None,
    post_id: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[tuple[int, PostReport]]:
    """Reports about [since, until), the last recorded first, each with its number; older than number ``before``."""
    cursor = await conn.execute(
        f"""SELECT report_no, site_id, post_id, at, present, reporter FROM post_report
           WHERE at >= %(since)s AND at < %(until)s AND (%(site)s::text IS NULL OR site_id = %(site)s)
             AND {WITHIN}
             AND (%(post)s::text IS NULL OR post_id = %(post)s)
             AND (%(before)s::bigint IS NULL OR report_no < %(before)s)
           ORDER BY report_no DESC LIMIT %(limit)s""",
        {
            "since": since,
            "until": until,
            "site": site_id,
            "sites": listed(sites),
            "post": post_id,
            "before": before,
            "limit": limit,
        },
    )
    return [(row[0], _report(row[1:])) for row in await cursor.fetchall()]


def _report(row: Sequence[Any]) -> PostReport:
    return PostReport(site_id=row[0], post_id=row[1], at=utc(row[2]), present=row[3], reporter=row[4])
