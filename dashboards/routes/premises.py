"""Gates, and hard barriers with their inspections."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Response

from dashboards.paging import Cursor, Limit, RowNumber, decode_cursor, page_of
from dashboards.problems import problem_responses
from dashboards.register import AfterKey, shown
from dashboards.register_schemas import (
    AsOf,
    BarrierBody,
    BarrierId,
    BarrierReply,
    ByWhom,
    GateBody,
    GateId,
    GateReply,
    InspectionBody,
    InspectionReply,
    OfSite,
    Removed,
    SeenVersion,
)
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, SiteId
from dashboards.services import Services, json_reply
from domain.premises import Barrier, Gate, Inspection
from storage.pool import Connection
from storage.premises import (
    BARRIERS,
    edit_barrier,
    edit_gate,
    inspect,
    list_barriers,
    list_gates,
    list_inspections,
    remove_gate,
)
from storage.versions import get, remove


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: RowNumber


def premises_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["registry"])

    @routes.get(
        "/gates",
        summary="Gates",
        description="By site and id, now or as they were registered at a time.",
        response_model=PageReply[GateReply],
        responses=problem_responses(422, 503),
    )
    async def get_gates(site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = decode_cursor(cursor, AfterKey)
        found = await services.reader.read(
            lambda conn: list_gates(
                conn, at=at, site_id=site_id, after=(after.site_id, after.id) if after else None, limit=limit + 1
            )
        )
        items = [shown(one) for one in found]
        return json_reply(page_of(items, limit, lambda last: AfterKey(last["site_id"], last["gate_id"])))

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
        changed = await services.reader.read(
            lambda conn: edit_gate(conn, gate, version=body.version, actor=body.actor, at=now)
        )
        return json_reply(shown(changed))

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
        return json_reply({"removed": f"{site_id}/{gate_id}"})

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
        after = decode_cursor(cursor, AfterKey)
        found = await services.reader.read(
            lambda conn: list_barriers(
                conn, at=at, site_id=site_id, after=(after.site_id, after.id) if after else None, limit=limit + 1
            )
        )
        items = [shown(one) for one in found]
        return json_reply(page_of(items, limit, lambda last: AfterKey(last["site_id"], last["barrier_id"])))

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
        changed = await services.reader.read(
            lambda conn: edit_barrier(conn, barrier, version=body.version, actor=body.actor, at=now)
        )
        return json_reply(shown(changed))

    @routes.delete(
        "/barriers/{site_id}/{barrier_id}",
        summary="Remove a barrier",
        description="It stands there no more. Its past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_barrier(site_id: SiteId, barrier_id: BarrierId, actor: ByWhom, version: SeenVersion) -> Response:
        now = services.clock.now()
        await services.reader.read(
            lambda conn: remove(conn, BARRIERS, site_id, barrier_id, version=version, actor=actor, at=now)
        )
        return json_reply({"removed": f"{site_id}/{barrier_id}"})

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
        changed = await services.reader.read(lambda conn: inspect(conn, inspection, actor=body.actor, at=now))
        return json_reply(shown(changed))

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
        before = decode_cursor(cursor, _Before)

        async def query(conn: Connection) -> list[tuple[int, Inspection]]:
            await get(conn, BARRIERS, site_id, barrier_id)  # raises when there is none
            return await list_inspections(
                conn, site_id, barrier_id, before=before.number if before else None, limit=limit + 1
            )

        found = await services.reader.read(query)
        items = [{"inspection_no": number, **msgspec.structs.asdict(one)} for number, one in found]
        return json_reply(page_of(items, limit, lambda last: _Before(last["inspection_no"])))

    return routes
