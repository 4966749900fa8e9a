"""The school calendar, the bells of sites, and how many pupils a site has."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Response

from dashboards.moments import SaidDay
from dashboards.people import ByWhom
from dashboards.problems import InvalidField, problem_responses
from dashboards.register import Rows, shown
from dashboards.routes import API_PREFIX
from dashboards.schemas import SiteId
from dashboards.schemas.calendar import (
    BellsBody,
    BellsListReply,
    BellsReply,
    CalendarBody,
    CalendarReply,
    CalendarYearReply,
    EnrolmentBody,
    EnrolmentReply,
)
from dashboards.schemas.registry import AsOf, Removed, SeenVersion
from dashboards.services import Services, json_reply
from domain.bells import SiteBells
from domain.errors import EditConflict
from domain.school_calendar import USUAL, CalendarSpan, CalendarYear, calendar_years
from storage.facts import SiteFacts, list_site_facts
from storage.pool import Connection
from storage.registry import writing
from storage.school_calendar import BELLS, YEARS
from storage.sites import get_site, upsert_sites
from storage.versions import Version, load

Year = Annotated[int, Path(ge=2000, le=2100, description="Year.")]
FromDay = Annotated[SaidDay, Path(description="First day on which they ring.")]


def _year(known: Version[CalendarYear]) -> dict[str, Any]:
    return {"year": known.fact.year, "spans": known.fact.spans, "version": known.version, "since": known.since}


def calendar_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["registry"])
    years, bells = Rows(services, YEARS, shown=_year), Rows(services, BELLS)

    @routes.get(
        "/calendar",
        summary="The school calendar",
        description="By year: those that the district has said itself, and the shipped ones for the rest. Years that"
        " are not here go by fixed dates.",
        response_model=CalendarReply,
        responses=problem_responses(422, 503),
    )
    async def get_calendar(at: AsOf = None) -> Response:
        said = {one.fact.year: one for one in await services.reader.read(lambda conn: load(conn, YEARS, at=at))}
        shipped = {one.year: one for one in calendar_years(USUAL) if one.year not in said}
        listed = [
            _year(said[year])
            if year in said
            else {"year": year, "spans": shipped[year].spans, "version": None, "since": None}
            for year in sorted({*said, *shipped})
        ]
        return json_reply({"years": listed})

    @routes.put(
        "/calendar/{year}",
        summary="Say a year of the calendar",
        description="Whole: days that no span names are ordinary ones, weekends off.",
        response_model=CalendarYearReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_year(year: Year, body: CalendarBody) -> Response:
        if any(span.first.year != year or span.last.year != year for span in body.spans):
            raise InvalidField("spans", f"expected days of {year} only; one span for each year, please")
        spans = sorted(CalendarSpan(**span.model_dump()) for span in body.spans)
        return await years.put(CalendarYear(year=year, spans=tuple(spans)), body)

    @routes.delete(
        "/calendar/{year}",
        summary="Take a year back",
        description="It goes as shipped again. What was said stays in the history.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_year(year: Year, actor: ByWhom, version: SeenVersion) -> Response:
        return await years.remove(year, actor=actor, version=version)

    @routes.get(
        "/sites/{site_id}/bells",
        summary="Bells of a site",
        description="Its own, by the day from which on they ring. Without any it goes by its kind.",
        response_model=BellsListReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_bells(site_id: SiteId, at: AsOf = None) -> Response:
        async def query(conn: Connection) -> list[Version[SiteBells]]:
            await get_site(conn, site_id)  # raises when there is none
            return await load(conn, BELLS, at=at, site_id=site_id)

        return json_reply({"items": [shown(one) for one in await services.reader.read(query)]})

    @routes.put(
        "/sites/{site_id}/bells/{from_day}",
        summary="Say when a site's bells ring",
        description="From a day on, until the next day for which some are said.",
        response_model=BellsReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_bells(site_id: SiteId, from_day: FromDay, body: BellsBody) -> Response:
        return await bells.put(SiteBells(site_id=site_id, from_day=from_day, **body.facts()), body)

    @routes.delete(
        "/sites/{site_id}/bells/{from_day}",
        summary="Take a site's bells back",
        description="Those before go on. What was said stays in the history.",
        response_model=Removed,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def remove_bells(site_id: SiteId, from_day: FromDay, actor: ByWhom, version: SeenVersion) -> Response:
        return await bells.remove(site_id, from_day, actor=actor, version=version)

    async def enrolment(conn: Connection, site_id: str) -> SiteFacts:
        await get_site(conn, site_id)  # raises when there is none
        (facts,) = await list_site_facts(conn, site_id=site_id)
        return facts

    def told(facts: SiteFacts) -> Response:
        names = ("site_id", "pupils", "boarders", "key_site", "version", "since")
        return json_reply({name: getattr(facts, name) for name in names})

    @routes.get(
        "/sites/{site_id}/enrolment",
        summary="Enrolment of a site",
        description="Pupils and boarders, and whether it is a key site of counter-terrorism.",
        response_model=EnrolmentReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_enrolment(site_id: SiteId) -> Response:
        return told(await services.reader.read(lambda conn: enrolment(conn, site_id)))

    @routes.put(
        "/sites/{site_id}/enrolment",
        summary="Change the enrolment of a site",
        description="How many guards it needs follows from it.",
        response_model=EnrolmentReply,
        responses=problem_responses(403, 404, 409, 413, 422, 503),
    )
    async def put_enrolment(site_id: SiteId, body: EnrolmentBody) -> Response:
        now = services.clock.now()

        async def change(conn: Connection) -> SiteFacts:
            async with writing(conn):
                held = await enrolment(conn, site_id)
                if held.version != body.version:
                    raise EditConflict(f"site {site_id} was changed meanwhile: it is version {held.version} now")
                site = msgspec.structs.replace(
                    (await get_site(conn, site_id)).site,
                    pupils=body.pupils,
                    boarders=body.boarders,
                    key_site=body.key_site,
                )
                await upsert_sites(conn, [site], actor=body.actor, at=now)
                return await enrolment(conn, site_id)

        return told(await services.reader.read(change))

    return routes
