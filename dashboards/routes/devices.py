"""All devices as one table, and one device with its past."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from dashboards.moments import Moment
from dashboards.people import sites
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import DeviceId, SiteId, Text
from dashboards.schemas.devices import DeviceLinesReply, DevicePastReply
from dashboards.schemas.sites import DeviceReply
from dashboards.services import Services, json_reply
from domain.device import DeviceKind
from domain.errors import UnknownDevice
from storage.device_list import DeviceFilter, Order, count_devices, device_lines
from storage.device_past import device_past
from storage.device_views import device
from storage.pool import Connection

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=400)


def device_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["sites"])

    @routes.get(
        "/devices",
        summary="All devices",
        description="Any stretch of the table of all devices in service, by its offset; `trouble` puts those that are"
        " offline first, the newest trouble first.",
        response_model=DeviceLinesReply,
        responses=problem_responses(422, 503),
    )
    async def list_all_devices(
        text: Annotated[Text | None, Query(max_length=100, description="Part of an id, a name or a place.")] = None,
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        township: Annotated[Text | None, Query(max_length=100, description="Of one township.")] = None,
        kind: Annotated[DeviceKind | None, Query(description="Of one kind.")] = None,
        connectivity: Annotated[
            Literal["online", "offline", "unknown"] | None, Query(description="Of one connectivity.")
        ] = None,
        order: Annotated[Order, Query(description="By site and id, or trouble first.")] = "place",
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="Rows before the stretch.")] = 0,
        limit: Annotated[int, Query(ge=1, le=500, description="Rows of the stretch.")] = 100,
    ) -> Response:
        only = DeviceFilter(
            site_id=site_id,
            sites=sites(),
            township=township,
            kind=kind,
            connectivity=connectivity,
            text=text or None,
        )

        async def query(conn: Connection) -> dict[str, Any]:
            counts = await count_devices(conn, only)
            return {
                "total": sum(counts.values()) if connectivity is None else counts[connectivity],
                "offset": offset,
                "counts": counts,
                "items": await device_lines(conn, only, order=order, offset=offset, limit=limit),
            }

        return json_reply(await services.reader.read(query))

    @routes.get(
        "/sites/{site_id}/devices/{device_id}",
        summary="One device",
        description="With what it last said, as in the list of its site.",
        response_model=DeviceReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_device(site_id: SiteId, device_id: DeviceId) -> Response:
        now = services.clock.now()
        found = await services.reader.read(lambda conn: device(conn, site_id, device_id, now=now))
        if found is None:
            raise UnknownDevice(f"no device {device_id} in service at site {site_id}")
        return json_reply(found)

    @routes.get(
        "/sites/{site_id}/devices/{device_id}/past",
        summary="One device over a time",
        description="Readings and heartbeats in steps that a chart can show, what it reported, and its incidents; the"
        " last 24 hours without `since`. Heartbeats are kept for eight days.",
        response_model=DevicePastReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_device_past(
        site_id: SiteId,
        device_id: DeviceId,
        since: Annotated[Moment | None, Query(description="From this moment.")] = None,
        until: Annotated[Moment | None, Query(description="To this moment; left out: now.")] = None,
    ) -> Response:
        end = until or services.clock.now()
        begin = since or end - _DAY
        if not begin < end:
            raise InvalidField("since", "must be before until")
        if end - begin > _LONGEST:
            raise InvalidField("since", f"at most {_LONGEST.days} days")
        found = await services.reader.read(lambda conn: device_past(conn, site_id, device_id, since=begin, until=end))
        if found is None:
            raise UnknownDevice(f"no device {device_id} in service at site {site_id}")
        return json_reply(found)

    return routes
