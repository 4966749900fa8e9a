"""To the OpenID Connect provider, and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from dashboards.oidc.refusal import Fault, ProviderRefused
from dashboards.oidc.sign_in import ProviderSignIn, Returned
from dashboards.problems import problem_response, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.routes.session import origin, set_session, where
from dashboards.schemas import Text
from dashboards.schemas.provider import BeginBody, BegunReply
from dashboards.services import json_reply
from domain.errors import CampuswatchError
from storage.provider_visits import LASTS

_VISIT = "campuswatch_visit"
_SECURE_VISIT = "__Host-" + _VISIT
CALLBACK = f"{API_PREFIX}/session/provider/callback"
_ANSWER_S = 2

_Said = Annotated[Text, Query(max_length=4096, description="As the provider says it.")]


def provider_routes(sign_in: ProviderSignIn) -> APIRouter:
    routes = APIRouter(prefix=f"{API_PREFIX}/session/provider", tags=["session"])

    @routes.post(
        "",
        summary="Begin to sign in at the provider",
        description="Answers the provider's page to go to. It sends the browser back to the callback.",
        response_model=BegunReply,
        responses=problem_responses(403, 409, 413, 422, 429, 503),
    )
    async def begin_at_provider(request: Request, body: BeginBody) -> Response:
        try:
            begun = await sign_in.begin(origin(request) + CALLBACK, where(request))
        except ProviderRefused as error:
            sign_in.tell(error, where(request))
            status = 429 if error.fault is Fault.BUSY else 503
            headers = {"retry-after": str(_ANSWER_S)}
            return problem_response(status, f"provider: {error.fault}", name="provider-refused", headers=headers)
        response = json_reply({"page": begun.page})
        secure = request.url.scheme == "https"
        # Lax: it has to come back with the navigation from the provider's page.
        response.set_cookie(
            _SECURE_VISIT if secure else _VISIT,
            begun.browser,
            max_age=int(LASTS.total_seconds()),
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response

    @routes.get(
        "/callback",
        summary="Back from the provider",
        description="For the browser alone: it brings a session, or a word why there is none, to the first page.",
        status_code=303,
        response_class=Response,
        responses=problem_responses(422),
    )
    async def finish_at_provider(
        request: Request,
        state: _Said = "",
        code: _Said = "",
        error: _Said = "",
        iss: _Said = "",
    ) -> Response:
        browser = request.cookies.get(_SECURE_VISIT) or request.cookies.get(_VISIT) or ""
        back = Returned(state=state, code=code, browser=browser[:200], error=error, issuer=iss)
        try:
            begun = await sign_in.finish(back, where(request))
        except ProviderRefused as refused:
            sign_in.tell(refused, where(request))
            response: Response = _to_page(refused.fault)
        except CampuswatchError as trouble:  # of the database: the browser stands here and needs a page
            sign_in.tell(ProviderRefused(Fault.AWAY, f"{type(trouble).__name__}"), where(request))
            response = _to_page("unreachable")
        else:
            response = RedirectResponse("/", 303)
            set_session(response, request, begun)
            for name in (_VISIT, _SECURE_VISIT):
                response.delete_cookie(name, path="/", secure=name == _SECURE_VISIT, httponly=True, samesite="lax")
        return response

    return routes


def _to_page(word: str) -> Response:
    return RedirectResponse(f"/?sign_in={word}", 303)
