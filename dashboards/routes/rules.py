"""Rules: which are in force, their versions, and changes of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Header, Path, Request, Response
from pydantic import AfterValidator

from dashboards.desk import RuleKeeper
from dashboards.people import current, who
from dashboards.problems import InvalidField, problem_response, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.rules import RuleBody, RuleCheckReply, RuleDetailReply, RuleReply, RulesReply, RuleSwitchBody
from dashboards.services import Services, json_reply
from domain.access import Permission
from storage.rules import RuleVersion

#: Paths beside those of rules.
_TAKEN = ("check", "schema")


def _free(name: str) -> str:
    if name in _TAKEN:
        raise ValueError("no rule may be called so")
    return name


RuleName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Name of a rule."), AfterValidator(_free)]
IfMatch = Annotated[
    str | None, Header(description='The version that is changed, as `ETag` had it: `"3"`; `"0"` for a new rule.')
]


def rule_routes(services: Services, keeper: RuleKeeper) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/rules", tags=["rules"])

    @routes.get("", summary="Rules", response_model=RulesReply, responses=problem_responses(503))
    async def list_rules() -> Response:
        return json_reply({"items": await services.reader.within(keeper.rules())})

    @routes.get("/schema", summary="The JSON Schema of a rule")
    async def rule_schema() -> dict[str, Any]:
        return dict(keeper.schema())

    @routes.post(
        "/check",
        summary="Check a rule",
        description="Says what is wrong with it and changes nothing.",
        response_model=RuleCheckReply,
        responses=problem_responses(403, 413, 422),
    )
    async def check_rule(document: Annotated[dict[str, Any], Body()]) -> Response:
        return json_reply({"rule": keeper.check(document)})

    @routes.get(
        "/{rule}",
        summary="One rule",
        description="With all its versions. `ETag` is the one that counts.",
        response_model=RuleDetailReply,
        responses=problem_responses(404, 422, 503),
    )
    async def get_rule(rule: RuleName) -> Response:
        versions = await services.reader.within(keeper.versions(rule))
        return _tagged(json_reply({**msgspec.structs.asdict(versions[0]), "versions": versions}), versions[0])

    @routes.put(
        "/{rule}",
        summary="Change a rule, or write a new one",
        description="It is checked first; a wrong one is refused and the version before it stays in force. The lanes"
        " take it up within moments, without a restart. A rule of life safety asks for the permission `life_safety`.",
        response_model=RuleReply,
        responses=problem_responses(403, 404, 412, 413, 422, 428, 503),
    )
    async def put_rule(request: Request, rule: RuleName, body: RuleBody, if_match: IfMatch = None) -> Response:
        if if_match is None:
            return _which_version()
        by = await who(request, body.actor, workstation=body.workstation)
        work = keeper.put(
            rule, body.document, expected=_version(if_match), reason=body.reason, by=by, guarded=_guarded()
        )
        written = await services.reader.within(work)
        return _tagged(json_reply(written), written)

    async def switch(request: Request, rule: str, body: RuleSwitchBody, if_match: str | None, *, on: bool) -> Response:
        if if_match is None:
            return _which_version()
        by = await who(request, body.actor, workstation=body.workstation)
        work = keeper.switch(rule, on, expected=_version(if_match), reason=body.reason, by=by, guarded=_guarded())
        written = await services.reader.within(work)
        return _tagged(json_reply(written), written)

    @routes.post(
        "/{rule}/disable",
        summary="Switch a rule off",
        description="What it had raised ends. Life safety cannot be switched off.",
        response_model=RuleReply,
        responses=problem_responses(403, 404, 412, 413, 422, 428, 503),
    )
    async def disable_rule(
        request: Request, rule: RuleName, body: RuleSwitchBody, if_match: IfMatch = None
    ) -> Response:
        return await switch(request, rule, body, if_match, on=False)

    @routes.post(
        "/{rule}/enable",
        summary="Switch a rule on again",
        response_model=RuleReply,
        responses=problem_responses(403, 404, 412, 413, 422, 428, 503),
    )
    async def enable_rule(request: Request, rule: RuleName, body: RuleSwitchBody, if_match: IfMatch = None) -> Response:
        return await switch(request, rule, body, if_match, on=True)

    return routes


def _guarded() -> bool:
    """Whether rules of life safety are not for whoever asks."""
    principal = current()
    return principal is not None and not principal.may(Permission.LIFE_SAFETY)


def _version(if_match: str) -> int:
    text = if_match.removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidField("If-Match", 'expected the number of a version, such as "3"')
    return int(text)


def _which_version() -> Response:
    return problem_response(428, 'say in If-Match which version is changed, such as "3"', name="version-missing")


def _tagged(response: Response, version: RuleVersion) -> Response:
    response.headers["etag"] = f'"{version.version}"'
    return response
