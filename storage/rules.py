"""Rules as people changed them: versions that are added and never changed; and what of the registry rules go by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from domain.errors import RuleConflict
from domain.site import SiteKind
from storage.audit_trail import append
from storage.notices import NoticeChannel, notify
from storage.pool import Connection


class RuleVersion(msgspec.Struct, frozen=True, kw_only=True):
    """``document`` as it was written. ``at`` is aware UTC; a rule that ships is version 0 and has none."""

    rule: str
    version: int
    document: dict[str, Any]
    enabled: bool
    author: str
    reason: str
    at: datetime | None


_COLUMNS = "rule, version, document, enabled, author, reason, at"


async def newest_versions(conn: Connection) -> list[RuleVersion]:
    """Of each rule that people changed, the version that counts."""
    cursor = await conn.execute(f"SELECT DISTINCT ON (rule) {_COLUMNS} FROM rule_version ORDER BY rule, version DESC")
    return [_version(row) for row in await cursor.fetchall()]


async def rule_names(conn: Connection) -> set[str]:
    """The rules that people have written or changed."""
    cursor = await conn.execute("SELECT DISTINCT rule FROM rule_version")
    return {str(rule) for (rule,) in await cursor.fetchall()}


async def rule_versions(conn: Connection, rule: str) -> list[RuleVersion]:
    """All that people wrote of one rule, the newest first."""
    cursor = await conn.execute(f"SELECT {_COLUMNS} FROM rule_version WHERE rule = %s ORDER BY version DESC", (rule,))
    return [_version(row) for row in await cursor.fetchall()]


async def put_rule(
    conn: Connection,
    rule: str,
    document: dict[str, Any],
    *,
    expected: int,
    enabled: bool = True,
    author: str,
    reason: str,
    at: datetime,
    origin: str = "",
) -> int:
    """Add a version after ``expected``, which the caller has seen (0 = the shipped one, or none); its number.

    The roles are told when the transaction commits.

    :raises RuleConflict: there is a newer one.
    """
    try:
        async with conn.transaction():
            cursor = await conn.execute(
                f"INSERT INTO rule_version ({_COLUMNS}) SELECT %s, %s, %s, %s, %s, %s, %s WHERE %s ="
                " (SELECT coalesce(max(version), 0) FROM rule_version WHERE rule = %s) RETURNING version",
                (rule, expected + 1, Jsonb(document), enabled, author, reason, at, expected, rule),
            )
            row = await cursor.fetchone()
    except UniqueViolation as error:
        raise RuleConflict(f"{rule} was changed in this very moment; look at its newest version") from error
    if row is None:
        cursor = await conn.execute("SELECT coalesce(max(version), 0) FROM rule_version WHERE rule = %s", (rule,))
        newest = await cursor.fetchone()
        raise RuleConflict(f"{rule} is at version {newest[0] if newest else 0}, not at {expected}; look at it first")
    detail = {"version": row[0], "enabled": enabled, "reason": reason}
    await append(conn, at=at, actor=author, action="rule.changed", subject=rule, detail=detail, origin=origin)
    await notify(conn, NoticeChannel.RULES, rule)
    return int(row[0])


def _version(row: tuple[Any, ...]) -> RuleVersion:
    rule, version, document, enabled, author, reason, at = row
    return RuleVersion(
        rule=rule, version=version, document=document, enabled=enabled, author=author, reason=reason, at=at
    )


# -- what rules go by -------------------------------------------------------------------------------------------------


async def load_site_facts(conn: Connection) -> list[tuple[int, str, SiteKind, str]]:
    """Of each site: its number, id, kind, township."""
    cursor = await conn.execute("SELECT site_no, site_id, kind, township FROM site")
    return [(number, site_id, SiteKind(kind), township) for number, site_id, kind, township in await cursor.fetchall()]


async def device_keys(conn: Connection) -> list[str]:
    """All devices in service as rules name them: site_id/device_id."""
    cursor = await conn.execute(
        "SELECT s.site_id || '/' || d.device_id FROM device AS d JOIN site AS s USING (site_no)"
        " WHERE d.retired_at IS NULL ORDER BY 1"
    )
    return [key for (key,) in await cursor.fetchall()]


async def load_spots(conn: Connection) -> list[tuple[int, str, str]]:
    """Of each device in service: its number, place and name, where it has one of them."""
    cursor = await conn.execute(
        "SELECT device_no, place, name FROM device WHERE retired_at IS NULL AND (place <> '' OR name <> '')"
    )
    return await cursor.fetchall()
