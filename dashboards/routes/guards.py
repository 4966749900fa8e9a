"""Guards, their shifts, and when they were seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from dashboards.moments import Moment
from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.people import ByWhom, check_site, sites
from dashboards.problems import problem_responses
from dashboards.register import Rows, before, bounded, numbered, said_at, shown
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply
from dashboards.schemas.guards import (
    ChangesReply,
    CheckInBody,
    CheckInReply,
    CheckInsReply,
    GuardBody,
    GuardId,
    GuardReply,
    PhoneBody,
    PhoneReply,
    ShiftReply,
    ShiftsBody,
)
from dashboards.schemas.registry import AsOf, OfSite, Removed, SeenVersion, Since, Until
from dashboards.services import Services, json_reply
from domain.errors import UnknownEntry
from domain.guard import Guard, GuardCheckIn, GuardShift
from domain.privacy import is_masked
from storage.audit_trail import append
from storage.guards import GUARDS, SHIFTS, list_check_ins, list_shifts, record_check_ins
from storage.pool import Connection
from storage.versions import Version, edit, load, put


class _AfterShift(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    starts_at: datetime
    guard_id: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]*\Z")]


def guard_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["registry"])
    guards, shifts = Rows(services, GUARDS), Rows(services, SHIFTS)

    @routes.get(
        "/guards",
        summary="Guards",
        description="By their id, now or as they were registered at a time. Telephone numbers are masked.",
        response_model=PageReply[GuardReply],
        responses=problem_responses(422, 503),
    )
    async def get_guards(
        site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        return await guards.page(site_id=site_id, at=at, limit=limit, cursor=cursor)

    @routes.get(
        "/guards/{guard_id}",
        summary="One guard",
        description="As registered now; `version` is for an edit.",
        response_model=GuardReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_guard(guard_id: GuardId) -> Response:
        return await guards.one(guard_id)

    @routes.put(
        "/guards/{guard_id}",
        summary="Register or change a guard",
        description="Whole: what is left out gets its default. The guard who was there before stays in the history.",
        response_model=GuardReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_guard(guard_id: GuardId, body: GuardBody) -> Response:
        now = services.clock.now()
        check_site(body.site_id)

        async def change(conn: Connection) -> Version[Guard]:
            held = await guards.held(conn, guard_id) if body.version else None
            facts = body.facts()
            facts["serves_from"] = body.serves_from or body.first_hired_on
            if body.phone is None or is_masked(body.phone):
                facts["phone"] = held.fact.phone if held else ""
            guard = Guard(guard_id=guard_id, **facts)
            return await edit(conn, GUARDS, guard, version=body.version, actor=body.actor, at=now)

        return await guards.changed(change)

    @routes.delete(
        "/guards/{guard_id}",
        summary="Strike a guard off",
        description="For what was registered by mistake; of one who leaves, change `serves_until`. The past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_guard(guard_id: GuardId, actor: ByWhom, version: SeenVersion) -> Response:
        return await guards.remove(guard_id, actor=actor, version=version)

    @routes.post(
        "/guards/{guard_id}/phone",
        summary="Reveal a guard's telephone number",
        description="Whole. Who asked for it is written down in the audit.",
        response_model=PhoneReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def reveal_phone(guard_id: GuardId, body: PhoneBody) -> Response:
        now = services.clock.now()

        async def reveal(conn: Connection) -> str:
            async with conn.transaction():
                phone = (await guards.held(conn, guard_id)).fact.phone
                await append(conn, at=now, actor=body.actor, action="guard.phone_shown", subject=guard_id)
            return phone

        return json_reply({"guard_id": guard_id, "phone": await services.reader.read(reveal)})

    @routes.get(
        "/shifts",
        summary="Guards' shifts",
        description="Those that run at any time of the span, by their beginning.",
        response_model=PageReply[ShiftReply],
        responses=problem_responses(422, 503),
    )
    async def get_shifts(
        since: Since, until: Until, site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        bounded(since, until)
        after = decode_cursor(cursor, _AfterShift)
        found = await services.reader.read(
            lambda conn: list_shifts(
                conn,
                since=since,
                until=until,
                at=at,
                site_id=site_id,
                sites=sites(),
                after=(after.starts_at, after.guard_id) if after else None,
                limit=limit + 1,
            )
        )
        items = [shown(one) for one in found]
        return json_reply(page_of(items, limit, lambda last: _AfterShift(last["starts_at"], last["guard_id"])))

    @routes.post(
        "/shifts",
        summary="Plan shifts",
        description="Adds or changes them, all or none. A shift is known by its guard and its beginning.",
        response_model=ChangesReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def plan_shifts(body: ShiftsBody) -> Response:
        now = services.clock.now()
        planned = [GuardShift(**one.model_dump()) for one in body.shifts]
        for shift in planned:
            check_site(shift.site_id)

        async def plan(conn: Connection) -> dict[str, int]:
            known = {one.fact.guard_id for one in await load(conn, GUARDS, sites=sites())}
            for shift in planned:
                if shift.guard_id not in known:
                    raise UnknownEntry(f"no guard {shift.guard_id}")
            return (await put(conn, SHIFTS, planned, actor=body.actor, at=now))._asdict()

        return json_reply(await services.reader.read(plan))

    @routes.delete(
        "/shifts/{guard_id}/{starts_at}",
        summary="Cancel a shift",
        description="It is not to be; that it was planned stays in the history.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def cancel_shift(
        guard_id: GuardId,
        starts_at: Annotated[Moment, Path(description="Its beginning.")],
        actor: ByWhom,
        version: SeenVersion,
    ) -> Response:
        return await shifts.remove(guard_id, starts_at, actor=actor, version=version)

    @routes.get(
        "/check-ins",
        summary="Guards seen",
        description="By card, at a patrol checkpoint, or by somebody's word; the last recorded first.",
        response_model=PageReply[CheckInReply],
        responses=problem_responses(422, 503),
    )
    async def get_check_ins(
        since: Since,
        until: Until,
        site_id: OfSite = None,
        guard_id: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Of one guard.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        bounded(since, until)
        found = await services.reader.read(
            lambda conn: list_check_ins(
                conn,
                since=since,
                until=until,
                site_id=site_id,
                sites=sites(),
                guard_id=guard_id,
                before=before(cursor),
                limit=limit + 1,
            )
        )
        return numbered(found, "check_in_no", limit)

    @routes.post(
        "/check-ins",
        summary="Say that a guard is there",
        description="Where no card was read. It counts like a card and names who said so.",
        response_model=CheckInsReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def check_in(body: CheckInBody) -> Response:
        now = services.clock.now()
        check_site(body.site_id)
        seen = GuardCheckIn(
            guard_id=body.guard_id, site_id=body.site_id, at=said_at(body.at, now), source=f"word/{body.actor}"
        )

        async def record(conn: Connection) -> int:
            async with conn.transaction():
                recorded = await record_check_ins(conn, [seen], at=now)
                if recorded:
                    await append(
                        conn, at=now, actor=body.actor, action="guard.checked_in", subject=body.guard_id,
                        detail={"at": seen.at.isoformat(), "site_id": body.site_id},
                    )  # fmt: skip
            return recorded

        return json_reply({"recorded": await services.reader.read(record)})

    return routes
