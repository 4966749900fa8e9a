"""Targets: their definitions, and a further version of one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Response

from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.targets import TargetBody, TargetReply, TargetVersionsReply
from dashboards.services import Services, json_reply
from domain.errors import UnknownTarget
from domain.target import TargetDefinition
from storage.targets import target_definitions

TargetId = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Target.", examples=["networking", "guard_posts"])
]


def target_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/targets", tags=["targets"])

    @routes.get(
        "",
        summary="Targets",
        description="All targets with all their versions. The one in force is the newest of those that have started.",
        response_model=TargetVersionsReply,
        responses=problem_responses(503),
    )
    async def list_targets() -> Response:
        return json_reply({"items": await services.reader.read(target_definitions)})

    async def versions(target_id: str) -> list[TargetDefinition]:
        found = await services.reader.read(lambda conn: target_definitions(conn, target_id))
        if not found:
            raise UnknownTarget(f"no target {target_id}")
        return found

    @routes.get(
        "/{target_id}",
        summary="One target",
        description="All versions of a target, the newest last.",
        response_model=TargetVersionsReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_target(target_id: TargetId) -> Response:
        return json_reply({"items": await versions(target_id)})

    @routes.post(
        "/{target_id}/versions",
        summary="Change a target",
        description="Adds a version: other figures, another name, switched on or off. It is checked first; what cannot"
        " be meant is refused and the version before stays in force. The past keeps the versions of its time.",
        response_model=TargetReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def define_target(target_id: TargetId, body: TargetBody) -> Response:
        now = services.clock.now()
        known = await versions(target_id)
        base = next((one for one in reversed(known) if one.starts_at <= now), known[-1])
        wanted = msgspec.structs.replace(
            base,
            author=body.actor,
            reason=body.reason,
            starts_at=body.starts_at or now,
            enabled=base.enabled if body.enabled is None else body.enabled,
            parameters={**base.parameters, **(body.parameters or {})},
            name_zh=body.name_zh or base.name_zh,
            name_en=body.name_en or base.name_en,
        )
        return json_reply(await services.reader.within(services.assessor.define(wanted)))

    return routes
