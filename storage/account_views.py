"""Accounts as administrators see them: beside what they are, whether anybody is in, and whether it is held up."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from domain.account import AccountView
from domain.lockout import BOUNDS, Count, Failures, held_until
from storage.accounts import COLUMNS, account_of
from storage.instants import utc, utc_or_none
from storage.pool import Connection

_EXTRA = 5


async def account_views(
    conn: Connection, *, now: datetime, idle: timedelta, account_id: str | None = None
) -> list[AccountView]:
    """All, or the one; by account."""
    held = await _held(conn, now=now)
    cursor = await conn.execute(
        f"SELECT {COLUMNS}, a.made_at, a.made_by,"
        " (SELECT max(s.seen_at) FROM session AS s WHERE s.account_id = a.account_id),"
        " (SELECT count(*) FROM session AS s WHERE s.account_id = a.account_id AND s.ended_at IS NULL"
        "  AND s.expires_at > %(now)s AND s.seen_at > %(seen)s),"
        " (SELECT count(*) FROM api_token AS t WHERE t.account_id = a.account_id AND t.revoked_at IS NULL"
        "  AND t.expires_at > %(now)s)"
        " FROM account AS a WHERE %(account)s::text IS NULL OR a.account_id = %(account)s ORDER BY a.account_id",
        {"now": now, "seen": now - idle, "account": account_id},
    )
    views = []
    for row in await cursor.fetchall():
        account = account_of(row[:-_EXTRA])
        made_at, made_by, last_seen_at, sessions, tokens = row[-_EXTRA:]
        views.append(
            AccountView(
                **msgspec.structs.asdict(account),
                made_at=utc(made_at),
                made_by=made_by,
                last_seen_at=utc_or_none(last_seen_at),
                sessions=sessions,
                tokens=tokens,
                held_until=held.get(account.account_id),
            )
        )
    return views


async def _held(conn: Connection, *, now: datetime) -> dict[str, datetime]:
    """Accounts at which the next try has to wait, from one address at least."""
    least = min(BOUNDS[Count.PAIR].free, BOUNDS[Count.ACCOUNT].free)
    cursor = await conn.execute(
        "SELECT key, failures, last_at FROM sign_in_failure"
        " WHERE failures >= %s AND (starts_with(key, 'pair ') OR starts_with(key, 'account '))",
        (least,),
    )
    held: dict[str, datetime] = {}
    for key, failures, last_at in await cursor.fetchall():
        kind, account_id = key.split(" ")[:2]
        until = held_until({Count(kind): Failures(failures, utc(last_at))}, at_home=False, now=now)
        if until is not None:
            held[account_id] = max(until, held.get(account_id, until))
    return held
