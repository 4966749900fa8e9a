"""Cameras: how the patrol gets on, truths with their proof, pictures, availability."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from dashboards.moments import Moment
from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.people import sites, who
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.routes.compliance import period
from dashboards.schemas import DeviceId, PageReply, SiteId
from dashboards.schemas.cameras import (
    AvailabilitiesReply,
    CameraDetailReply,
    CameraReply,
    LessonBody,
    PatrolReply,
)
from dashboards.services import Services, json_reply
from domain.camera import Truth
from domain.errors import UnknownEntry
from storage.album import Album, Part, read
from storage.audit_trail import append
from storage.availability import Availability, By, availability
from storage.camera_days import by_day, summed
from storage.camera_views import (
    Standing,
    camera_view,
    evidence_of,
    evidence_view,
    intervals_of,
    list_cameras,
    patrol_progress,
)
from storage.cameras import teach
from storage.pool import Connection

_JPEG = "image/jpeg"
#: A thumbnail is worth asking for again after so many seconds.
_FRESH_S = 20
_INTERVALS = timedelta(days=30)
#: Camera by camera is reckoned from intervals: of a site over any time, of the district over a month.
_MOST_OF_ALL_CAMERAS = timedelta(days=31)
_TIMEOUT_S = 20.0

Light = Annotated[str, InPath(pattern=r"^(day|night)$", description="day or night.")]


class _After(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    site_id: str
    device_id: str


def camera_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["patrol"])
    album = None if services.settings.pictures is None else Album(services.settings.pictures)
    jpeg: dict[int | str, dict[str, Any]] = {200: {"description": "A JPEG.", "content": {_JPEG: {}}}}

    async def shown(file: Path | None) -> Response:
        content = None if file is None else await asyncio.to_thread(read, file)
        if content is None:
            raise UnknownEntry("there is no such picture, or its time is over")
        return Response(content, media_type=_JPEG, headers={"cache-control": f"private, max-age={_FRESH_S}"})

    @routes.get(
        "/patrol",
        summary="How the patrol gets on",
        description="Cameras that were looked at within the cycle, doubtful ones, and those with a fault.",
        response_model=PatrolReply,
        responses=problem_responses(503),
    )
    async def get_patrol() -> Response:
        now, cycle_s = services.clock.now(), services.settings.patrol_cycle_s
        progress = await services.reader.read(
            lambda conn: patrol_progress(conn, now=now, cycle=timedelta(seconds=cycle_s))
        )
        told = {"at": now, "cycle_s": cycle_s, "four_eyes": services.settings.patrol_four_eyes}
        return json_reply({**told, **msgspec.structs.asdict(progress)})

    @routes.get(
        "/cameras",
        summary="Cameras and their truths",
        description="Reachable, registered, decodes, good: each yes, no or unknown, with its own time of proof.",
        response_model=PageReply[CameraReply],
        responses=problem_responses(422, 503),
    )
    async def get_cameras(
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        township: Annotated[str | None, Query(max_length=100, description="Of one township.")] = None,
        standing: Annotated[Standing, Query(description="Only those with a fault, in doubt, or not known.")] = "any",
        patrolled: Annotated[bool, Query(description="Only those whose pictures can be had.")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        after, own = decode_cursor(cursor, _After), sites()
        found = await services.reader.read(
            lambda conn: list_cameras(
                conn,
                site_id=site_id,
                township=township,
                standing=standing,
                patrolled=patrolled,
                within=own,
                after=None if after is None else (after.site_id, after.device_id),
                limit=limit + 1,
            )
        )
        return json_reply(page_of(found, limit, lambda last: _After(last.site_id, last.device_id)))

    @routes.get(
        "/cameras/{site_id}/{device_id}",
        summary="A camera",
        description="Its truths, what its last picture said of each fault, the evidence, and when truths did not hold.",
        response_model=CameraDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_camera(site_id: SiteId, device_id: DeviceId) -> Response:
        now = services.clock.now()

        async def query(conn: Connection) -> dict[str, Any]:
            camera, verdicts = await camera_view(conn, site_id, device_id)
            intervals = await intervals_of(conn, camera.device_no, since=now - _INTERVALS, until=now)
            keys = ("truth", "state", "reason", "since", "until")
            return {
                "camera": camera,
                "verdicts": verdicts,
                "evidence": await evidence_of(conn, camera.device_no),
                "intervals": [dict(zip(keys, one, strict=True)) for one in intervals],
            }

        return json_reply(await services.reader.read(query))

    @routes.get(
        "/cameras/{site_id}/{device_id}/picture",
        summary="The newest picture, small",
        description="Show its age beside it: `picture_at` of the camera.",
        response_class=Response,
        responses={**jpeg, **problem_responses(404, 422, 503)},
    )
    async def get_camera_picture(site_id: SiteId, device_id: DeviceId) -> Response:
        camera, _ = await services.reader.read(lambda conn: camera_view(conn, site_id, device_id))
        return await shown(None if album is None else album.newest(camera.device_no))

    @routes.get(
        "/cameras/{site_id}/{device_id}/references/{light}",
        summary="How the camera is known to look",
        description="A good picture by day or by night.",
        response_class=Response,
        responses={**jpeg, **problem_responses(404, 422, 503)},
    )
    async def get_camera_reference(site_id: SiteId, device_id: DeviceId, light: Light) -> Response:
        camera, _ = await services.reader.read(lambda conn: camera_view(conn, site_id, device_id))
        return await shown(None if album is None else album.reference(camera.device_no, light))

    @routes.get(
        "/cameras/{site_id}/{device_id}/evidence/{evidence_id}/{part}",
        summary="Evidence of a diagnosis",
        description="The picture, the reference beside it, or where they differ, in red.",
        response_class=Response,
        responses={**jpeg, **problem_responses(404, 422, 503)},
    )
    async def get_camera_evidence(
        site_id: SiteId,
        device_id: DeviceId,
        evidence_id: Annotated[UUID, InPath(description="Id of the evidence.")],
        part: Annotated[Part, InPath(description="Which of the three.")],
    ) -> Response:
        async def query(conn: Connection) -> datetime:
            camera, _ = await camera_view(conn, site_id, device_id)
            evidence = await evidence_view(conn, evidence_id)
            if evidence.device_no != camera.device_no:
                raise UnknownEntry(f"no evidence {evidence_id} of this camera")
            return evidence.at

        at = await services.reader.read(query)
        return await shown(None if album is None else album.evidence(evidence_id, at, part))

    @routes.post(
        "/cameras/{site_id}/{device_id}/lessons",
        summary="Teach the patrol",
        description="`adopted`: how it looks now is how it is meant to look, and both of its views begin anew;"
        " `rejected`: a fault that stands is none, and the camera's threshold for it rises.",
        response_model=CameraDetailReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def teach_camera(request: Request, site_id: SiteId, device_id: DeviceId, body: LessonBody) -> Response:
        by, now = await who(request, body.actor, workstation=body.workstation), services.clock.now()
        if (body.kind == "rejected") != bool(body.fault):
            raise InvalidField("fault", "belongs to a rejection, and only there")

        async def query(conn: Connection) -> None:
            camera, verdicts = await camera_view(conn, site_id, device_id)
            if body.fault and body.fault not in camera.standing:
                raise InvalidField("fault", "does not stand")
            score = next((one["score"] for one in verdicts if one["fault"] == body.fault), None)
            async with conn.transaction():
                await teach(
                    conn,
                    camera.device_no,
                    body.kind,
                    fault=body.fault,
                    light=camera.light,
                    score=score,
                    actor=by.actor,
                    at=now,
                )
                await append(
                    conn,
                    at=now,
                    actor=by.actor,
                    origin=by.origin,
                    action=f"camera.{body.kind}",
                    subject=f"{site_id}/{device_id}",
                    detail={"fault": body.fault},
                )

        await services.reader.read(query)
        return await get_camera(site_id, device_id)

    @routes.get(
        "/camera-availability",
        summary="Availability of cameras",
        description="How long each truth held in a period, of the time in which it is known; planned maintenance apart."
        " By day: the district's days. Camera by camera over more than 31 days only for a site.",
        response_model=AvailabilitiesReply,
        responses=problem_responses(422, 503),
    )
    async def get_camera_availability(
        since: Annotated[Moment, Query(description="From then on.")],
        until: Annotated[Moment | None, Query(description="Until then; without it until now.")] = None,
        by: Annotated[By, Query(description="What the figures are of.")] = "district",
        truth: Annotated[Truth | None, Query(description="One of the four.")] = None,
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        township: Annotated[str | None, Query(max_length=100, description="Of one township.")] = None,
        days: Annotated[bool, Query(description="Each day by itself.")] = False,
    ) -> Response:
        begin, end = period(since, until, services.clock.now())
        truths, own = tuple(Truth) if truth is None else (truth,), sites()
        if by == "camera" and days:
            raise InvalidField("days", "are not told camera by camera; ask for a site's")
        if by == "camera" and site_id is None and end - begin > _MOST_OF_ALL_CAMERAS:
            raise InvalidField("site_id", "name a site, or at most 31 days")

        async def query(conn: Connection) -> list[Availability]:
            if by == "camera":
                return await availability(
                    conn, [begin, end], by=by, truths=truths, site_id=site_id, township=township, within=own
                )
            found = await by_day(
                conn,
                begin,
                end,
                services.settings.zone,
                by=by,
                truths=truths,
                site_id=site_id,
                township=township,
                within=own,
            )
            return found if days else summed(found)

        found = await services.reader.read(query, timeout_s=_TIMEOUT_S)
        items = [{**msgspec.structs.asdict(one), "rate": one.rate, "known": one.known} for one in found]
        return json_reply({"since": begin, "until": end, "items": items})

    return routes
