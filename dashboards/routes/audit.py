"""The audit trail: who changed what is alerted, when and from where."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.moments import Moment
from dashboards.paging import Cursor, Limit, RowNumber, decode_cursor, page_of
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, Text
from dashboards.schemas.audit import AuditEntryReply
from dashboards.services import Services, json_reply
from storage.audit_trail import AuditFilter, audit_entries


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in the trail: the number of an entry."""

    number: RowNumber


def audit_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["audit"])

    @routes.get(
        "/audit",
        summary="The audit trail",
        description="Append-only and hash-chained; the newest entry first. `campuswatch audit verify` proves that"
        " nothing of it was changed.",
        response_model=PageReply[AuditEntryReply],
        responses=problem_responses(422, 503),
    )
    async def get_audit(
        actor: Annotated[Text | None, Query(max_length=200, description="Of one person or part of the system.")] = None,
        action: Annotated[
            str | None,
            Query(pattern=r"^[a-z_.]{1,64}$", description="`incident.acknowledged`, or `incident.` for all of a noun."),
        ] = None,
        subject: Annotated[Text | None, Query(max_length=200, description="Id of what it was done to.")] = None,
        since: Annotated[Moment | None, Query(description="At this time or later.")] = None,
        until: Annotated[Moment | None, Query(description="Before this time.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        before = decode_cursor(cursor, _Before)
        only = AuditFilter(actor=actor, action=action, subject=subject, since=since, until=until)
        found = await services.reader.read(
            lambda conn: audit_entries(conn, only=only, before=before.number if before else None, limit=limit + 1)
        )
        return json_reply(page_of(found, limit, lambda entry: _Before(entry.entry_no)))

    return routes
