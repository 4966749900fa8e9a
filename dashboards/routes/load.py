"""Load on operators: how often they are called, and how soon they answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from dashboards.moments import Moment
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.load import LoadReply
from dashboards.services import Services, json_reply
from domain.operator_load import LONGEST, load_of
from storage import operator_load as load
from storage.pool import Connection

DEFAULT = timedelta(hours=24)
BAD_ACTORS = 10

_EXPLAINED = """\
By EEMUA 191 and IEC 62682, for a period of at most 31 days (left out: the last 24 hours). A call is an incident that
was opened, or that called again after it had returned; tests and drills count, for they call too. Calls are counted in
slots of ten minutes and divided by the operators (left out: those who acknowledged something in the period). A flood
begins with more than 10 calls an operator in a slot and ends with fewer than 5. Answers are those to calls that are
major or worse: 80% within 30 s and 98.5% within 60 s are asked for. What is open, stale, shelved and unanswered is so
now.
"""


def load_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["load"])

    @routes.get(
        "/load",
        summary="Load on operators",
        description=_EXPLAINED,
        response_model=LoadReply,
        responses=problem_responses(422, 503),
    )
    async def get_load(
        since: Annotated[Moment | None, Query(description="At this time or later.")] = None,
        until: Annotated[Moment | None, Query(description="Before this time; left out: now.")] = None,
        operators: Annotated[int | None, Query(ge=1, le=1000, description="How many are on duty at once.")] = None,
    ) -> Response:
        now = services.clock.now()
        end = until or now
        begin = since or end - DEFAULT
        if not begin < end:
            raise InvalidField("since", "must be before until")
        if end - begin > LONGEST:
            raise InvalidField("since", f"a period is at most {LONGEST.days} days")

        async def query(conn: Connection) -> dict[str, Any]:
            people = operators or await load.operators_of(conn, since=begin, until=end)
            slots = load_of(
                await load.calls_by_slot(conn, since=begin, until=end), since=begin, until=end, operators=people
            )
            answered = await load.answers(conn, since=begin, until=end)
            soon, late = answered.shares
            return {
                "since": begin,
                "until": end,
                "operators": people,
                **msgspec.structs.asdict(slots),
                "chattering": await load.chattering(conn, since=begin, until=end),
                "bad_actors": await load.bad_actors(conn, since=begin, until=end, total=slots.calls, most=BAD_ACTORS),
                "answers": {
                    **msgspec.structs.asdict(answered),
                    "share_within_30_s": soon,
                    "share_within_60_s": late,
                },
                "standing": (await load.standing_load(conn, now=now))._asdict(),
            }

        return json_reply(await services.reader.read(query))

    return routes
