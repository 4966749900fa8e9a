"""Guard posts (护学岗) with what was reported of them, and the safety officers (安全干部)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from dashboards.paging import Cursor, Limit
from dashboards.people import ByWhom, sites
from dashboards.problems import problem_responses
from dashboards.register import Rows, before, bounded, numbered, said_at, shown
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, SiteId
from dashboards.schemas.guard_posts import (
    OfficerBody,
    OfficerReply,
    PostBody,
    PostId,
    PostReply,
    PostReportBody,
    PostReportReply,
)
from dashboards.schemas.registry import AsOf, OfSite, Removed, SeenVersion, Since, Until
from dashboards.services import Services, json_reply
from domain.guard import GuardPost, PostReport
from domain.privacy import is_masked
from domain.safety_officer import SafetyOfficer
from storage.audit_trail import append
from storage.guard_posts import POSTS, list_post_reports, report_post
from storage.pool import Connection
from storage.safety_officers import OFFICERS
from storage.versions import Version, edit, get

OfficerName = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="The officer.")]


def guard_post_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["registry"])
    posts = Rows(services, POSTS)
    officers = Rows(services, OFFICERS, shown=lambda one: shown(one, contacts=len(one.fact.contacts)))

    @routes.get(
        "/posts",
        summary="Guard posts",
        description="护学岗, by site and id, now or as they were registered at a time.",
        response_model=PageReply[PostReply],
        responses=problem_responses(422, 503),
    )
    async def get_posts(site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None) -> Response:
        return await posts.page(site_id=site_id, at=at, limit=limit, cursor=cursor)

    @routes.put(
        "/posts/{site_id}/{post_id}",
        summary="Register or change a guard post",
        description="Whole: what is left out gets its default.",
        response_model=PostReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_post(site_id: SiteId, post_id: PostId, body: PostBody) -> Response:
        return await posts.put(GuardPost(site_id=site_id, post_id=post_id, **body.facts()), body)

    @routes.delete(
        "/posts/{site_id}/{post_id}",
        summary="Give up a guard post",
        description="Its past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_post(site_id: SiteId, post_id: PostId, actor: ByWhom, version: SeenVersion) -> Response:
        return await posts.remove(site_id, post_id, actor=actor, version=version)

    @routes.post(
        "/posts/{site_id}/{post_id}/reports",
        summary="Report who stands at a post",
        description="How many people stand there. It counts until a later report.",
        response_model=PostReportReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def report(site_id: SiteId, post_id: PostId, body: PostReportBody) -> Response:
        now = services.clock.now()
        said = PostReport(
            site_id=site_id, post_id=post_id, at=said_at(body.at, now), present=body.present, reporter=body.actor
        )

        async def keep(conn: Connection) -> int:
            async with conn.transaction():
                number = await report_post(conn, said, at=now)
                await append(
                    conn, at=now, actor=body.actor, action="guard_post.reported", subject=f"{site_id}/{post_id}",
                    detail={"present": body.present, "at": said.at.isoformat()},
                )  # fmt: skip
            return number

        return json_reply({"report_no": await services.reader.read(keep), **msgspec.structs.asdict(said)})

    @routes.get(
        "/post-reports",
        summary="Reports of guard posts",
        description="The last recorded first.",
        response_model=PageReply[PostReportReply],
        responses=problem_responses(422, 503),
    )
    async def get_post_reports(
        since: Since,
        until: Until,
        site_id: OfSite = None,
        post_id: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9-]{1,32}$", description="Of one post.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        bounded(since, until)
        found = await services.reader.read(
            lambda conn: list_post_reports(
                conn,
                since=since,
                until=until,
                site_id=site_id,
                sites=sites(),
                post_id=post_id,
                before=before(cursor),
                limit=limit + 1,
            )
        )
        return numbered(found, "report_no", limit)

    @routes.get(
        "/safety-officers",
        summary="Safety officers",
        description="安全干部 of the sites. Telephone numbers are masked; contacts are secrets and only counted.",
        response_model=PageReply[OfficerReply],
        responses=problem_responses(422, 503),
    )
    async def get_officers(
        site_id: OfSite = None, at: AsOf = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        return await officers.page(site_id=site_id, at=at, limit=limit, cursor=cursor)

    @routes.put(
        "/safety-officers/{site_id}/{name}",
        summary="Register or change a safety officer",
        description="A telephone number or contacts that are left out, or masked, stay as they are.",
        response_model=OfficerReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_officer(site_id: SiteId, name: OfficerName, body: OfficerBody) -> Response:
        now = services.clock.now()

        async def change(conn: Connection) -> Version[SafetyOfficer]:
            new = SafetyOfficer(site_id=site_id, name=name)
            held = (await get(conn, OFFICERS, site_id, name)).fact if body.version else new
            officer = SafetyOfficer(
                site_id=site_id,
                name=name,
                phone=held.phone if body.phone is None or is_masked(body.phone) else body.phone,
                contacts=held.contacts if body.contacts is None else tuple(body.contacts),
                language=body.language,
            )
            return await edit(conn, OFFICERS, officer, version=body.version, actor=body.actor, at=now)

        return await officers.changed(change)

    @routes.delete(
        "/safety-officers/{site_id}/{name}",
        summary="Strike a safety officer off",
        description="The past stays.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_officer(site_id: SiteId, name: OfficerName, actor: ByWhom, version: SeenVersion) -> Response:
        return await officers.remove(site_id, name, actor=actor, version=version)

    return routes
