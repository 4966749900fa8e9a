"""Is the database there, and which roles have been at work on it lately?"""

from __future__ import annotations

from storage.pool import Connection

#: A role whose connections have all been idle for longer does not count as at work.
AT_WORK_S = 60

# Every connection of ours is named "campuswatch <role> ..." (storage.pool).
_ROLES = """
SELECT DISTINCT split_part(application_name, ' ', 2)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'campuswatch _%%'
  AND (state = 'active' OR state_change > now() - make_interval(secs => %s))
ORDER BY 1
"""


async def roles_at_work(conn: Connection) -> list[str]:
    """The first words of the names under which connections did something in the last `AT_WORK_S` seconds."""
    cursor = await conn.execute(_ROLES, (AT_WORK_S,))
    return [role for (role,) in await cursor.fetchall()]
