"""Availability of cameras over any period: how long each truth held, did not hold, and was not known.

What is stored are the intervals in which a truth did not hold (migration 0151); all other time since a camera is known
it held. So a year over a district is a sum over its troubles, not over its days. Planned maintenance stands apart: what
happened in a window that covers the camera counts in no rate.

Every interval is cut at the bounds of the days that are asked for; days are given as instants, so that one of 23 hours
is 23 hours long.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, LiteralString, TypeAlias

import msgspec

from domain.camera import Truth
from storage.pool import Connection

By: TypeAlias = Literal["district", "township", "site", "camera"]

_GROUPS: dict[By, LiteralString] = {
    "district": "''",
    "township": "s.township",
    "site": "s.site_id",
    "camera": "s.site_id || '/' || d.device_id",
}

#: bounds: the beginnings of the days and the end of the last. Steps: (place of the day, seconds).
_QUERY: LiteralString = """
WITH camera AS MATERIALIZED (
    SELECT d.device_no, d.site_no, {group} AS grp,
           coalesce(d.retired_at, 'infinity') AS gone_at
    FROM device AS d JOIN site AS s USING (site_no)
    WHERE d.kind = 'camera' AND (%(site_id)s::text IS NULL OR s.site_id = %(site_id)s)
      AND (%(township)s::text IS NULL OR s.township = %(township)s)
      AND (%(within)s::text[] IS NULL OR s.site_id = ANY(%(within)s))
), present AS (
    SELECT c.device_no, c.grp, t.truth, greatest(t.known_since, %(since)s) AS b, least(c.gone_at, %(until)s) AS e,
           t.state, greatest(t.since, %(since)s) AS standing_b
    FROM camera AS c JOIN camera_truth AS t USING (device_no)
    WHERE t.truth = ANY(%(truths)s) AND t.known_since < %(until)s AND c.gone_at > %(since)s
), planned AS MATERIALIZED (
    SELECT w.device_no, w.truth, lower(r) AS b, upper(r) AS e
    FROM (
        SELECT p.device_no, p.truth, unnest(range_agg(tstzrange(greatest(w.starts_at, p.b),
               least(w.ends_at, coalesce(w.ended_at, w.ends_at), p.e)))) AS r
        FROM maintenance_window AS w
        JOIN camera AS c ON (w.site_no IS NULL OR w.site_no = c.site_no)
                        AND (w.device_no IS NULL OR w.device_no = c.device_no)
        JOIN present AS p ON p.device_no = c.device_no
        WHERE w.device_kind IN ('', 'camera') AND w.starts_at < %(until)s AND w.ends_at > %(since)s
          AND (w.rule = '' OR w.rule = ANY (CASE p.truth
                WHEN 'good' THEN ARRAY['picture_fault'] WHEN 'decodes' THEN ARRAY['picture_fault']
                ELSE ARRAY['heartbeat_lost', 'camera_offline'] END))
          AND greatest(w.starts_at, p.b) < least(w.ends_at, coalesce(w.ended_at, w.ends_at), p.e)
        GROUP BY p.device_no, p.truth
    ) AS w
), trouble AS (
    SELECT c.device_no, c.grp, i.truth, i.state, greatest(i.began_at, %(since)s) AS b,
           least(i.ended_at, c.gone_at, %(until)s) AS e
    FROM camera_interval AS i JOIN camera AS c USING (device_no)
    WHERE i.truth = ANY(%(truths)s) AND i.ended_at > %(since)s AND i.began_at < %(until)s AND i.began_at < c.gone_at
    UNION ALL
    SELECT device_no, grp, truth, state, standing_b, e FROM present WHERE state <> 'yes' AND standing_b < e
), piece AS (
    SELECT grp, truth, 'present' AS what, b, e FROM present WHERE b < e
    UNION ALL
    SELECT grp, truth, state, b, e FROM trouble
    UNION ALL
    SELECT c.grp, p.truth, 'planned', p.b, p.e FROM planned AS p JOIN camera AS c USING (device_no)
    UNION ALL
    SELECT t.grp, t.truth, 'planned_' || t.state, greatest(t.b, p.b), least(t.e, p.e)
    FROM planned AS p JOIN trouble AS t USING (device_no, truth) WHERE t.b < p.e AND t.e > p.b
), placed AS (
    SELECT grp, truth, what, b, e, width_bucket(b, %(bounds)s) AS first, width_bucket(e, %(bounds)s) AS last FROM piece
), step AS (
    -- One that lies within a day; otherwise what it has of its first day, of its last, and that it lasts from one to
    -- the other.
    SELECT grp, truth, what, first AS day, sum(date_part('epoch', e - b)) AS seconds, 0 AS lasting
    FROM placed WHERE first = last GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT grp, truth, what, first, sum(date_part('epoch', (%(bounds)s)[first + 1] - b)), 0
    FROM placed WHERE first < last GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT grp, truth, what, last, sum(date_part('epoch', e - (%(bounds)s)[last])), 0
    FROM placed WHERE first < last GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT grp, truth, what, first + 1, 0, count(*) FROM placed WHERE first + 1 < last GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT grp, truth, what, last, 0, -count(*) FROM placed WHERE first + 1 < last GROUP BY 1, 2, 3, 4
), day AS (
    SELECT grp, truth, what, day, sum(seconds) AS seconds, sum(lasting) AS lasting FROM step GROUP BY 1, 2, 3, 4
), kind AS (
    SELECT DISTINCT grp, truth, what FROM day
), whole AS (
    SELECT k.grp, k.truth, k.what, n AS day, coalesce(d.seconds, 0)
           + sum(coalesce(d.lasting, 0)) OVER (PARTITION BY k.grp, k.truth, k.what ORDER BY n)
             * date_part('epoch', (%(bounds)s)[n + 1] - (%(bounds)s)[n]) AS seconds
    FROM kind AS k CROSS JOIN generate_series(1, %(days)s) AS n
    LEFT JOIN day AS d ON (d.grp, d.truth, d.what, d.day) = (k.grp, k.truth, k.what, n)
)
SELECT grp, truth, day,
       coalesce(sum(seconds) FILTER (WHERE what = 'present'), 0),
       coalesce(sum(seconds) FILTER (WHERE what = 'no'), 0),
       coalesce(sum(seconds) FILTER (WHERE what = 'unknown'), 0),
       coalesce(sum(seconds) FILTER (WHERE what = 'planned'), 0),
       coalesce(sum(seconds) FILTER (WHERE what = 'planned_no'), 0),
       coalesce(sum(seconds) FILTER (WHERE what = 'planned_unknown'), 0)
FROM whole GROUP BY 1, 2, 3 HAVING sum(seconds) FILTER (WHERE what = 'present') > 0
ORDER BY grp, array_position(%(truths)s, truth), day
"""


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of cameras, added up, outside planned maintenance: in which the truth held, did not, was not known; and
    those within it. ``since`` and ``until``: the day, or the whole period.
    """

    group: str
    truth: Truth
    since: datetime
    until: datetime
    yes_s: float
    no_s: float
    unknown_s: float
    planned_s: float

    @property
    def rate(self) -> float | None:
        """Of the time in which it is known: how much of it the truth held. None: nothing is known."""
        known = self.yes_s + self.no_s
        return self.yes_s / known if known > 0 else None

    @property
    def known(self) -> float | None:
        """Of the time outside maintenance: how much of it is known."""
        total = self.yes_s + self.no_s + self.unknown_s
        return (self.yes_s + self.no_s) / total if total > 0 else None


async def availability(
    conn: Connection,
    bounds: Sequence[datetime],
    *,
    by: By = "district",
    truths: Sequence[Truth] = tuple(Truth),
    site_id: str | None = None,
    township: str | None = None,
    within: Collection[str] | None = None,
) -> list[Availability]:
    """By group, truth and day. ``bounds``: where days begin, and where the last one ends (aware UTC, ascending);
    ``within``: only these sites."""
    cursor = await conn.execute(
        _QUERY.format(group=_GROUPS[by]),
        {
            "bounds": list(bounds),
            "days": len(bounds) - 1,
            "since": bounds[0],
            "until": bounds[-1],
            "truths": [one.value for one in truths],
            "site_id": site_id,
            "township": township,
            "within": None if within is None else list(within),
        },
        prepare=False,  # a plan for any period is a bad one for each
    )
    return [
        Availability(
            group=group,
            truth=Truth(truth),
            since=bounds[day - 1],
            until=bounds[day],
            yes_s=present - planned - (no - planned_no) - (unknown - planned_unknown),
            no_s=no - planned_no,
            unknown_s=unknown - planned_unknown,
            planned_s=planned,
        )
        for group, truth, day, present, no, unknown, planned, planned_no, planned_unknown in await cursor.fetchall()
    ]
