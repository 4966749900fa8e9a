"""Signing in and out, and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from dashboards.identities import COOKIE, SECURE_COOKIE, Identity, shown
from dashboards.oidc.provider import Provider
from dashboards.passwords import csrf_token
from dashboards.people import address_of, origin_of
from dashboards.problems import problem_responses
from dashboards.routes import API_PREFIX
from dashboards.schemas.session import PasswordBody, SessionReply, SignedOutReply, SignInBody
from dashboards.services import Services, json_reply
from dashboards.sign_in import From, SignedIn, SignIn
from domain.access import Principal


def session_routes(services: Services, sign_in: SignIn, provider: Provider | None = None) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/session", tags=["session"])
    required = services.identities is not None
    shown_provider = (
        {"name": provider.settings.name, "name_en": provider.settings.name_en} if provider and required else None
    )

    def told(principal: Principal | None, csrf: str = "") -> dict[str, object]:
        return {
            "sign_in": "required" if required else "off",
            "account": None if principal is None else shown_principal(principal),
            "csrf": csrf,
            "provider": shown_provider,
        }

    @routes.get(
        "",
        summary="Who is signed in",
        description="Answers everybody; `account` is null where nobody is signed in.",
        response_model=SessionReply,
        responses=problem_responses(503),
    )
    async def get_session(request: Request) -> Response:
        identity = None if services.identities is None else await services.identities.of(request)
        if identity is None:
            return json_reply(told(None))
        csrf = "" if identity.credential.is_token else csrf_token(identity.credential.secret)
        return json_reply(told(identity.principal, csrf))

    @routes.post(
        "",
        summary="Sign in",
        description="Sets the cookie of the session. What fails is counted; after some tries the next ones wait.",
        response_model=SessionReply,
        responses=problem_responses(401, 403, 409, 413, 422, 429, 503),
    )
    async def begin_session(request: Request, body: SignInBody) -> Response:
        begun = await sign_in.sign_in(body.account, body.password, where(request))
        response = json_reply(told(begun.account.principal(), begun.csrf))
        set_session(response, request, begun)
        return response

    @routes.delete(
        "",
        summary="Sign out",
        description="The session ends; so does a stream that it opened. `sign_out_page`: where that one ends, at the"
        " provider, by which it began.",
        response_model=SignedOutReply,
        responses=problem_responses(401, 403, 409, 413, 422, 503),
    )
    async def sign_out(request: Request) -> Response:
        identity = _identity(request)
        if identity is not None and not identity.credential.is_token:
            await sign_in.sign_out(identity.credential.secret, actor=identity.principal.name, origin=origin_of(request))
        at_provider = provider is not None and identity is not None and identity.how == "provider"
        page = await provider.sign_out_page(f"{origin(request)}/") if provider and at_provider else None
        response = json_reply({**told(None), "sign_out_page": page})
        for name in (COOKIE, SECURE_COOKIE):
            response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="strict")
        return response

    @routes.post(
        "/password",
        summary="Change one's password",
        description="Every other session of the account ends. Tokens stay.",
        response_model=SessionReply,
        responses=problem_responses(401, 403, 409, 413, 422, 429, 503),
    )
    async def change_password(request: Request, body: PasswordBody) -> Response:
        identity = _identity(request)
        if identity is not None:
            await sign_in.change_password(
                identity.principal.account_id, body.old, body.new, session=identity.hash, where=where(request)
            )
            assert services.identities is not None
            services.identities.forget(identity.principal.account_id)
        return await get_session(request)

    return routes


def shown_principal(principal: Principal) -> dict[str, object]:
    return {
        "account": principal.account_id,
        "name": principal.name,
        "role": principal.role,
        "permissions": sorted(principal.permissions),
        "sites": None if principal.sites is None else sorted(principal.sites),
        "must_change": principal.must_change,
        "has_password": principal.has_password,
        "language": principal.language,
    }


def set_session(response: Response, request: Request, begun: SignedIn) -> None:
    """Behind TLS, here or at a proxy on this machine that says so, the cookie never goes over anything else."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        begun.session,
        max_age=int(begun.lasts.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def _identity(request: Request) -> Identity | None:
    """Who asks; None where nobody has to sign in."""
    identity: Identity | None = getattr(request.state, "identity", None)
    return identity


def origin(request: Request) -> str:
    """By which scheme and name the browser reaches this server; `dashboards.guard` has looked at the name."""
    return f"{request.url.scheme}://{request.headers['host']}"


def where(request: Request) -> From:
    credential = shown(request)
    return From(
        address=address_of(request),
        agent=request.headers.get("user-agent", ""),
        before="" if credential is None or credential.is_token else credential.secret,
    )
