"""Incidents: the queue, one with its timeline, and what people do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.people import IdempotencyKey, sites, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import ActionBody, IncidentId, PageReply
from dashboards.schemas.actions import AssignBody, MergeBody, NoteBody, SeverityBody, ShelveBody, VerifyBody
from dashboards.schemas.incidents import IncidentDetailReply, IncidentReply
from dashboards.services import Services, json_reply
from domain.attachment import Attachment
from domain.errors import UnknownIncident
from domain.finding import Severity
from domain.incident import IncidentAction
from storage.attachments import attachments
from storage.casework import Related, related
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

States = Literal["open", "shelved", "all", "raised", "acknowledged", "returned", "normal", "reset", "closed"]


class _Act(NamedTuple):
    """A way of a person to move an incident."""

    action: IncidentAction
    summary: str
    description: str


_ACTS = (
    _Act(
        IncidentAction.ACKNOWLEDGE,
        "Acknowledge",
        "Somebody has taken it on, and what is merged into it. Notices to duty leaders that were still to be sent are"
        " cancelled; police and education are told all the same.",
    ),
    _Act(
        IncidentAction.RESET,
        "Reset",
        "A person has made sure on the spot that the danger is over. Life safety ends in no other way.",
    ),
    _Act(IncidentAction.CLOSE, "Close", "The matter is done with. Life safety must have been reset before."),
)

#: What every change of an incident may answer.
_REFUSALS = problem_responses(403, 404, 409, 413, 422, 503)


class _Whole(NamedTuple):
    view: IncidentView
    timeline: list[TimelineEntry]
    deliveries: list[DeliveryView]
    related: list[Related]
    attachments: list[Attachment]


def known_incident(found: dict[UUID, IncidentView], incident_id: UUID) -> IncidentView:
    """:raises UnknownIncident: it was not found."""
    if incident_id not in found:
        raise UnknownIncident(f"no incident {incident_id}")
    return found[incident_id]


def incident_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/incidents", tags=["incidents"])

    @routes.get(
        "",
        summary="The queue of incidents",
        description="Unacknowledged first, then the worst, then the newest. `open` is raised, acknowledged, returned"
        " or normal, without what is shelved (`state=shelved`) or handled under another one; reset ones wait to be"
        " closed and are asked for by `state=reset`.",
        response_model=PageReply[IncidentReply],
        responses=problem_responses(422, 503),
    )
    async def list_incidents(
        state: Annotated[States, Query(description="`open`, `shelved`, `all`, or one state.")] = "open",
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        severity: Annotated[Severity | None, Query(description="Of one severity.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        after = decode_cursor(cursor, QueuePlace)
        found = await services.reader.read(
            lambda conn: incident_queue(
                conn, limit=limit + 1, states=state, site_id=site_id, sites=sites(), severity=severity, after=after
            )
        )
        return json_reply(page_of(found, limit, queue_place))

    @routes.get(
        "/{incident_id}",
        summary="One incident",
        description="With its timeline, with everybody who was told or is still to be told, with what is handled with"
        " it, and with what is attached.",
        response_model=IncidentDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_incident(incident_id: IncidentId) -> Response:
        async def query(conn: Connection) -> _Whole:
            view = known_incident(await incidents_by_id(conn, [incident_id]), incident_id)
            return _Whole(
                view,
                await timeline(conn, incident_id),
                await deliveries(conn, incident_id),
                await related(conn, incident_id, sites=sites()),
                await attachments(conn, incident_id),
            )

        whole = await services.reader.read(query)
        return json_reply(
            msgspec.structs.asdict(whole.view) | {k: v for k, v in whole._asdict().items() if k != "view"}
        )

    async def done(incident_id: UUID, work: Coroutine[Any, Any, None]) -> Response:
        """What became of the incident."""
        await services.reader.within(work)
        found = await services.reader.read(lambda conn: incidents_by_id(conn, [incident_id]))
        return json_reply(known_incident(found, incident_id))

    def acting(action: IncidentAction) -> Callable[..., Awaitable[Response]]:
        async def act(
            request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
        ) -> Response:
            by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
            return await done(incident_id, services.desk.act(incident_id, action, by=by, note=body.note))

        return act

    for one in _ACTS:
        routes.add_api_route(
            f"/{{incident_id}}/{one.action.value}",
            acting(one.action),
            methods=["POST"],
            name=f"{one.action.value}_incident",
            summary=one.summary,
            description=one.description,
            response_model=IncidentReply,
            responses=_REFUSALS,
        )

    @routes.post(
        "/{incident_id}/notes",
        summary="Add a note",
        description="A remark for the timeline, in any state.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def add_note(
        request: Request, incident_id: IncidentId, body: NoteBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.act(incident_id, IncidentAction.NOTE, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/verify",
        summary="Verify",
        description="What a person found out, and why it is so. It ends nothing: life safety that is verified false"
        " still needs a reset.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def verify_incident(
        request: Request, incident_id: IncidentId, body: VerifyBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        work = services.desk.verify(incident_id, body.verification, body.reason, by=by, note=body.note)
        return await done(incident_id, work)

    @routes.post(
        "/{incident_id}/severity",
        summary="Change the severity",
        description="By hand. Whoever is told of what is so grave is told now; that of life safety is never lowered.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def reclassify_incident(
        request: Request, incident_id: IncidentId, body: SeverityBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.reclassify(incident_id, body.severity, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/merge",
        summary="Merge into another",
        description="Handle it under another open incident. It keeps its state, timeline, deliveries and receipts. Life"
        " safety is merged under life safety only and keeps a reset of its own; a drill or test only with its like.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def merge_incident(
        request: Request, incident_id: IncidentId, body: MergeBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.merge(incident_id, body.into, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/split",
        summary="Split off",
        description="Handle it by itself again.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def split_incident(
        request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.split(incident_id, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/shelve",
        summary="Shelve",
        description="Out of the queue until a time at most 24 hours away; notices stop, and it comes back by itself."
        " Never life safety.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def shelve_incident(
        request: Request, incident_id: IncidentId, body: ShelveBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.shelve(incident_id, body.until, body.reason, by=by))

    @routes.post(
        "/{incident_id}/unshelve",
        summary="Take off the shelf",
        description="Back into the queue before its time.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def unshelve_incident(
        request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.unshelve(incident_id, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/assign",
        summary="Assign",
        description="Somebody of the list of people has it in hand; without a `person_id` whoever asks. It is no"
        " acknowledgement: calls go on until somebody takes it. Nobody is told of it by us.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def assign_incident(
        request: Request, incident_id: IncidentId, body: AssignBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.assign(incident_id, body.person_id, by=by, note=body.note))

    @routes.post(
        "/{incident_id}/unassign",
        summary="Assign to nobody",
        description="It is in nobody's hands any more.",
        response_model=IncidentReply,
        responses=_REFUSALS,
    )
    async def unassign_incident(
        request: Request, incident_id: IncidentId, body: ActionBody, idempotency_key: IdempotencyKey = None
    ) -> Response:
        by = await who(request, body.actor, workstation=body.workstation, key=idempotency_key)
        return await done(incident_id, services.desk.unassign(incident_id, by=by, note=body.note))

    return routes
