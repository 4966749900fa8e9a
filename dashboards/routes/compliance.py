"""Compliance: how sites stand to the targets, now and at any past moment; rates over periods; tests that are due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.moments import Moment
from dashboards.paging import Cursor, Limit, decode_cursor, page_of
from dashboards.people import current, sites
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import PageReply, SiteId
from dashboards.schemas.targets import (
    ComplianceReply,
    DaysReply,
    SelfTestReply,
    SharesReply,
    SiteComplianceReply,
    StandingReply,
)
from dashboards.services import Services, json_reply
from domain.target import Standing, Verdict
from domain.target_words import cause_words
from storage.compliance_views import By, StandingView, days_over, history_of, rates_at, shares, standings_at
from storage.pool import Connection
from storage.sites import get_site

Target = Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Of one target.")]
Since = Annotated[Moment, Query(description="From then on.")]
Until = Annotated[Moment | None, Query(description="Until then; without it until now.")]
_MOST_DAYS = 400


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a history: of one moment there may be an interval of each target."""

    since: datetime
    target_id: str


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    due_at: datetime
    site_id: str
    device_id: str
    link_id: str


def with_rate(one: msgspec.Struct) -> dict[str, Any]:
    """A view of `storage.compliance_views` with what follows from it."""
    view: Any = one
    added = {"rate": view.rate, **({"proved": view.proved} if hasattr(view, "proved") else {})}
    return {**msgspec.structs.asdict(one), **added}


def period(since: datetime, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """:raises InvalidField: it has no length, or is longer than can be asked for."""
    ends = min(until or now, now)
    if ends <= since:
        raise InvalidField("until", "has to be later than since, and since has to be in the past")
    if ends - since > timedelta(days=_MOST_DAYS):
        raise InvalidField("since", f"at most {_MOST_DAYS} days before until")
    return since, ends


def compliance_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/compliance", tags=["targets"])

    @routes.get(
        "",
        summary="The district and its targets",
        description="Rates of all targets now, or at any past moment with the definitions that were in force then, and"
        " the sites that did not meet one or of which nobody could tell, each with its causes.",
        response_model=ComplianceReply,
        responses=problem_responses(422, 503),
    )
    async def get_compliance(
        at: Annotated[Moment | None, Query(description="A past moment; without it now.")] = None,
        target_id: Target = None,
        standing: Annotated[
            Literal["troubled", "all", "none"],
            Query(description="`troubled`: those that are not compliant or exempt; `none`: rates alone."),
        ] = "troubled",
    ) -> Response:
        now = services.clock.now()
        moment = min(at or now, now)

        async def query(conn: Connection) -> dict[str, Any]:
            standings = (
                [] if standing == "none" else await standings_at(conn, moment, target_id=target_id, sites=sites())
            )
            quiet = (Standing.COMPLIANT, Standing.EXEMPT)
            return {
                "at": moment,
                "rates": [with_rate(one) for one in await rates_at(conn, moment, sites=sites())],
                "sites": [one for one in standings if standing == "all" or one.standing not in quiet],
            }

        return json_reply(await services.reader.read(query))

    @routes.get(
        "/rates",
        summary="Rates over a period",
        description="Weighted by time: the seconds in which sites met a target, of those in which it is known.",
        response_model=SharesReply,
        responses=problem_responses(422, 503),
    )
    async def get_rates(
        since: Since,
        until: Until = None,
        by: Annotated[By, Query(description="What the rates are of.")] = "district",
        target_id: Target = None,
    ) -> Response:
        begin, end = period(since, until, services.clock.now())
        found = await services.reader.read(
            lambda conn: shares(conn, since=begin, until=end, by=by, target_id=target_id, sites=sites())
        )
        return json_reply({"since": begin, "until": end, "items": [with_rate(one) for one in found]})

    @routes.get(
        "/days",
        summary="Rates of each day",
        description="The district's rates by day, weighted by time within it.",
        response_model=DaysReply,
        responses=problem_responses(422, 503),
    )
    async def get_days(since: Since, until: Until = None, target_id: Target = None) -> Response:
        begin, end = period(since, until, services.clock.now())
        zone = services.settings.zone
        day, days = begin.astimezone(zone).date(), []
        while (starts := datetime.combine(day, datetime.min.time(), zone)) < end:
            ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
            days.append((day, max(starts, begin), min(ends, end)))
            day += timedelta(days=1)
        found = await services.reader.read(lambda conn: days_over(conn, days, target_id=target_id, sites=sites()))
        return json_reply({"items": [with_rate(one) for one in found]})

    @routes.get(
        "/sites/{site_id}",
        summary="A site and its evidence",
        description="Everything that was looked at, now: each guard, gate, barrier, device and link, met or not, since"
        " when and until when.",
        response_model=SiteComplianceReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_site_compliance(site_id: SiteId) -> Response:
        now = services.clock.now()
        verdicts = await services.reader.read(lambda conn: services.assessor.verdicts(conn, site_id, now))
        return json_reply({"site_id": site_id, "at": now, "verdicts": [_told(one) for one in verdicts]})

    @routes.get(
        "/sites/{site_id}/history",
        summary="The history of a site",
        description="How it stood to the targets in a period, newest first; each with the version it was judged by.",
        response_model=PageReply[StandingReply],
        responses=problem_responses(404, 422, 503),
    )
    async def get_site_history(
        site_id: SiteId,
        since: Since,
        until: Until = None,
        target_id: Target = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        begin, end = period(since, until, services.clock.now())
        after = decode_cursor(cursor, _Before)

        async def query(conn: Connection) -> list[StandingView]:
            await get_site(conn, site_id)  # raises when there is none
            return await history_of(
                conn,
                site_id,
                since=begin,
                until=end,
                target_id=target_id,
                before=None if after is None else (after.since, after.target_id),
                limit=limit + 1,
            )

        found = await services.reader.read(query)
        return json_reply(page_of(found, limit, lambda last: _Before(last.since, last.target_id)))

    return routes


def self_test_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/self-tests", tags=["targets"])

    @routes.get(
        "",
        summary="Self-tests that are due",
        description="One-key alarms that have to be tested over each link, and the links' own tests, the longest"
        " overdue first. A test is a press that is marked as a test; its receipts are the proof.",
        response_model=PageReply[SelfTestReply],
        responses=problem_responses(404, 422, 503),
    )
    async def list_self_tests(
        within_days: Annotated[int, Query(ge=0, le=400, description="Due within so many days; 0 = overdue.")] = 7,
        site_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        now = services.clock.now()
        after = decode_cursor(cursor, _Place)
        found = await services.reader.read(
            lambda conn: services.assessor.self_tests(
                conn, now, due_before=now + timedelta(days=within_days), site_id=site_id
            )
        )
        principal = current()
        if principal is not None:
            found = [one for one in found if principal.reaches(one.site_id)]
        places = [(_Place(one.due_at, one.site_id, one.device_id, one.link_id), one) for one in found]
        if after is not None:
            seen = msgspec.structs.astuple(after)
            places = [(place, one) for place, one in places if msgspec.structs.astuple(place) > seen]
        page = page_of(places, limit, lambda last: last[0])
        items = [{**msgspec.structs.asdict(one), "overdue": one.due_at <= now} for _, one in page.items]
        return json_reply({"items": items, "next_cursor": page.next_cursor})

    return routes


def _told(one: Verdict) -> dict[str, Any]:
    evidence = []
    for each in one.evidence:
        zh, en = cause_words(each)
        evidence.append({**msgspec.structs.asdict(each), "zh": zh, "en": en})
    return {
        "site_id": one.site_id,
        "target_id": one.target_id,
        "version": one.version,
        "standing": one.standing,
        "changes_at": one.changes_at,
        "evidence": evidence,
    }
