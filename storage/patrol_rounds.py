"""Rounds of the patrol officer, what was said in them, and the hazards that follow (migration 0152)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from domain.camera import NO_PICTURE, Truth
from domain.errors import RoundRefused, UnknownRound
from domain.patrol_round import (
    MEND_WITHIN,
    Candidate,
    Hazard,
    ItemVerdict,
    RoundKind,
    check_recheck,
    check_verdict,
    chosen,
    hazard_found,
    hazard_over,
    hazard_overdue,
)
from storage.audit_trail import append
from storage.cameras import teach
from storage.findings import store_findings
from storage.pool import Connection
from storage.sites import get_site

_LATE: LiteralString = (
    " AND h.struck_at IS NULL AND h.cleared_at IS NULL AND h.overdue_told_at IS NULL AND h.due_at <= %(now)s"
    " FOR UPDATE OF h"
)
#: What only a person saw, only a person sees mended.
_MENDED: LiteralString = (
    " AND h.struck_at IS NULL AND h.cleared_at IS NULL AND EXISTS ("
    "  SELECT FROM camera_truth AS t JOIN camera_patrol AS p USING (device_no)"
    "  WHERE t.device_no = h.device_no AND t.truth = %(good)s AND t.state = 'yes' AND t.proved_at > h.found_at"
    "  AND NOT p.standing @> ARRAY[h.fault])"
    " AND NOT EXISTS (SELECT FROM patrol_item AS i WHERE i.hazard_no = h.hazard_no AND i.verdict = 'missed')"
    " FOR UPDATE OF h"
)


class RoundView(msgspec.Struct, frozen=True, kw_only=True):
    """``items`` in all, ``judged`` of them."""

    round_no: int
    kind: RoundKind
    site_id: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None
    items: int
    judged: int


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """``fault`` "" = a picture without a diagnosis. ``score`` and ``light`` as they were when the round began."""

    round_no: int
    place: int
    device_no: int
    site_id: str
    site_name: str
    device_id: str
    device_name: str
    device_place: str
    fault: str
    light: str
    score: float | None
    evidence_id: UUID | None
    picture_at: datetime | None
    verdict: ItemVerdict | None
    found: str
    note: str
    judged_at: datetime | None
    judged_by: str | None
    hazard_no: int | None


async def start_round(
    conn: Connection, kind: RoundKind, *, site_id: str = "", size: int, actor: str, at: datetime, origin: str = ""
) -> int:
    """The number of the new round; its items are what stands now.

    :raises UnknownSite: :raises RoundRefused: there is nothing to look at, or a site is missing.
    """
    if kind is RoundKind.SITE and not site_id:
        raise RoundRefused("site_id: say which site")
    if site_id:
        await get_site(conn, site_id)
    async with conn.transaction():
        cursor = await conn.execute(
            "INSERT INTO patrol_round (kind, site_no, started_at, started_by)"
            " VALUES (%s, (SELECT site_no FROM site WHERE site_id = %s), %s, %s) RETURNING round_no",
            (kind.value, site_id, at, actor),
        )
        row = await cursor.fetchone()
        assert row is not None
        number = int(row[0])
        picked = chosen(await _candidates(conn, site_id), kind, size=size, seed=number)
        if not picked:
            raise RoundRefused("no camera is patrolled there, or none is doubtful")
        items = [(one.device_no, fault) for one in picked for fault in (one.faults or ("",))]
        await conn.execute(
            "INSERT INTO patrol_item (round_no, place, device_no, fault, light, score, evidence_id, picture_at)"
            " SELECT %s, u.place, u.device_no, u.fault, coalesce(p.light, ''),"
            " (SELECT (v->>'score')::float8 FROM jsonb_array_elements(p.verdicts) AS v WHERE v->>'fault' = u.fault),"
            " (SELECT e.evidence_id FROM camera_evidence AS e WHERE e.device_no = u.device_no AND e.fault = u.fault"
            "   ORDER BY e.at DESC LIMIT 1), p.picture_at"
            " FROM unnest(%s::int[], %s::int[], %s::text[]) AS u (place, device_no, fault)"
            " LEFT JOIN camera_patrol AS p USING (device_no)",
            (number, list(range(1, len(items) + 1)), [no for no, _ in items], [fault for _, fault in items]),
        )
        await append(
            conn,
            at=at,
            actor=actor,
            origin=origin,
            action="patrol_round.started",
            subject=str(number),
            detail={"kind": kind.value, "site_id": site_id, "items": len(items)},
        )
    return number


async def end_round(conn: Connection, round_no: int, *, actor: str, at: datetime) -> None:
    """What nobody judged stays so. Ending it again does nothing.

    :raises UnknownRound: there is none.
    """
    await get_round(conn, round_no)
    await conn.execute(
        "UPDATE patrol_round SET ended_at = %s, ended_by = %s WHERE round_no = %s AND ended_at IS NULL",
        (at, actor, round_no),
    )


async def judge(
    conn: Connection,
    round_no: int,
    place: int,
    verdict: ItemVerdict,
    *,
    found: str = "",
    note: str = "",
    actor: str,
    at: datetime,
    origin: str = "",
) -> ItemView:
    """Write down what a person said of an item, and what follows: a hazard, a lesson. Said once.

    :raises UnknownRound: there is no such item. :raises RoundRefused: it is no answer here, was given already, or the
        round has ended.
    """
    async with conn.transaction():
        await conn.execute("SELECT FROM patrol_item WHERE round_no = %s AND place = %s FOR UPDATE", (round_no, place))
        item = await get_item(conn, round_no, place)
        if (await get_round(conn, round_no)).ended_at is not None:
            raise RoundRefused("the round has ended")
        if item.verdict is not None:
            raise RoundRefused(f"{item.judged_by} has said {item.verdict.value} already")
        check_verdict(item.fault, verdict, found, note)
        hazard_no = None
        if verdict in (ItemVerdict.CONFIRMED, ItemVerdict.MISSED):
            hazard_no = await _hazard(conn, item, found or item.fault, actor=actor, at=at)
        elif verdict is ItemVerdict.REJECTED and item.fault != NO_PICTURE:
            await teach(
                conn,
                item.device_no,
                "rejected",
                fault=item.fault,
                light=item.light,
                score=item.score,
                actor=actor,
                at=at,
            )
        await conn.execute(
            "UPDATE patrol_item SET verdict = %s, found = %s, note = %s, judged_at = %s, judged_by = %s, hazard_no = %s"
            " WHERE round_no = %s AND place = %s",
            (verdict.value, found, note, at, actor, hazard_no, round_no, place),
        )
        await append(
            conn,
            at=at,
            actor=actor,
            origin=origin,
            action=f"patrol_item.{verdict.value}",
            subject=f"{item.site_id}/{item.device_id}",
            detail={"round_no": round_no, "place": place, "fault": found or item.fault},
        )
        return await get_item(conn, round_no, place)


async def strike_off(
    conn: Connection, hazard_no: int, *, note: str, four_eyes: bool, actor: str, at: datetime, origin: str = ""
) -> Hazard:
    """A person has seen that it is mended (销号). ``four_eyes``: another one than who found it (复核).

    :raises UnknownRound: there is no such hazard. :raises RoundRefused: it is struck off, the same person
        found it, or the patrol has not seen the picture good again and no note says why it is over all the same.
    """
    async with conn.transaction():
        await conn.execute("SELECT FROM camera_hazard WHERE hazard_no = %s FOR UPDATE", (hazard_no,))
        (hazard,) = await hazards(conn, hazard_no=hazard_no) or (None,)
        if hazard is None:
            raise UnknownRound(f"no hazard {hazard_no}")
        if hazard.struck_at is not None:
            raise RoundRefused(f"{hazard.struck_by} has struck it off already")
        check_recheck(hazard.found_by, actor, four_eyes=four_eyes)
        if hazard.cleared_at is None and not note.strip():
            raise RoundRefused("note: the patrol has not seen a good picture since; say why it is over")
        await conn.execute(
            "UPDATE camera_hazard SET struck_at = %s, struck_by = %s, note = %s WHERE hazard_no = %s",
            (at, actor, note, hazard_no),
        )
        if hazard.cleared_at is None:
            await store_findings(conn, [hazard_over(hazard, at)])
        await append(
            conn,
            at=at,
            actor=actor,
            origin=origin,
            action="camera_hazard.struck_off",
            subject=f"{hazard.site_id}/{hazard.device_id}",
            detail={"hazard_no": hazard_no, "fault": hazard.fault, "note": note},
        )
        (struck,) = await hazards(conn, hazard_no=hazard_no)
        return struck


async def follow_hazards(conn: Connection, now: datetime) -> int:
    """Tell of those whose time is over, and of those whose picture is good again: so many."""
    async with conn.transaction():
        late = await hazards(conn, where=_LATE, now=now)
        for hazard in late:
            await store_findings(conn, hazard_overdue(hazard, now))
        await conn.execute(
            "UPDATE camera_hazard SET overdue_told_at = %s WHERE hazard_no = ANY(%s)",
            (now, [one.hazard_no for one in late]),
        )
        mended = await hazards(conn, where=_MENDED, now=now)
        await store_findings(conn, [hazard_over(hazard, now) for hazard in mended])
        await conn.execute(
            "UPDATE camera_hazard SET cleared_at = %s WHERE hazard_no = ANY(%s)",
            (now, [one.hazard_no for one in mended]),
        )
    return len(late) + len(mended)


async def get_round(conn: Connection, round_no: int) -> RoundView:
    """:raises UnknownRound: there is none."""
    found = await _rounds(conn, "WHERE r.round_no = %s", (round_no,))
    if not found:
        raise UnknownRound(f"no round {round_no}")
    return found[0]


async def list_rounds(conn: Connection, *, before: int | None, limit: int) -> list[RoundView]:
    """The newest first."""
    return await _rounds(
        conn, "WHERE %s::bigint IS NULL OR r.round_no < %s ORDER BY r.round_no DESC LIMIT %s", (before, before, limit)
    )


async def get_item(conn: Connection, round_no: int, place: int) -> ItemView:
    """:raises UnknownRound: there is none."""
    found = await _items(conn, "i.round_no = %s AND i.place = %s", (round_no, place))
    if not found:
        raise UnknownRound(f"no item {place} in round {round_no}")
    return found[0]


async def items_of(conn: Connection, round_no: int) -> list[ItemView]:
    return await _items(conn, "i.round_no = %s", (round_no,))


async def judged_items(conn: Connection, *, since: datetime, until: datetime) -> list[ItemView]:
    """All that was judged in a period."""
    return await _items(conn, "i.judged_at >= %s AND i.judged_at < %s", (since, until))


async def hazards(
    conn: Connection,
    *,
    hazard_no: int | None = None,
    site_id: str | None = None,
    within: Collection[str] | None = None,
    only_open: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
    where: LiteralString = "",
    now: datetime | None = None,
) -> list[Hazard]:
    """The newest first. ``where``: a condition of this module's own."""
    cursor = await conn.execute(
        "SELECT h.hazard_no, h.device_no, s.site_no, s.site_id, d.device_id, h.fault,"
        " coalesce(h.evidence_id::text, ''), h.found_at, h.found_by, h.due_at, h.overdue_told_at, h.cleared_at,"
        " h.struck_at, h.struck_by, h.note"
        " FROM camera_hazard AS h JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
        " WHERE (%(no)s::bigint IS NULL OR h.hazard_no = %(no)s)"
        " AND (%(site_id)s::text IS NULL OR s.site_id = %(site_id)s)"
        " AND (%(within)s::text[] IS NULL OR s.site_id = ANY(%(within)s))"
        " AND (NOT %(only_open)s OR h.struck_at IS NULL)"
        " AND (%(since)s::timestamptz IS NULL OR h.found_at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR h.found_at < %(until)s)"
        + (where or " ORDER BY h.hazard_no DESC LIMIT %(limit)s"),
        {
            "no": hazard_no,
            "site_id": site_id,
            "within": None if within is None else list(within),
            "only_open": only_open,
            "since": since,
            "until": until,
            "limit": limit,
            "now": now,
            "good": Truth.GOOD.value,
        },
    )
    return [
        Hazard(
            hazard_no=row[0],
            device_no=row[1],
            site_no=row[2],
            site_id=row[3],
            device_id=row[4],
            fault=row[5],
            evidence_id=row[6],
            found_at=row[7],
            found_by=row[8],
            due_at=row[9],
            overdue_told_at=row[10],
            cleared_at=row[11],
            struck_at=row[12],
            struck_by=row[13],
            note=row[14],
        )
        for row in await cursor.fetchall()
    ]


# -- ------------------------------------------------------------------------------------------------------------------


async def _candidates(conn: Connection, site_id: str) -> list[Candidate]:
    cursor = await conn.execute(
        "SELECT d.device_no, coalesce(p.standing, '{}'), coalesce(p.told, ''), coalesce(p.doubtful, false),"
        " (SELECT max(i.judged_at) FROM patrol_item AS i WHERE i.device_no = d.device_no AND i.judged_at IS NOT NULL)"
        " FROM camera_source AS c JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
        " LEFT JOIN camera_patrol AS p USING (device_no)"
        " WHERE d.retired_at IS NULL AND (%(site)s = '' OR s.site_id = %(site)s)",
        {"site": site_id},
    )
    return [
        Candidate(
            device_no=number,
            # Without a picture there is none to judge but that there is none.
            faults=(told,) if told and told not in standing else tuple(standing),
            doubtful=doubtful,
            judged_at=judged_at,
        )
        for number, standing, told, doubtful, judged_at in await cursor.fetchall()
    ]


async def _hazard(conn: Connection, item: ItemView, fault: str, *, actor: str, at: datetime) -> int:
    """The open one of this camera and fault, or a new one that the site is told of."""
    cursor = await conn.execute(
        "INSERT INTO camera_hazard (device_no, fault, evidence_id, found_at, found_by, due_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (device_no, fault) WHERE struck_at IS NULL DO NOTHING"
        " RETURNING hazard_no",
        (item.device_no, fault, item.evidence_id, at, actor, at + MEND_WITHIN),
    )
    row = await cursor.fetchone()
    if row is None:
        cursor = await conn.execute(
            "SELECT hazard_no FROM camera_hazard WHERE device_no = %s AND fault = %s AND struck_at IS NULL",
            (item.device_no, fault),
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])
    (hazard,) = await hazards(conn, hazard_no=row[0])
    await store_findings(conn, [hazard_found(hazard)])
    return int(row[0])


async def _rounds(conn: Connection, where: str, given: Sequence[Any]) -> list[RoundView]:
    cursor = await conn.execute(
        "SELECT r.round_no, r.kind, coalesce(s.site_id, ''), r.started_at, r.started_by, r.ended_at, r.ended_by,"
        " c.items, c.judged FROM patrol_round AS r LEFT JOIN site AS s USING (site_no), LATERAL ("
        " SELECT count(*) AS items, count(i.verdict) AS judged FROM patrol_item AS i WHERE i.round_no = r.round_no"
        f") AS c {where}",
        given,
    )
    return [
        RoundView(
            round_no=number,
            kind=RoundKind(kind),
            site_id=site_id,
            started_at=started_at,
            started_by=started_by,
            ended_at=ended_at,
            ended_by=ended_by,
            items=items,
            judged=judged,
        )
        for number, kind, site_id, started_at, started_by, ended_at, ended_by, items, judged in await cursor.fetchall()
    ]


async def _items(conn: Connection, where: str, given: Sequence[Any]) -> list[ItemView]:
    cursor = await conn.execute(
        "SELECT i.round_no, i.place, i.device_no, s.site_id, s.name, d.device_id, d.name, d.place, i.fault, i.light,"
        " i.score, i.evidence_id, i.picture_at, i.verdict, i.found, i.note, i.judged_at, i.judged_by, i.hazard_no"
        " FROM patrol_item AS i JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
        f" WHERE {where} ORDER BY i.round_no, i.place",
        given,
    )
    return [
        ItemView(
            round_no=row[0],
            place=row[1],
            device_no=row[2],
            site_id=row[3],
            site_name=row[4],
            device_id=row[5],
            device_name=row[6],
            device_place=row[7],
            fault=row[8],
            light=row[9],
            score=row[10],
            evidence_id=row[11],
            picture_at=row[12],
            verdict=None if row[13] is None else ItemVerdict(row[13]),
            found=row[14],
            note=row[15],
            judged_at=row[16],
            judged_by=row[17],
            hazard_no=row[18],
        )
        for row in await cursor.fetchall()
    ]
