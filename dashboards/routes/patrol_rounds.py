"""Rounds of the patrol officer, hazards, and what came of them."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from dashboards.moments import SaidDay
from dashboards.paging import Cursor, Limit, RowNumber, decode_cursor, page_of
from dashboards.patrol.report import PatrolReport, of_period, of_round
from dashboards.people import sites, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.routes.compliance import period
from dashboards.schemas import ActionBody, PageReply
from dashboards.schemas.cameras import (
    HazardReply,
    HazardsReply,
    ItemReply,
    PatrolReportReply,
    RoundBody,
    RoundDetailReply,
    RoundReply,
    VerdictBody,
)
from dashboards.services import Services, json_reply
from storage.patrol_rounds import (
    end_round,
    get_round,
    hazards,
    items_of,
    judge,
    list_rounds,
    start_round,
    strike_off,
)
from storage.pool import Connection

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PDF = "application/pdf"
_TIMEOUT_S = 20.0

RoundNo = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the round.")]
Form = Annotated[Literal["json", "xlsx", "pdf"], Query(alias="format", description="As what.")]
In = Annotated[Literal["zh", "en"], Query(alias="lang", description="Language of a file.")]


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: RowNumber


def patrol_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["patrol"])
    files: dict[int | str, dict[str, Any]] = {200: {"description": "The report.", "content": {_XLSX: {}, _PDF: {}}}}

    @routes.get(
        "/patrol-rounds",
        summary="Rounds",
        description="The newest first.",
        response_model=PageReply[RoundReply],
        responses=problem_responses(422, 503),
    )
    async def list_patrol_rounds(limit: Limit = 100, cursor: Cursor = None) -> Response:
        before = decode_cursor(cursor, _Before)
        found = await services.reader.read(
            lambda conn: list_rounds(conn, before=before.number if before else None, limit=limit + 1)
        )
        return json_reply(page_of(found, limit, lambda last: _Before(last.round_no)))

    @routes.post(
        "/patrol-rounds",
        summary="Begin a round",
        description="`sample`: cameras drawn by lot; `doubtful`: those with a diagnosis first, then the doubtful ones;"
        " `site`: all of a site. What stands at that moment is what is judged.",
        response_model=RoundDetailReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def start_patrol_round(request: Request, body: RoundBody) -> Response:
        by, now = await who(request, body.actor, workstation=body.workstation), services.clock.now()

        async def query(conn: Connection) -> dict[str, Any]:
            number = await start_round(
                conn, body.kind, site_id=body.site_id, size=body.size, actor=by.actor, at=now, origin=by.origin
            )
            return {"round": await get_round(conn, number), "items": await items_of(conn, number)}

        return json_reply(await services.reader.read(query))

    @routes.get(
        "/patrol-rounds/{round_no}",
        summary="A round and its items",
        description="In the order in which they are looked at.",
        response_model=RoundDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_patrol_round(round_no: RoundNo) -> Response:
        async def query(conn: Connection) -> dict[str, Any]:
            return {"round": await get_round(conn, round_no), "items": await items_of(conn, round_no)}

        return json_reply(await services.reader.read(query))

    @routes.post(
        "/patrol-rounds/{round_no}/items/{place}",
        summary="Judge an item",
        description="A diagnosis is `confirmed` or `rejected`; a picture without is `good`, or a fault was `missed`."
        " `unseen`: there is no picture to judge by; `removed`: the camera does not belong in this round, and the note"
        " says why. A confirmed or missed fault is a hazard of the site, to be mended within 24 h; a rejection teaches"
        " the camera. Said once.",
        response_model=ItemReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def judge_patrol_item(
        request: Request,
        round_no: RoundNo,
        place: Annotated[int, Path(ge=1, le=10_000, description="Place of the item in the round.")],
        body: VerdictBody,
    ) -> Response:
        by, now = await who(request, body.actor, workstation=body.workstation), services.clock.now()
        judged = await services.reader.read(
            lambda conn: judge(
                conn,
                round_no,
                place,
                body.verdict,
                found=body.found,
                note=body.note,
                actor=by.actor,
                at=now,
                origin=by.origin,
            )
        )
        return json_reply(judged)

    @routes.post(
        "/patrol-rounds/{round_no}/end",
        summary="End a round",
        description="What nobody judged stays so, and is counted as open.",
        response_model=RoundDetailReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def end_patrol_round(request: Request, round_no: RoundNo, body: ActionBody) -> Response:
        by, now = await who(request, body.actor, workstation=body.workstation), services.clock.now()
        await services.reader.read(lambda conn: end_round(conn, round_no, actor=by.actor, at=now))
        return await get_patrol_round(round_no)

    @routes.get(
        "/camera-hazards",
        summary="Hazards of cameras",
        description="What sites have to mend within 24 h, the newest first: found, due, seen good again, struck off.",
        response_model=HazardsReply,
        responses=problem_responses(422, 503),
    )
    async def list_camera_hazards(
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        only_open: Annotated[bool, Query(alias="open", description="Only those not struck off.")] = True,
        limit: Limit = 100,
    ) -> Response:
        own = sites()
        found = await services.reader.read(
            lambda conn: hazards(conn, site_id=site_id, within=own, only_open=only_open, limit=limit)
        )
        return json_reply({"items": found})

    @routes.post(
        "/camera-hazards/{hazard_no}/strike-off",
        summary="Strike a hazard off",
        description="A person has seen that it is mended: another one than who found it, unless the settings say that"
        " one person is enough (`patrol.four_eyes`). Without a good picture since, the note says why it is over.",
        response_model=HazardReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def strike_off_camera_hazard(
        request: Request,
        hazard_no: Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the hazard.")],
        body: ActionBody,
    ) -> Response:
        by, now = await who(request, body.actor, workstation=body.workstation), services.clock.now()
        struck = await services.reader.read(
            lambda conn: strike_off(
                conn,
                hazard_no,
                note=body.note,
                four_eyes=services.settings.patrol_four_eyes,
                actor=by.actor,
                at=now,
                origin=by.origin,
            )
        )
        return json_reply(struck)

    @routes.get(
        "/patrol-rounds/{round_no}/report",
        summary="Report on a round",
        description="How often the diagnosis was right, by fault, site and officer, and the hazards; or as a file.",
        response_model=PatrolReportReply,
        responses={**files, **problem_responses(404, 422, 503)},
    )
    async def get_patrol_round_report(round_no: RoundNo, form: Form = "json", language: In = "zh") -> Response:
        now = services.clock.now()
        report = await services.reader.read(lambda conn: of_round(conn, round_no, now=now), timeout_s=_TIMEOUT_S)
        return await _answer(report, f"patrol-round-{round_no}", form, language)

    @routes.get(
        "/reports/patrol",
        summary="Report on rounds",
        description="The same over whole days of the district, such as a month.",
        response_model=PatrolReportReply,
        responses={**files, **problem_responses(422, 503)},
    )
    async def get_patrol_report(
        first: Annotated[SaidDay, Query(alias="from", description="First day.")],
        last: Annotated[SaidDay, Query(alias="to", description="Last day, included.")],
        form: Form = "json",
        language: In = "zh",
    ) -> Response:
        zone, now = services.settings.zone, services.clock.now()
        end = datetime.combine(min(last, date.max - timedelta(1)), time(), zone) + timedelta(days=1)
        since, until = period(datetime.combine(first, time(), zone), end, now)
        report = await services.reader.read(
            lambda conn: of_period(conn, since=since, until=until, now=now), timeout_s=_TIMEOUT_S
        )
        return await _answer(report, f"patrol-{first.isoformat()}-{last.isoformat()}", form, language)

    async def _answer(
        report: PatrolReport, name: str, form: Literal["json", "xlsx", "pdf"], language: Literal["zh", "en"]
    ) -> Response:
        if form == "json":
            return json_reply(report)
        # Heavy, and needed by reports alone.
        from dashboards.patrol.paper import paper
        from dashboards.patrol.workbook import workbook

        write, media = (workbook, _XLSX) if form == "xlsx" else (paper, _PDF)
        body = await asyncio.to_thread(write, report, language=language, zone=services.settings.zone)
        headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
        return Response(body, media_type=media, headers=headers)

    return routes
