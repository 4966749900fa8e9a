"""What was put aside, and devices that speak without being registered."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.paging import Cursor, Limit, RowNumber, decode_cursor, page_of
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import DeviceId, PageReply, SiteId
from dashboards.schemas.quarantine import AdoptBody, QuarantineReply, ReplayBody, ReplayReply, UnregisteredReply
from dashboards.schemas.sites import DeviceReply
from dashboards.services import Services, json_reply
from domain.errors import UnknownDevice
from domain.quarantine import Reason
from storage.device_views import device
from storage.instants import utc
from storage.quarantine import QuarantineFilter, quarantined
from storage.unregistered import list_unregistered

_Name = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00]*\Z")]


#: Seconds that a thousand messages may take, with the whole registry read for them.
REPLAY_TIMEOUT_S = 30.0


def _text(field: str, value: str | None) -> str | None:
    if value is not None and "\x00" in value:
        raise InvalidField(field, "must not hold NUL characters")
    return value


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: RowNumber


class _AfterSpeaker(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    site_id: _Name
    device_id: _Name


def quarantine_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["quarantine"])

    @routes.get(
        "/quarantine",
        summary="Messages put aside",
        description="Newest first, each with the reason why it was not taken.",
        response_model=PageReply[QuarantineReply],
        responses=problem_responses(422, 503),
    )
    async def list_quarantine(
        reason: Annotated[Reason | None, Query(description="Of one reason.")] = None,
        site_id: Annotated[str | None, Query(max_length=128, description="As its topic names it.")] = None,
        device_id: Annotated[str | None, Query(max_length=128, description="As its topic names it.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        before = decode_cursor(cursor, _Before) or _Before(2**63 - 1)
        only = QuarantineFilter(
            reason=reason, site_id=_text("site_id", site_id), device_id=_text("device_id", device_id)
        )
        found = await services.reader.read(
            lambda conn: quarantined(conn, limit=limit + 1, only=only, before=before.number)
        )
        return json_reply(page_of(found, limit, lambda last: _Before(last.quarantine_no)))

    @routes.post(
        "/quarantine/replay",
        summary="Replay messages that were put aside",
        description="Decode them once more, with the registry and profiles of today, and store what they say under"
        " their own time. No alarm is raised and nobody is called; alarms among them are listed. Goes on with `after`.",
        response_model=ReplayReply,
        responses=problem_responses(403, 409, 413, 422, 503),
    )
    async def replay_quarantine(body: ReplayBody) -> Response:
        only = QuarantineFilter(
            reason=body.reason,
            site_id=body.site_id,
            device_id=body.device_id,
            since=body.since,
            until=body.until,
        )
        work = services.replayer.replay(
            only, after=body.after, limit=body.limit, dry_run=body.dry_run, actor=body.actor
        )
        return json_reply(await services.reader.within(work, timeout_s=REPLAY_TIMEOUT_S))

    @routes.get(
        "/unregistered",
        summary="Devices that nobody registered",
        description="Who spoke without being registered, by site and device; each can be adopted.",
        response_model=PageReply[UnregisteredReply],
        responses=problem_responses(422, 503),
    )
    async def list_unregistered_devices(limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = decode_cursor(cursor, _AfterSpeaker) or _AfterSpeaker("", "")
        found = await services.reader.read(
            lambda conn: list_unregistered(conn, limit=limit + 1, after=(after.site_id, after.device_id))
        )
        inutc = [
            msgspec.structs.replace(one, first_seen_at=utc(one.first_seen_at), last_seen_at=utc(one.last_seen_at))
            for one in found
        ]
        return json_reply(page_of(inutc, limit, lambda last: _AfterSpeaker(last.site_id, last.device_id)))

    @routes.post(
        "/unregistered/{site_id}/{device_id}/adopt",
        summary="Adopt a device",
        description="Register a device that speaks already, and answer it as it now stands. One that speaks a maker's"
        " format is listed without a site: site and id are of your choice, its channel is the `profile` and its listed"
        " id the `address`.",
        response_model=DeviceReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def adopt_device(site_id: SiteId, device_id: DeviceId, body: AdoptBody) -> Response:
        await services.reader.within(
            services.registrar.adopt(
                site_id,
                device_id,
                body.kind,
                body.name,
                body.place,
                body.actor,
                parent_id=body.parent_id,
                profile=body.profile,
                address=body.address,
            )
        )
        now = services.clock.now()
        found = await services.reader.read(lambda conn: device(conn, site_id, device_id, now=now))
        if found is None:
            raise UnknownDevice(f"no device {site_id}/{device_id}")
        return json_reply(found)

    return routes
