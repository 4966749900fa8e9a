"""Cameras as people look at them: how the patrol gets on, and each camera with its truths. Never a credential."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from domain.camera import Truth
from domain.errors import UnknownDevice, UnknownEntry
from storage.camera_truths import TruthView, truths_of
from storage.pool import Connection

Standing: TypeAlias = Literal["any", "faulty", "doubtful", "unknown"]


class ProgressView(msgspec.Struct, frozen=True, kw_only=True):
    """``covered``: looked at within the last cycle. ``oldest_at``: when the one was looked at that waits longest (None:
    one never was, or there is none).
    """

    cameras: int
    covered: int
    doubtful: int
    faulty: int
    never: int
    oldest_at: datetime | None
    newest_at: datetime | None


class CameraView(msgspec.Struct, frozen=True, kw_only=True):
    """``picture_at``: of its newest picture. ``told``: the fault that stands as an incident, "" = none."""

    device_no: int
    site_id: str
    site_name: str
    township: str
    device_id: str
    name: str
    place: str
    way: str
    looked_at: datetime | None
    picture_at: datetime | None
    failures: int
    failure: str
    doubtful: bool
    standing: tuple[str, ...]
    told: str
    light: str
    truths: tuple[TruthView, ...] = ()


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    evidence_id: UUID
    device_no: int
    at: datetime
    fault: str
    light: str
    score: float | None
    bound: float
    region: tuple[float, ...] | None
    removed_at: datetime | None


async def patrol_progress(conn: Connection, *, now: datetime, cycle: timedelta) -> ProgressView:
    cursor = await conn.execute(
        "SELECT count(*), count(*) FILTER (WHERE p.looked_at >= %s), count(*) FILTER (WHERE p.doubtful),"
        " count(*) FILTER (WHERE p.told <> ''), count(*) FILTER (WHERE p.looked_at IS NULL), min(p.looked_at),"
        " max(p.looked_at) FROM camera_source AS c JOIN device AS d USING (device_no)"
        " LEFT JOIN camera_patrol AS p USING (device_no) WHERE d.retired_at IS NULL",
        (now - cycle,),
    )
    row = await cursor.fetchone()
    assert row is not None
    cameras, covered, doubtful, faulty, never, oldest_at, newest_at = row
    return ProgressView(
        cameras=cameras,
        covered=covered,
        doubtful=doubtful,
        faulty=faulty,
        never=never,
        oldest_at=None if never else oldest_at,
        newest_at=newest_at,
    )


_CAMERA = (
    "SELECT d.device_no, s.site_id, s.name, s.township, d.device_id, d.name, d.place, coalesce(c.way, ''), p.looked_at,"
    " p.picture_at, coalesce(p.failures, 0), coalesce(p.failure, ''), coalesce(p.doubtful, false),"
    " coalesce(p.standing, '{}'), coalesce(p.told, ''), coalesce(p.light, '')"
    " FROM device AS d JOIN site AS s USING (site_no) LEFT JOIN camera_source AS c USING (device_no)"
    " LEFT JOIN camera_patrol AS p USING (device_no) WHERE d.kind = 'camera' AND d.retired_at IS NULL"
)
_STANDING: dict[Standing, str] = {
    "any": "",
    "faulty": " AND p.told <> ''",
    "doubtful": " AND p.doubtful",
    "unknown": " AND EXISTS (SELECT FROM camera_truth AS t WHERE t.device_no = d.device_no AND t.state = 'unknown')",
}


async def list_cameras(
    conn: Connection,
    *,
    site_id: str | None = None,
    township: str | None = None,
    standing: Standing = "any",
    patrolled: bool = False,
    within: Collection[str] | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[CameraView]:
    """By (site_id, device_id), with their truths. ``patrolled``: only those whose pictures can be had; ``within``: of
    these sites.
    """
    cursor = await conn.execute(
        f"{_CAMERA}{_STANDING[standing]}{' AND c.way IS NOT NULL' if patrolled else ''}"
        " AND (%(site_id)s::text IS NULL OR s.site_id = %(site_id)s)"
        " AND (%(township)s::text IS NULL OR s.township = %(township)s)"
        " AND (%(within)s::text[] IS NULL OR s.site_id = ANY(%(within)s))"
        " AND (%(after_site)s::text IS NULL OR (s.site_id, d.device_id) > (%(after_site)s, %(after_device)s))"
        " ORDER BY s.site_id, d.device_id LIMIT %(limit)s",
        {
            "site_id": site_id,
            "township": township,
            "within": None if within is None else list(within),
            "after_site": after[0] if after else None,
            "after_device": after[1] if after else None,
            "limit": limit,
        },
    )
    views = [_view(row) for row in await cursor.fetchall()]
    truths = await truths_of(conn, [one.device_no for one in views])
    return [msgspec.structs.replace(one, truths=tuple(truths.get(one.device_no, ()))) for one in views]


async def troubled_cameras(conn: Connection, *, limit: int = 1000) -> list[CameraView]:
    """Those with a fault that people were told of."""
    return await list_cameras(conn, standing="faulty", limit=limit)


async def camera_view(conn: Connection, site_id: str, device_id: str) -> tuple[CameraView, list[Any]]:
    """One camera with its truths, and what its last picture said of each fault.

    :raises UnknownDevice: no camera in service has this id there.
    """
    cursor = await conn.execute(f"{_CAMERA} AND s.site_id = %s AND d.device_id = %s", (site_id, device_id))
    row = await cursor.fetchone()
    if row is None:
        raise UnknownDevice(f"no camera {device_id} in service at {site_id}")
    view = _view(row)
    truths = await truths_of(conn, [view.device_no])
    cursor = await conn.execute("SELECT verdicts FROM camera_patrol WHERE device_no = %s", (view.device_no,))
    found = await cursor.fetchone()
    verdicts = [] if found is None else found[0]
    return msgspec.structs.replace(view, truths=tuple(truths.get(view.device_no, ()))), verdicts


async def evidence_of(conn: Connection, device_no: int, *, limit: int = 50) -> list[EvidenceView]:
    """The newest first."""
    cursor = await conn.execute(
        "SELECT evidence_id, device_no, at, fault, light, score, bound, region, removed_at FROM camera_evidence"
        " WHERE device_no = %s ORDER BY at DESC LIMIT %s",
        (device_no, limit),
    )
    return [_evidence(row) for row in await cursor.fetchall()]


async def evidence_view(conn: Connection, evidence_id: UUID) -> EvidenceView:
    """:raises UnknownEntry: there is none."""
    cursor = await conn.execute(
        "SELECT evidence_id, device_no, at, fault, light, score, bound, region, removed_at FROM camera_evidence"
        " WHERE evidence_id = %s",
        (evidence_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownEntry(f"no evidence {evidence_id}")
    return _evidence(row)


async def intervals_of(
    conn: Connection, device_no: int, *, since: datetime, until: datetime, limit: int = 500
) -> list[tuple[Truth, str, str, datetime, datetime | None]]:
    """When truths did not hold: (truth, state, reason, from, to), the newest first; to None: it stands."""
    cursor = await conn.execute(
        "SELECT truth, state, reason, began_at, ended_at FROM camera_interval"
        " WHERE device_no = %(no)s AND ended_at > %(since)s AND began_at < %(until)s"
        " UNION ALL SELECT truth, state, reason, since, NULL FROM camera_truth"
        " WHERE device_no = %(no)s AND state <> 'yes' AND since < %(until)s"
        " ORDER BY 4 DESC LIMIT %(limit)s",
        {"no": device_no, "since": since, "until": until, "limit": limit},
    )
    return [(Truth(truth), *rest) for truth, *rest in await cursor.fetchall()]


def _view(row: tuple[Any, ...]) -> CameraView:
    number, site_id, site_name, township, device_id, name, place, way, looked_at, picture_at, *rest = row
    failures, failure, doubtful, standing, told, light = rest
    return CameraView(
        device_no=number,
        site_id=site_id,
        site_name=site_name,
        township=township,
        device_id=device_id,
        name=name,
        place=place,
        way=way,
        looked_at=looked_at,
        picture_at=picture_at,
        failures=failures,
        failure=failure,
        doubtful=doubtful,
        standing=tuple(standing),
        told=told,
        light=light,
    )


def _evidence(row: tuple[Any, ...]) -> EvidenceView:
    evidence_id, device_no, at, fault, light, score, bound, region, removed_at = row
    return EvidenceView(
        evidence_id=evidence_id,
        device_no=device_no,
        at=at,
        fault=fault,
        light=light,
        score=score,
        bound=bound,
        region=None if region is None else tuple(region),
        removed_at=removed_at,
    )
