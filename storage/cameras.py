"""Cameras of the patrol: where their pictures come from, how their patrol stands, what is remembered (migration 0151).

Passwords are sealed with a key that the database does not have; `load_cameras` alone opens them all, for the role that
uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from domain.camera import CameraSource, PatrolledCamera, Way
from domain.errors import SealBroken, UnknownDevice
from domain.liveness import Connectivity, Reason
from domain.sealing import Seal
from storage.audit_trail import append
from storage.notices import NoticeChannel, notify
from storage.pool import Connection


class PatrolState(msgspec.Struct, frozen=True, kw_only=True):
    """How the patrol of one camera stands. ``failures`` in a row since ``failing_since``; ``standing``: faults that
    were raised, gravest first; ``told``: the one that people were told of, "" = none.
    """

    device_no: int
    looked_at: datetime | None = None
    picture_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    failure: str = ""
    doubtful: bool = False
    standing: tuple[str, ...] = ()
    told: str = ""
    light: str = ""
    verdicts: Sequence[Any] = ()


class CameraLife(msgspec.Struct, frozen=True, kw_only=True):
    """What the bulk lane knows of a camera and of what it hangs on. None: never heard."""

    life: Connectivity | None
    reason: Reason
    parent: Connectivity | None


class WaitingLesson(msgspec.Struct, frozen=True, kw_only=True):
    lesson_no: int
    device_no: int
    kind: str
    fault: str
    light: str
    score: float | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` in bytes, of all its files; ``bound``: the score from which on the picture was suspect."""

    evidence_id: UUID
    device_no: int
    at: datetime
    fault: str
    light: str
    score: float | None
    bound: float
    region: tuple[float, float, float, float] | None
    size: int


async def put_source(
    conn: Connection,
    site_id: str,
    device_id: str,
    source: CameraSource | None,
    *,
    seal: Seal,
    actor: str,
    at: datetime,
    origin: str = "",
) -> bool:
    """Set where a camera's pictures come from, None = it is not patrolled any more; whether that changed anything.

    An empty password leaves the one that is known, where the user name stays the same.

    :raises UnknownDevice: no camera in service has this id there. :raises SealBroken: the known password is to stay and
        cannot be read.
    """
    cursor = await conn.execute(
        "SELECT d.device_no, c.way, c.url, c.username, c.password, c.sealed"
        " FROM device AS d JOIN site AS s USING (site_no) LEFT JOIN camera_source AS c USING (device_no)"
        " WHERE s.site_id = %s AND d.device_id = %s AND d.kind = 'camera' AND d.retired_at IS NULL"
        " FOR NO KEY UPDATE OF d",
        (site_id, device_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownDevice(f"no camera {device_id} in service at {site_id}")
    number, way, url, username, plain, sealed = row
    if source is None:
        if way is None:
            return False
        await conn.execute("DELETE FROM camera_source WHERE device_no = %s", (number,))
    else:
        password = source.password
        if not password and way is not None and username == source.username:
            password = _opened(seal, number, way, url, username, plain, sealed)
        same = (way, url, username) == (source.way.value, source.url, source.username)
        if same and not plain and password == _known(seal, number, way, url, username, sealed):
            return False
        await conn.execute(
            "INSERT INTO camera_source (device_no, way, url, username, sealed, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (device_no) DO UPDATE SET way = excluded.way,"
            " url = excluded.url, username = excluded.username, password = '', sealed = excluded.sealed,"
            " updated_at = excluded.updated_at",
            (
                number,
                source.way.value,
                source.url,
                source.username,
                seal.sealed(password, _about(number, source.way.value, source.url, source.username))
                if password
                else None,
                at,
            ),
        )
    told = {"way": source.way.value, "url": source.url, "username": source.username} if source else {}
    await append(
        conn,
        at=at,
        actor=actor,
        origin=origin,
        action="camera_source.changed",
        subject=f"{site_id}/{device_id}",
        detail={"after": told},
    )
    await notify(conn, NoticeChannel.REGISTRY)
    return True


async def seal_passwords(conn: Connection, seal: Seal) -> int:
    """Seal what stands open from an earlier version, and anew what was sealed with a former key: so many."""
    changed = 0
    async with conn.transaction():
        cursor = await conn.execute(
            "SELECT device_no, way, url, username, password, sealed FROM camera_source"
            " WHERE password <> '' OR sealed IS NOT NULL ORDER BY device_no FOR UPDATE"
        )
        for number, way, url, username, plain, sealed in await cursor.fetchall():
            if not plain and seal.mine(sealed):
                continue
            try:
                password = _opened(seal, number, way, url, username, plain, sealed)
            except SealBroken:
                continue  # `load_cameras` counts them
            await conn.execute(
                "UPDATE camera_source SET password = '', sealed = %s WHERE device_no = %s",
                (seal.sealed(password, _about(number, way, url, username)), number),
            )
            changed += 1
    return changed


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """``shut``: cameras whose password cannot be read, (site_id, device_id). Nobody can look at them."""

    cameras: list[PatrolledCamera]
    shut: list[tuple[str, str]]


async def load_cameras(conn: Connection, seal: Seal) -> Enrolled:
    """All cameras in service whose pictures can be had, with their credentials."""
    cursor = await conn.execute(
        "SELECT d.device_no, d.site_no, s.site_id, d.device_id, d.parent_no, c.way, c.url, c.username, c.password,"
        " c.sealed, p.looked_at, coalesce(p.doubtful, false)"
        " FROM camera_source AS c JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
        " LEFT JOIN camera_patrol AS p USING (device_no)"
        " WHERE d.kind = 'camera' AND d.retired_at IS NULL ORDER BY d.device_no"
    )
    found, shut = [], []
    for (
        number,
        site_no,
        site_id,
        device_id,
        parent_no,
        way,
        url,
        username,
        plain,
        sealed,
        *rest,
    ) in await cursor.fetchall():
        try:
            password = _opened(seal, number, way, url, username, plain, sealed)
        except SealBroken:
            shut.append((site_id, device_id))
            continue
        looked_at, doubtful = rest
        found.append(
            PatrolledCamera(
                device_no=number,
                site_no=site_no,
                site_id=site_id,
                device_id=device_id,
                parent_no=parent_no,
                source=CameraSource(way=Way(way), url=url, username=username, password=password),
                looked_at=looked_at,
                doubtful=doubtful,
            )
        )
    return Enrolled(cameras=found, shut=shut)


async def list_sources(conn: Connection) -> list[tuple[str, str, CameraSource]]:
    """(site_id, device_id, source) of all, without passwords."""
    cursor = await conn.execute(
        "SELECT s.site_id, d.device_id, c.way, c.url, c.username"
        " FROM camera_source AS c JOIN device AS d USING (device_no) JOIN site AS s USING (site_no)"
        " WHERE d.kind = 'camera' AND d.retired_at IS NULL ORDER BY d.device_no"
    )
    return [
        (site_id, device_id, CameraSource(way=Way(way), url=url, username=username))
        for site_id, device_id, way, url, username in await cursor.fetchall()
    ]


def _about(device_no: int, way: str, url: str, username: str) -> str:
    """What a password belongs to: to no other camera, and to no other address."""
    return "\n".join((str(device_no), way, url, username))


def _known(seal: Seal, device_no: int, way: str, url: str, username: str, sealed: bytes | None) -> str | None:
    """None: it cannot be read, and is another one whatever it is."""
    try:
        return _opened(seal, device_no, way, url, username, "", sealed)
    except SealBroken:
        return None


def _opened(seal: Seal, device_no: int, way: str, url: str, username: str, plain: str, sealed: bytes | None) -> str:
    if sealed is None:
        return plain
    return seal.opened(bytes(sealed), _about(device_no, way, url, username))


async def load_patrol(conn: Connection, device_no: int) -> tuple[PatrolState, bytes]:
    """How the patrol of a camera stands, and what is remembered of its pictures (empty: nothing)."""
    cursor = await conn.execute(
        "SELECT p.looked_at, p.picture_at, p.failures, p.failing_since, p.failure, p.doubtful, p.standing, p.told,"
        " p.light, p.verdicts, m.memory FROM camera_patrol AS p LEFT JOIN camera_memory AS m USING (device_no)"
        " WHERE p.device_no = %s",
        (device_no,),
    )
    row = await cursor.fetchone()
    if row is None:
        return PatrolState(device_no=device_no), b""
    looked_at, picture_at, failures, since, failure, doubtful, standing, told, light, verdicts, memory = row
    state = PatrolState(
        device_no=device_no,
        looked_at=looked_at,
        picture_at=picture_at,
        failures=failures,
        failing_since=since,
        failure=failure,
        doubtful=doubtful,
        standing=tuple(standing),
        told=told,
        light=light,
        verdicts=verdicts,
    )
    return state, b"" if memory is None else bytes(memory)


async def forsaken_cameras(conn: Connection) -> list[PatrolledCamera]:
    """Those that people were told of and that nobody patrols any more: out of service, or without a source."""
    cursor = await conn.execute(
        "SELECT d.device_no, d.site_no, s.site_id, d.device_id"
        " FROM camera_patrol AS p JOIN device AS d USING (device_no)"
        " JOIN site AS s USING (site_no) LEFT JOIN camera_source AS c USING (device_no)"
        " WHERE p.told <> '' AND (c.device_no IS NULL OR d.retired_at IS NOT NULL)"
    )
    nowhere = CameraSource(way=Way.PUSH)
    return [
        PatrolledCamera(device_no=number, site_no=site_no, site_id=site_id, device_id=device_id, source=nowhere)
        for number, site_no, site_id, device_id in await cursor.fetchall()
    ]


async def store_patrol(conn: Connection, state: PatrolState, memory: bytes | None) -> None:
    """``memory`` None: as it was."""
    await conn.execute(
        "INSERT INTO camera_patrol (device_no, looked_at, picture_at, failures, failing_since, failure, doubtful,"
        " standing, told, light, verdicts) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (device_no) DO UPDATE SET looked_at = excluded.looked_at, picture_at = excluded.picture_at,"
        " failures = excluded.failures, failing_since = excluded.failing_since, failure = excluded.failure,"
        " doubtful = excluded.doubtful, standing = excluded.standing, told = excluded.told, light = excluded.light,"
        " verdicts = excluded.verdicts",
        (
            state.device_no,
            state.looked_at,
            state.picture_at,
            state.failures,
            state.failing_since,
            state.failure,
            state.doubtful,
            list(state.standing),
            state.told,
            state.light,
            Jsonb(msgspec.to_builtins(state.verdicts)),
        ),
    )
    if memory is not None:
        await conn.execute(
            "INSERT INTO camera_memory (device_no, memory) VALUES (%s, %s)"
            " ON CONFLICT (device_no) DO UPDATE SET memory = excluded.memory",
            (state.device_no, memory),
        )


async def life_of(conn: Connection, device_no: int) -> CameraLife:
    cursor = await conn.execute(
        "SELECT s.connectivity, s.reason, s.last_seen_at, p.connectivity, p.last_seen_at FROM device AS d"
        " LEFT JOIN device_state AS s USING (device_no) LEFT JOIN device_state AS p ON p.device_no = d.parent_no"
        " WHERE d.device_no = %s",
        (device_no,),
    )
    row = await cursor.fetchone()
    if row is None:
        return CameraLife(life=None, reason=Reason.NONE, parent=None)
    connectivity, reason, seen_at, parent, parent_seen_at = row
    # Unknown for nothing but never having been heard says nothing.
    life = None if connectivity is None or (seen_at is None and not reason) else Connectivity(connectivity)
    above = None if parent is None or parent_seen_at is None else Connectivity(parent)
    return CameraLife(life=life, reason=Reason(reason or ""), parent=above)


async def store_evidence(conn: Connection, evidence: Sequence[Evidence]) -> None:
    for one in evidence:
        await conn.execute(
            "INSERT INTO camera_evidence (evidence_id, device_no, at, fault, light, score, bound, region, size)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                one.evidence_id,
                one.device_no,
                one.at,
                one.fault,
                one.light,
                one.score,
                one.bound,
                None if one.region is None else list(one.region),
                one.size,
            ),
        )


async def evidence_to_remove(conn: Connection, *, before: datetime, most_bytes: int) -> list[tuple[UUID, datetime]]:
    """What is too old, and the oldest of what is too much: (evidence_id, at)."""
    cursor = await conn.execute(
        "SELECT evidence_id, at FROM (SELECT evidence_id, at, sum(size) OVER (ORDER BY at DESC, evidence_id) AS kept"
        " FROM camera_evidence WHERE removed_at IS NULL) AS e WHERE at < %s OR kept > %s ORDER BY at LIMIT 5000",
        (before, most_bytes),
    )
    return await cursor.fetchall()


async def mark_removed(conn: Connection, evidence_ids: Sequence[UUID], at: datetime) -> None:
    await conn.execute(
        "UPDATE camera_evidence SET removed_at = %s WHERE evidence_id = ANY(%s)", (at, list(evidence_ids))
    )


async def waiting_lessons(conn: Connection, *, limit: int = 100) -> list[WaitingLesson]:
    cursor = await conn.execute(
        "SELECT lesson_no, device_no, kind, fault, light, score FROM camera_lesson WHERE taken_at IS NULL"
        " ORDER BY lesson_no LIMIT %s",
        (limit,),
    )
    return [
        WaitingLesson(lesson_no=no, device_no=device_no, kind=kind, fault=fault, light=light, score=score)
        for no, device_no, kind, fault, light, score in await cursor.fetchall()
    ]


async def lesson_taken(conn: Connection, lesson_no: int, at: datetime) -> None:
    await conn.execute("UPDATE camera_lesson SET taken_at = %s WHERE lesson_no = %s", (at, lesson_no))


async def teach(
    conn: Connection,
    device_no: int,
    kind: str,
    *,
    fault: str = "",
    light: str = "",
    score: float | None = None,
    actor: str,
    at: datetime,
) -> None:
    """Leave a lesson for the patrol: ``rejected`` (that was no fault) or ``adopted`` (so it is meant to look)."""
    await conn.execute(
        "INSERT INTO camera_lesson (device_no, kind, fault, light, score, given_at, given_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (device_no, kind, fault, light, score, at, actor),
    )
    await notify(conn, NoticeChannel.PATROL)
