"""Incidents: the queue, one with its timeline, and what people do about it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ActionBody, IncidentDetailReply, IncidentId, IncidentReply, NoteBody, PageReply
from dashboards.services import Services, json_reply
from domain.errors import UnknownIncident
from domain.finding import Severity
from domain.incident import IncidentAction
from storage.incident_views import (
    DeliveryView,
    IncidentView,
    QueuePlace,
    TimelineEntry,
    deliveries,
    incident_queue,
    incidents_by_id,
    queue_place,
    timeline,
)
from storage.pool import Connection

States = Literal["open", "all", "raised", "acknowledged", "returned", "normal", "reset", "closed"]


def _known(found: dict[UUID, IncidentView], incident_id: UUID) -> IncidentView:
    if incident_id not in found:
        raise UnknownIncident(f"no incident {incident_id}")
    return found[incident_id]


def incident_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/incidents", tags=["incidents"])

    @routes.get(
        "",
        summary="The queue of incidents",
        description="Unacknowledged first, then the worst, then the newest. `open` is raised, acknowledged, returned"
        " or normal; reset ones wait to be closed and are asked for by `state=reset`.",
        response_model=PageReply[IncidentReply],
        responses=problem_responses(422, 503),
    )
    async def list_incidents(
        state: Annotated[States, Query(description="`open`, `all`, or one state.")] = "open",
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        severity: Annotated[Severity | None, Query(description="Of one severity.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        after = decode_cursor(cursor, QueuePlace)
        found = await services.reader.read(
            lambda conn: incident_queue(
                conn, limit=limit + 1, states=state, site_id=site_id, severity=severity, after=after
            )
        )
        return json_reply(page_of(found, limit, queue_place))

    @routes.get(
        "/{incident_id}",
        summary="One incident",
        description="With its timeline and with everybody who was told, or is still to be told.",
        response_model=IncidentDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_incident(incident_id: IncidentId) -> Response:
        async def query(conn: Connection) -> tuple[IncidentView, list[TimelineEntry], list[DeliveryView]]:
            view = _known(await incidents_by_id(conn, [incident_id]), incident_id)
            return view, await timeline(conn, incident_id), await deliveries(conn, incident_id)

        view, entries, sent = await services.reader.read(query)
        return json_reply({**msgspec.structs.asdict(view), "timeline": entries, "deliveries": sent})

    async def act(incident_id: UUID, action: IncidentAction, actor: str, note: str) -> Response:
        await services.reader.within(services.desk.act(incident_id, action, actor=actor, note=note))
        found = await services.reader.read(lambda conn: incidents_by_id(conn, [incident_id]))
        return json_reply(_known(found, incident_id))

    @routes.post(
        "/{incident_id}/acknowledge",
        summary="Acknowledge",
        description="Somebody has taken it on. Notices to duty leaders that were still to be sent are cancelled;"
        " police and education are told all the same.",
        response_model=IncidentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def acknowledge_incident(incident_id: IncidentId, body: ActionBody) -> Response:
        return await act(incident_id, IncidentAction.ACKNOWLEDGE, body.actor, body.note)

    @routes.post(
        "/{incident_id}/reset",
        summary="Reset",
        description="A person has made sure on the spot that the danger is over. Life safety ends in no other way.",
        response_model=IncidentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def reset_incident(incident_id: IncidentId, body: ActionBody) -> Response:
        return await act(incident_id, IncidentAction.RESET, body.actor, body.note)

    @routes.post(
        "/{incident_id}/close",
        summary="Close",
        description="The matter is done with. Life safety must have been reset before.",
        response_model=IncidentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def close_incident(incident_id: IncidentId, body: ActionBody) -> Response:
        return await act(incident_id, IncidentAction.CLOSE, body.actor, body.note)

    @routes.post(
        "/{incident_id}/notes",
        summary="Add a note",
        description="A remark for the timeline, in any state.",
        response_model=IncidentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def add_note(incident_id: IncidentId, body: NoteBody) -> Response:
        return await act(incident_id, IncidentAction.NOTE, body.actor, body.note)

    return routes
