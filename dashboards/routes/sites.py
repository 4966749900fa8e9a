"""Sites and their devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Response

from dashboards import people
from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, SiteId
from dashboards.schemas.sites import DeviceReply, SiteReply
from dashboards.services import Services, json_reply
from dashboards.wall import wall_of
from storage import sites
from storage.device_views import devices
from storage.pool import Connection
from storage.sites import RegisteredSite
from storage.wall import IngestView, incidents_at_sites, site_counts


class _After(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a list of sites or devices: by id."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]


def site_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/sites", tags=["sites"])

    async def with_tiles(conn: Connection, found: Sequence[RegisteredSite]) -> list[dict[str, Any]]:
        now = services.clock.now()
        wall = wall_of(now, await site_counts(conn, now), await incidents_at_sites(conn), [], IngestView(0, None, 0))
        tiles = {tile.site_id: tile for tile in wall.sites}
        return [{**msgspec.structs.asdict(one.site), "tile": tiles[one.site.site_id]} for one in found]

    @routes.get(
        "",
        summary="Sites",
        description="All registered sites by their id, each with its tile of the wall.",
        response_model=PageReply[SiteReply],
        responses=problem_responses(422, 503),
    )
    async def list_sites(limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = decode_cursor(cursor, _After)

        async def query(conn: Connection) -> list[dict[str, Any]]:
            return await with_tiles(
                conn,
                await sites.list_sites(conn, limit=limit + 1, after=after.id if after else "", sites=people.sites()),
            )

        found = await services.reader.read(query)
        return json_reply(page_of(found, limit, lambda last: _After(last["site_id"])))

    @routes.get(
        "/{site_id}",
        summary="One site",
        description="Address, contact and tile of a site.",
        response_model=SiteReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_site(site_id: SiteId) -> Response:
        async def query(conn: Connection) -> list[dict[str, Any]]:
            return await with_tiles(conn, [await sites.get_site(conn, site_id)])

        (found,) = await services.reader.read(query)
        return json_reply(found)

    @routes.get(
        "/{site_id}/devices",
        summary="Devices of a site",
        description="All devices of a site by their id, without retired ones, with what they last said: connectivity,"
        " battery, newest readings, and the worst incident that is open at them.",
        response_model=PageReply[DeviceReply],
        responses=problem_responses(404, 422, 503),
    )
    async def list_devices(site_id: SiteId, limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = decode_cursor(cursor, _After)
        now = services.clock.now()

        async def query(conn: Connection) -> Response:
            await sites.get_site(conn, site_id)  # raises when there is none
            found = await devices(conn, site_id, now=now, limit=limit + 1, after=after.id if after else "")
            return json_reply(page_of(found, limit, lambda last: _After(last.device_id)))

        return await services.reader.read(query)

    return routes
