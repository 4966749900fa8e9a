"""Gates, and hard barriers with their inspections."""

from __future__ import annotations

from fastapi import APIRouter, Response

from dashboards.paging import Cursor, Limit
from dashboards.people import ByWhom
from dashboards.problems import problem_responses
from dashboards.register import Rows, before, numbered, removed
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, SiteId
from dashboards.schemas.premises import (
    BarrierBody,
    BarrierId,
    BarrierReply,
    GateBody,
    GateId,
    GateReply,
    InspectionBody,
    InspectionReply,
)
from dashboards.schemas.registry import AsOf, OfSite, Removed, SeenVersion
from dashboards.services import Services
from domain.premises import Barrier, Gate, Inspection
from storage.pool import Connection
from storage.premises import (
    BARRIERS,
    GATES,
    edit_barrier,
    edit_gate,
    inspect,
    list_inspections,
    remove_gate,
)
from storage.versions import get


def premises_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["registry"])
    gates, barriers = Rows(services, GATES), Rows(services, BARRIERS)

    @routes.get(
        "/gates",
        summary="Gates",
        description="By site and id, now or as they were registered at a time.",
        response_model=PageReply[GateReply],
        responses=problem_responses(422, 503),
    )
    async def get_gates(site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None) -> Response:
        return await gates.page(site_id=site_id, at=at, limit=limit, cursor=cursor)

    @routes.put(
        "/gates/{site_id}/{gate_id}",
        summary="Register or change a gate",
        description="Whole: what is left out gets its default. Its access control has to be a device of the site.",
        response_model=GateReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_gate(site_id: SiteId, gate_id: GateId, body: GateBody) -> Response:
        now = services.clock.now()
        gate = Gate(site_id=site_id, gate_id=gate_id, **body.facts())
        return await gates.changed(lambda conn: edit_gate(conn, gate, version=body.version, actor=body.actor, at=now))

    @routes.delete(
        "/gates/{site_id}/{gate_id}",
        summary="Give up a gate",
        description="Not while barriers stand at it. Its past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def give_up_gate(site_id: SiteId, gate_id: GateId, actor: ByWhom, version: SeenVersion) -> Response:
        now = services.clock.now()
        await services.reader.read(
            lambda conn: remove_gate(conn, site_id, gate_id, version=version, actor=actor, at=now)
        )
        return removed(site_id, gate_id)

    @routes.get(
        "/barriers",
        summary="Hard barriers",
        description="防冲撞设施, by site and id, now or as they were registered at a time.",
        response_model=PageReply[BarrierReply],
        responses=problem_responses(422, 503),
    )
    async def get_barriers(
        site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        return await barriers.page(site_id=site_id, at=at, limit=limit, cursor=cursor)

    @routes.put(
        "/barriers/{site_id}/{barrier_id}",
        summary="Register or change a barrier",
        description="Whole: what is left out gets its default. For an inspection there is a route of its own.",
        response_model=BarrierReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_barrier(site_id: SiteId, barrier_id: BarrierId, body: BarrierBody) -> Response:
        now = services.clock.now()
        barrier = Barrier(site_id=site_id, barrier_id=barrier_id, **body.facts())
        return await barriers.changed(
            lambda conn: edit_barrier(conn, barrier, version=body.version, actor=body.actor, at=now)
        )

    @routes.delete(
        "/barriers/{site_id}/{barrier_id}",
        summary="Remove a barrier",
        description="It stands there no more. Its past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_barrier(site_id: SiteId, barrier_id: BarrierId, actor: ByWhom, version: SeenVersion) -> Response:
        return await barriers.remove(site_id, barrier_id, actor=actor, version=version)

    @routes.post(
        "/barriers/{site_id}/{barrier_id}/inspections",
        summary="Record an inspection",
        description="The newest one by its day stands with the barrier, which is the answer.",
        response_model=BarrierReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def record_inspection(site_id: SiteId, barrier_id: BarrierId, body: InspectionBody) -> Response:
        now = services.clock.now()
        inspection = Inspection(
            site_id=site_id,
            barrier_id=barrier_id,
            inspected_on=body.inspected_on,
            passed=body.passed,
            inspector=body.actor,
            note=body.note,
        )
        return await barriers.changed(lambda conn: inspect(conn, inspection, actor=body.actor, at=now))

    @routes.get(
        "/barriers/{site_id}/{barrier_id}/inspections",
        summary="Inspections of a barrier",
        description="The last recorded first.",
        response_model=PageReply[InspectionReply],
        responses=problem_responses(404, 422, 503),
    )
    async def get_inspections(
        site_id: SiteId, barrier_id: BarrierId, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        older = before(cursor)

        async def query(conn: Connection) -> list[tuple[int, Inspection]]:
            await get(conn, BARRIERS, site_id, barrier_id)  # raises when there is none
            return await list_inspections(conn, site_id, barrier_id, before=older, limit=limit + 1)

        return numbered(await services.reader.read(query), "inspection_no", limit)

    return routes
