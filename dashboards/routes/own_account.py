"""One's own sessions and tokens. Only a session gets here, never a token: a program makes itself no further tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from dashboards.account_desk import AccountDesk
from dashboards.entry import Refused
from dashboards.identities import Identity
from dashboards.people import who
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.routes.accounts import shown_session, shown_token
from dashboards.schemas.accounts import (
    EndedReply,
    NewTokenReply,
    OwnTokenBody,
    SessionNo,
    SessionsReply,
    TokenNo,
    TokensReply,
)
from dashboards.services import json_reply

_CHANGES = problem_responses(401, 403, 404, 409, 413, 422, 503)


def own_account_routes(desk: AccountDesk) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/session", tags=["session"])

    @routes.get(
        "/sessions",
        summary="One's own sessions",
        description="Those that hold, the one used last first.",
        response_model=SessionsReply,
        responses=problem_responses(401, 403, 503),
    )
    async def list_own_sessions(request: Request) -> Response:
        identity = _in_session(request)
        found = await desk.sessions(identity.principal.account_id)
        this = await desk.number_of(identity)
        return json_reply({"items": [shown_session(one, this) for one in found]})

    @routes.delete(
        "/sessions",
        summary="End one's other sessions",
        description="Every one but that which asks. Tokens stay.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def end_own_sessions(request: Request) -> Response:
        identity = _in_session(request)
        by = await who(request, identity.principal.name)
        return json_reply({"ended": await desk.end_sessions(identity.principal.account_id, by, keep=identity.hash)})

    @routes.delete(
        "/sessions/{session_no}",
        summary="End one of one's sessions",
        description="At once; a stream that it opened ends with it.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def end_own_session(request: Request, session_no: SessionNo) -> Response:
        identity = _in_session(request)
        await desk.end_session(identity.principal.account_id, session_no, await who(request, identity.principal.name))
        return json_reply({"ended": 1})

    @routes.get(
        "/tokens",
        summary="One's own tokens",
        description="Those that hold.",
        response_model=TokensReply,
        responses=problem_responses(401, 403, 503),
    )
    async def list_own_tokens(request: Request) -> Response:
        identity = _in_session(request)
        return json_reply({"items": [shown_token(one) for one in await desk.tokens(identity.principal.account_id)]})

    @routes.post(
        "/tokens",
        summary="Make a token for a program of one's own",
        description="Answers it once. It never may more than its owner, and ends with the account.",
        response_model=NewTokenReply,
        responses=_CHANGES,
    )
    async def add_own_token(request: Request, body: OwnTokenBody) -> Response:
        identity = _in_session(request)
        token, secret = await desk.add_token(
            identity.principal.account_id,
            await who(request, identity.principal.name),
            name=body.name,
            days=body.days,
            permissions=body.permissions,
            granting=identity.principal,
        )
        return json_reply({"token": shown_token(token), "secret": secret})

    @routes.delete(
        "/tokens/{token_no}",
        summary="Revoke one of one's tokens",
        description="It is of no use any more, at once.",
        response_model=EndedReply,
        responses=_CHANGES,
    )
    async def revoke_own_token(request: Request, token_no: TokenNo) -> Response:
        identity = _in_session(request)
        await desk.revoke_token(token_no, await who(request, identity.principal.name), of=identity.principal.account_id)
        return json_reply({"ended": 1})

    return routes


def _in_session(request: Request) -> Identity:
    """:raises Refused: a token asks, or nobody has to sign in, or the password is to be changed first."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None or identity.credential.is_token:
        raise Refused(403, "This is for people who have signed in, not for tokens.", name="session-only")
    if identity.principal.must_change:
        raise Refused(403, "Change your password first: somebody else made it.", name="must-change-password")
    return identity
