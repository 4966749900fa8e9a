"""Errors as RFC 9457 problem details. They never hold SQL, a stack trace or where the database is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import (
    AccountError,
    AccountRefused,
    AttachmentRefused,
    DefinitionRefused,
    DutyError,
    EditConflict,
    EntryRefused,
    IllegalTransition,
    KeyReused,
    LinkError,
    LinkRefused,
    PasswordRefused,
    RegistryError,
    ReportRefused,
    ResponsePlanError,
    RoundRefused,
    RuleConflict,
    RuleGuarded,
    RuleRefused,
    SignatureRefused,
    SignInRefused,
    StorageError,
    StorageUnavailable,
    TrialRefused,
    UnknownAccount,
    UnknownAttachment,
    UnknownDelivery,
    UnknownDevice,
    UnknownEntry,
    UnknownIncident,
    UnknownLink,
    UnknownReport,
    UnknownRound,
    UnknownRule,
    UnknownSite,
    UnknownTarget,
    UnknownTrial,
    UnknownWarning,
    UnknownWindow,
    VerificationRefused,
    WarningRefused,
    WindowRefused,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

log = structlog.get_logger("campuswatch.web")


class FieldError(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(description="Name of the field, with dots where it is nested; `body` for the whole body.")
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:campuswatch:problem:illegal-transition",
                    "title": "Conflict",
                    "status": 409,
                    "detail": "cannot reset an incident that is raised; possible now: acknowledge, note",
                }
            ]
        }
    )

    type: str = Field(description="`urn:campuswatch:problem:` and a name, or `about:blank`.")
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="Only with invalid input.")


class InvalidField(Exception):
    """A field has the right type and a value that cannot be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


_MEANINGS = {
    401: "Nobody has signed in, or what should prove it (a password, the secret of a link) is wrong.",
    403: "Whoever is signed in may not do this, or the page that asks is not one of ours (Origin, CSRF).",
    404: "There is none.",
    409: "The state does not allow it; `detail` says what is possible.",
    412: "It was changed meanwhile; `detail` says at which version it is.",
    413: "The body is too large.",
    422: "The input is invalid; `errors` says which field and why.",
    428: "A change says in `If-Match` which version it changes.",
    426: "Only WebSocket is spoken here.",
    429: "Too many tries failed; `Retry-After` says when the next may be made.",
    503: "The database is away; try again after `Retry-After` seconds.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents of its refusals."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem_response(
    status: int,
    detail: str,
    *,
    name: str | None = None,
    errors: Sequence[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:campuswatch:problem:{name}" if name else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=None if errors is None else list(errors),
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def invalid(errors: Sequence[FieldError]) -> Response:
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
    return problem_response(422, detail, name="invalid-input", errors=errors[:20])


def unavailable() -> Response:
    return problem_response(
        503,
        "The database cannot be reached. Nothing is known of the present state; try again shortly.",
        name="database-unavailable",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def _field(location: Sequence[Any]) -> str:
    # A name may come from the request and hold what UTF-8 cannot.
    parts = [str(part).encode("utf-8", "replace").decode()[:64] for part in location[1:]]
    return ".".join(parts) or str(location[0] if location else "body")


def _field_of(fault: Mapping[str, Any]) -> str:
    """Of two fields that do not fit together, the one that is to be mended (`dashboards.schemas.registry.wrong`)."""
    if fault["type"] == "json_invalid":
        return "body"
    location = fault["loc"]
    return _field((*location, fault["ctx"]["field"]) if fault["type"] == "inconsistent" else location)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid(
        [
            FieldError(
                field=_field_of(fault),
                message=str(fault["msg"]).encode("utf-8", "replace").decode(),
            )
            for fault in error.errors()
        ]
    )


async def _on_invalid_field(_request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidField)
    return invalid([FieldError(field=error.field, message=error.message)])


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and error.__cause__ is not None:  # FastAPI could not read the body, as UTF-8 or at all
        return invalid([FieldError(field="body", message=str(error.detail))])
    if error.status_code == 405 and request.url.path.startswith("/api/"):
        return problem_response(405, "This path has other methods; see `Allow`.", headers={"Allow": _allowed(request)})
    return problem_response(error.status_code, str(error.detail), headers=error.headers)


_compiled = lru_cache(maxsize=1024)(compile_path)


def _allowed(request: Request) -> str:
    """The methods of all routes under this path; Starlette names those of the first. As OpenAPI has it, a path that is
    written out comes before one with names to fill in.
    """
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    path = request.url.path
    matching = [path] if path in paths else [one for one in paths if _compiled(one)[0].match(path)]
    return ", ".join(sorted({method.upper() for one in matching for method in paths[one]}))


async def _on_unavailable(request: Request, error: Exception) -> Response:
    log.warning("database away", path=request.url.path, error=str(error))
    return unavailable()


async def _on_storage_error(request: Request, error: Exception) -> Response:
    log.error("database refused", path=request.url.path, error=str(error))
    return problem_response(500, "The database refused the request. The log says why.")


async def _on_unknown(_request: Request, error: Exception) -> Response:
    return problem_response(404, str(error), name="unknown")


async def _on_illegal_transition(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="illegal-transition")


async def _on_window_refused(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="window-refused")


def _on_refused_field(field: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(_request: Request, error: Exception) -> Response:
        return invalid([FieldError(field=field, message=str(error))])

    return refused


async def _on_signature(_request: Request, error: Exception) -> Response:
    return problem_response(401, str(error), name="signature-refused")


async def _on_round_refused(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="round-refused")


async def _on_report_refused(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="report-refused")


async def _on_link_error(_request: Request, error: Exception) -> Response:
    return problem_response(422, str(error), name="answer-refused")


async def _on_rule_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RuleRefused)
    told = [problem.partition(": ") for problem in error.problems]
    return invalid([FieldError(field=field if text else "document", message=text or field) for field, _, text in told])


async def _on_rule_guarded(_request: Request, error: Exception) -> Response:
    return problem_response(403, str(error), name="not-permitted")


async def _on_rule_conflict(_request: Request, error: Exception) -> Response:
    return problem_response(412, str(error), name="rule-changed")


async def _on_trial_refused(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="trial-refused")


async def _on_edit_conflict(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="changed-meanwhile")


async def _on_entry_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, EntryRefused)
    return invalid([FieldError(field=error.field, message=str(error))])


async def _on_registry_error(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="registry-refused")


async def _on_definition_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DefinitionRefused)
    faults = [fault.partition(": ") for fault in error.faults]
    return invalid([FieldError(field=field, message=message or field) for field, _, message in faults])


async def _on_duty_error(_request: Request, error: Exception) -> Response:
    return problem_response(409, str(error), name="duty-refused")


async def _on_link_refused(_request: Request, error: Exception) -> Response:
    return problem_response(410, str(error), name="link-refused")


async def _on_account_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, AccountRefused) and error.field:
        return invalid([FieldError(field=error.field, message=str(error))])
    return problem_response(409, str(error), name="account-refused")


async def _on_sign_in_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInRefused)
    if error.wait_s > 0:
        headers = {"retry-after": str(ceil(error.wait_s))}
        return problem_response(429, str(error), name="sign-in-held", headers=headers)
    return problem_response(401, str(error), name="sign-in-refused")


def install_problem_handlers(app: FastAPI) -> None:
    # Starlette looks along the classes of an error: the nearest wins.
    for kind, handler in (
        (RequestValidationError, _on_invalid_request),
        (InvalidField, _on_invalid_field),
        (HTTPException, _on_http_error),
        (StorageUnavailable, _on_unavailable),
        (StorageError, _on_storage_error),
        (UnknownIncident, _on_unknown),
        (UnknownSite, _on_unknown),
        (UnknownDevice, _on_unknown),
        (UnknownEntry, _on_unknown),
        (EditConflict, _on_edit_conflict),
        (UnknownTarget, _on_unknown),
        (DefinitionRefused, _on_definition_refused),
        (UnknownWindow, _on_unknown),
        (UnknownAttachment, _on_unknown),
        (IllegalTransition, _on_illegal_transition),
        (WindowRefused, _on_window_refused),
        (VerificationRefused, _on_refused_field("reason")),
        (AttachmentRefused, _on_refused_field("body")),
        (KeyReused, _on_refused_field("idempotency-key")),
        (EntryRefused, _on_entry_refused),
        (RegistryError, _on_registry_error),
        (RuleRefused, _on_rule_refused),
        (RuleGuarded, _on_rule_guarded),
        (RuleConflict, _on_rule_conflict),
        (UnknownRule, _on_unknown),
        (UnknownTrial, _on_unknown),
        (TrialRefused, _on_trial_refused),
        (UnknownLink, _on_unknown),
        (UnknownDelivery, _on_unknown),
        (SignatureRefused, _on_signature),
        (LinkError, _on_link_error),
        (DutyError, _on_duty_error),
        (ResponsePlanError, _on_duty_error),
        (LinkRefused, _on_link_refused),
        (UnknownReport, _on_unknown),
        (ReportRefused, _on_report_refused),
        (UnknownWarning, _on_unknown),
        (UnknownRound, _on_unknown),
        (RoundRefused, _on_round_refused),
        (WarningRefused, _on_report_refused),
        (UnknownAccount, _on_unknown),
        (PasswordRefused, _on_refused_field("password")),
        (AccountError, _on_account_error),
        (SignInRefused, _on_sign_in_refused),
    ):
        app.add_exception_handler(kind, handler)


class LastResort:
    """ASGI middleware: an error nobody expected becomes a log line and a plain 500 problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if started:
                raise
            answer = problem_response(500, "Something went wrong in the server. The log says what.")
            await answer(scope, receive, send)
