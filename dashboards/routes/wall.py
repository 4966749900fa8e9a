"""The live wall at one moment."""

from __future__ import annotations

from fastapi import APIRouter, Response

from dashboards.people import sites
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.wall import WallReply
from dashboards.services import Services, json_reply
from dashboards.wall import WallSnapshot, aside_at, wall_of, wall_within
from storage.ledger import ledger_status
from storage.pool import Connection
from storage.wall import incidents_at_sites, ingest_view, link_views, site_counts


def wall_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["wall"])

    @routes.get(
        "/wall",
        summary="The live wall",
        description="Every site as one tile, with totals, links and the rate of incoming messages. Read from the"
        " database at this very moment; for a wall that stays up to date use the stream.",
        response_model=WallReply,
        responses=problem_responses(503),
    )
    async def get_wall() -> Response:
        now = services.clock.now()
        journals = await services.journals.views(now)

        async def query(conn: Connection) -> WallSnapshot:
            counts, incidents = await site_counts(conn, now), await incidents_at_sites(conn)
            whole = wall_of(
                now,
                counts,
                incidents,
                await link_views(conn, services.settings.link_ids),
                await ingest_view(conn, now),
                await ledger_status(conn, now),
                journals,
            )
            only = sites()
            return whole if only is None else wall_within(whole, only, aside_at(counts, incidents))

        return json_reply(await services.reader.read(query))

    return routes
