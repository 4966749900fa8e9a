"""Reports on the targets, as JSON, XLSX and PDF."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.compliance.report import gather
from dashboards.moments import SaidDay
from dashboards.people import sites
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.routes.compliance import period, with_rate
from dashboards.schemas.targets import ComplianceReportReply
from dashboards.services import Services, json_reply
from storage.compliance_views import By

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PDF = "application/pdf"
#: Reading a year of 184 sites may take longer than a page may wait.
_TIMEOUT_S = 20.0


def report_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/reports", tags=["targets"])
    ok: dict[int | str, dict[str, Any]] = {
        200: {"description": "The report.", "content": {_XLSX: {}, _PDF: {}}},
    }

    @routes.get(
        "/compliance",
        summary="Report on the targets",
        description="Rates by time over whole days of the district, the worst sites and their causes; as JSON, or as a"
        " file in Chinese or English.",
        response_model=ComplianceReportReply,
        responses={**ok, **problem_responses(422, 503)},
    )
    async def get_compliance_report(
        first: Annotated[SaidDay, Query(alias="from", description="First day.")],
        last: Annotated[SaidDay, Query(alias="to", description="Last day, included.")],
        by: Annotated[By, Query(description="What the lines are of.")] = "township",
        form: Annotated[Literal["json", "xlsx", "pdf"], Query(alias="format", description="As what.")] = "json",
        language: Annotated[Literal["zh", "en"], Query(alias="lang", description="Of a file.")] = "zh",
    ) -> Response:
        zone, now = services.settings.zone, services.clock.now()
        begins = datetime.combine(first, time(), zone)
        since, until = period(
            begins, datetime.combine(min(last, date.max - timedelta(1)), time(), zone) + timedelta(days=1), now
        )
        report = await services.reader.read(
            lambda conn: gather(conn, since=since, until=until, by=by, now=now, only=sites()), timeout_s=_TIMEOUT_S
        )
        if form == "json":
            told = msgspec.structs.asdict(report) | {"at_end": [with_rate(one) for one in report.at_end]}
            return json_reply(told)
        # Heavy, and needed by reports alone.
        from dashboards.compliance.paper import paper
        from dashboards.compliance.workbook import workbook

        write, media = (workbook, _XLSX) if form == "xlsx" else (paper, _PDF)
        body = await asyncio.to_thread(write, report, language=language, zone=zone)
        name = f"compliance-{first.isoformat()}-{last.isoformat()}.{form}"
        return Response(body, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})

    return routes
