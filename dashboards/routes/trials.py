"""Rules tried on what happened, in a process apart."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from dashboards.people import who
from dashboards.problems import InvalidField, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas import SignBody
from dashboards.schemas.trials import TrialBody, TrialReply, TrialsReply
from dashboards.services import Services, json_reply
from dashboards.trials import Tester

TrialId = Annotated[UUID, Path(description="Trial.")]


def trial_routes(services: Services, tester: Tester) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/trials", tags=["rules"])

    @routes.get(
        "",
        summary="Trials of rules",
        description="The last ten, the newest first, without what they raised. Kept by this process alone.",
        response_model=TrialsReply,
    )
    async def list_trials() -> Response:
        return json_reply({"items": tester.trials()})

    @routes.post(
        "",
        summary="Try a rule",
        description="Plays up to 31 days of what was stored through it and, where it is another one, through the rule"
        " in force. In a process of low priority; one at a time. Changes nothing. Ask for the trial until it is done.",
        response_model=TrialReply,
        responses=problem_responses(403, 409, 413, 422, 503),
    )
    async def start_trial(request: Request, body: TrialBody) -> Response:
        now = services.clock.now()
        until = min(body.until, now)
        if body.since >= until:
            raise InvalidField("until", "expected a time after `since`, which has to be past")
        by = await who(request, body.actor)
        work = tester.start(body.document, since=body.since, until=until, site_id=body.site_id, by=by)
        return json_reply(await services.reader.within(work))

    @routes.get("/{trial_id}", summary="One trial", response_model=TrialReply, responses=problem_responses(404, 422))
    async def get_trial(trial_id: TrialId) -> Response:
        return json_reply(tester.trial(trial_id))

    @routes.post(
        "/{trial_id}/cancel",
        summary="Cancel a trial",
        response_model=TrialReply,
        responses=problem_responses(403, 404, 409, 413, 422),
    )
    async def cancel_trial(request: Request, trial_id: TrialId, body: SignBody) -> Response:
        return json_reply(await tester.cancel(trial_id, by=await who(request, body.actor)))

    return routes
