"""Accounts and tokens, for administrators."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboards.account_desk import AccountDesk
from dashboards.entry import Refused
from dashboards.people import Who, current, who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.accounts import (
    AccountBody,
    AccountId,
    AccountReply,
    AccountsReply,
    EndedReply,
    NewAccountBody,
    NewTokenReply,
    OneTimeReply,
    RolesReply,
    SessionNo,
    SessionsReply,
    TokenBody,
    TokenNo,
    TokensReply,
)
from dashboards.services import json_reply
from domain.access import GRANTS, Principal
from domain.account import Account, AccountView, ApiToken, SessionView, check_account

_CHANGES = problem_responses(401, 403, 404, 409, 413, 422, 503)


def account_routes(desk: AccountDesk, *, issuer: str = "") -> APIRouter:
    """:param issuer: the OpenID Connect provider; "" = there is none."""
    routes = APIRouter(prefix=API_PREFIX, tags=["accounts"])

    async def as_it_is(account_id: str) -> dict[str, Any]:
        return shown_account(await desk.account(account_id))

    @routes.get(
        "/roles",
        summary="Roles, and what each may do",
        description="They are fixed; whatever account has one may this and nothing more.",
        response_model=RolesReply,
        responses=problem_responses(401, 403),
    )
    async def list_roles() -> Response:
        return json_reply({"items": [{"role": role, "permissions": sorted(may)} for role, may in GRANTS.items()]})

    @routes.get(
        "/accounts",
        summary="Accounts",
        description="All of them, by account; those that are disabled too, for the audit names them.",
        response_model=AccountsReply,
        responses=problem_responses(401, 403, 503),
    )
    async def list_accounts() -> Response:
        return json_reply({"items": [shown_account(one) for one in await desk.accounts()], "provider": bool(issuer)})

    @routes.post(
        "/accounts",
        summary="Add an account",
        description="Answers its one-time password, once. It holds for seven days and has to be changed at the first"
        " sign-in.",
        response_model=OneTimeReply,
        responses=problem_responses(401, 403, 409, 413, 422, 429, 503),
    )
    async def add_account(request: Request, body: NewAccountBody) -> Response:
        by = await _by(request)
        account = Account(account_id=body.account, **_facts(body, issuer))
        check_account(account)
        password = await desk.add(account, password=body.password, by=by, granting=administrator())
        return json_reply({"account": await as_it_is(body.account), "one_time_password": password})

    @routes.get(
        "/accounts/{account_id}",
        summary="One account",
        description="With how many sessions and tokens of it hold, and whether trying to sign in is held up.",
        response_model=AccountReply,
        responses=problem_responses(401, 403, 404, 422, 503),
    )
    async def get_account(account_id: AccountId) -> Response:
        return json_reply(await as_it_is(account_id))

    @routes.put(
        "/accounts/{account_id}",
        summary="Change an account",
        description="Whole. It holds from the next request on. The last administrator with a password stays one.",
        response_model=AccountReply,
        responses=_CHANGES,
    )
    async def change_account(request: Request, account_id: AccountId, body: AccountBody) -> Response:
        await desk.change(account_id, await _by(request), granting=administrator(), **_facts(body, issuer))
        return json_reply(await as_it_is(account_id))

    @routes.post(
        "/accounts/{account_id}/disable",
        summary="Disable an account",
        description="Nobody signs in with it any more; its sessions and streams end at once, its tokens are of no use."
        " Accounts are never deleted: the audit names them. The last administrator with a password stays.",
        response_model=AccountReply,
        responses=_CHANGES,
    )
    async def disable_account(request: Request, account_id: AccountId) -> Response:
        await desk.disable(account_id, await _by(request))
        return json_reply(await as_it_is(account_id))

    @routes.post(
        "/accounts/{account_id}/enable",
        summary="Enable an account again",
        description="With the password and the tokens that it had.",
        response_model=AccountReply,
        responses=_CHANGES,
    )
    async def enable_account(request: Request, account_id: AccountId) -> Response:
        await desk.enable(account_id, await _by(request), granting=administrator())
        return json_reply(await as_it_is(account_id))

    @routes.post(
        "/accounts/{account_id}/unlock",
        summary="Forget failed tries to sign in",
        description="The next try is looked at without a wait.",
        response_model=AccountReply,
        responses=_CHANGES,
    )
    async def unlock_account(request: Request, account_id: AccountId) -> Response:
        await desk.unlock(account_id, await _by(request))
        return json_reply(await as_it_is(account_id))

    @routes.post(
        "/accounts/{account_id}/password",
        summary="Reset a password",
        description="Answers another one-time password, once; the account's sessions end.",
        response_model=OneTimeReply,
        responses=problem_responses(401, 403, 404, 409, 413, 422, 429, 503),
    )
    async def reset_password(request: Request, account_id: AccountId) -> Response:
        by = await _by(request)
        password = await desk.reset(account_id, by, granting=administrator())
        return json_reply({"account": await as_it_is(account_id), "one_time_password": password})

    @routes.get(
        "/accounts/{account_id}/sessions",
        summary="Sessions of an account",
        description="Those that hold, the one used last first.",
        response_model=SessionsReply,
        responses=problem_responses(401, 403, 404, 422, 503),
    )
    async def list_account_sessions(request: Request, account_id: AccountId) -> Response:
        found = await desk.sessions(account_id)
        this = await desk.number_of(getattr(request.state, "identity", None))
        return json_reply({"items": [shown_session(one, this) for one in found]})

    @routes.delete(
        "/accounts/{account_id}/sessions",
        summary="End all sessions of an account",
        description="Tokens stay.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def end_account_sessions(request: Request, account_id: AccountId) -> Response:
        return json_reply({"ended": await desk.end_sessions(account_id, await _by(request))})

    @routes.delete(
        "/accounts/{account_id}/sessions/{session_no}",
        summary="End a session of an account",
        description="At once; a stream that it opened ends with it.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def end_account_session(request: Request, account_id: AccountId, session_no: SessionNo) -> Response:
        await desk.end_session(account_id, session_no, await _by(request))
        return json_reply({"ended": 1})

    @routes.get(
        "/tokens",
        summary="Tokens of programs",
        description="Those that hold.",
        response_model=TokensReply,
        responses=problem_responses(401, 403, 422, 503),
    )
    async def list_tokens(
        account_id: Annotated[
            str | None, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$", description="Of one account.")
        ] = None,
    ) -> Response:
        return json_reply({"items": [shown_token(one) for one in await desk.tokens(account_id)]})

    @routes.post(
        "/accounts/{account_id}/tokens",
        summary="Make a token for an account",
        description="Answers it once. It has the permissions of the account, or those of them that are named, and none"
        " that whoever asks has not.",
        response_model=NewTokenReply,
        responses=_CHANGES,
    )
    async def add_token(request: Request, account_id: AccountId, body: TokenBody) -> Response:
        token, secret = await desk.add_token(
            account_id,
            await _by(request),
            name=body.name,
            days=body.days,
            permissions=body.permissions,
            granting=administrator(),
        )
        return json_reply({"token": shown_token(token), "secret": secret})

    @routes.delete(
        "/tokens/{token_no}",
        summary="Revoke a token",
        description="It is of no use any more, at once.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def revoke_token(request: Request, token_no: TokenNo) -> Response:
        await desk.revoke_token(token_no, await _by(request))
        return json_reply({"ended": 1})

    return routes


def administrator() -> Principal:
    """:raises Refused: nobody has to sign in, so that accounts are of no use."""
    principal = current()
    if principal is None:
        raise Refused(403, "Signing in is switched off (web.sign_in), and with it accounts.", name="sign-in-off")
    return principal


async def _by(request: Request) -> Who:
    return await who(request, administrator().name)


def _facts(body: AccountBody, issuer: str) -> dict[str, Any]:
    return {
        "name": body.name,
        "role": body.role,
        "site_ids": tuple(dict.fromkeys(body.sites)) if body.sites else None,
        "language": body.language,
        "issuer": issuer if body.subject else "",
        "subject": body.subject,
    }


def shown_account(account: AccountView) -> dict[str, Any]:
    facts = msgspec.structs.asdict(account)
    facts["account"] = facts.pop("account_id")
    facts["sites"] = facts.pop("site_ids")
    del facts["issuer"]
    return facts


def shown_session(session: SessionView, this: int | None) -> dict[str, Any]:
    facts = msgspec.structs.asdict(session)
    del facts["account_id"]
    return {**facts, "this": session.session_no == this}


def shown_token(token: ApiToken) -> dict[str, Any]:
    facts = msgspec.structs.asdict(token)
    facts["account"] = facts.pop("account_id")
    return facts
