"""Before each route: who asks, and whether he may. What is refused here never reaches the route.

::

    token or cookie ──► Identities ──► permission of the route ──► reach (sites) ──► route
           none: 401         CSRF: 403           no: 403         another's site: 404
"""

from __future__ import annotations

import hmac
import time
from uuid import UUID

import structlog
from fastapi import FastAPI, Request, WebSocket
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dashboards.guard import is_loopback
from dashboards.identities import Identities, Identity
from dashboards.metrics import WebMetrics
from dashboards.passwords import csrf_token
from dashboards.people import enter, origin_of
from dashboards.permissions import RULES, Reach, Rule
from dashboards.problems import problem_response
from dashboards.reader import Reader
from domain.access import Principal
from domain.clock import Clock
from domain.errors import StorageError, UnknownIncident, UnknownSite
from storage.audit_trail import append, asked_from
from storage.incident_views import site_of_incident

CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "via")
#: One refusal of an account at a route is written down so often at most.
_AUDIT_EVERY_S = 600.0
_MOST_AUDITED = 1_000

log = structlog.get_logger("campuswatch.web.entry")


class Refused(Exception):
    """Whoever asks may not, or has to say first who it is."""

    def __init__(self, status: int, detail: str, *, name: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.name = name


def _not_signed_in() -> Refused:
    return Refused(401, "Sign in first, or bring a token that holds.", name="not-signed-in")


class Entry:
    """A dependency of every route. ``identities`` None: nobody has to sign in, and clients name themselves."""

    def __init__(self, identities: Identities | None, *, reader: Reader, clock: Clock, metrics: WebMetrics) -> None:
        self._identities = identities
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._audited: dict[tuple[str, str], float] = {}

    async def __call__(self, connection: HTTPConnection) -> None:
        enter(None)
        asked_from.set(origin_of(connection))
        if self._identities is None:
            return
        name: str = connection.scope["route"].name
        rule = RULES[name]
        if rule.permission is None or (rule.local and _from_this_machine(connection)):
            return
        identity = await self._identities.of(connection)
        if identity is None:
            self._metrics.refusals.labels("nobody").inc()
            raise _not_signed_in()
        _check_csrf(connection, identity)
        principal = identity.principal
        enter(principal)
        asked_from.set(origin_of(connection))
        connection.state.identity = identity
        if not principal.may(rule.permission):
            await self._refuse(connection, principal, name, rule)
        await self._check_reach(connection, principal, name, rule)

    async def _check_reach(self, connection: HTTPConnection, principal: Principal, name: str, rule: Rule) -> None:
        if principal.sites is None:
            return
        match rule.reach:
            case Reach.DISTRICT:
                await self._refuse(connection, principal, name, rule)
            case Reach.SITE:
                site_id = connection.path_params["site_id"]
                if not principal.reaches(site_id):
                    self._metrics.refusals.labels("site").inc()
                    raise UnknownSite(f"no site {site_id}")
            case Reach.INCIDENT:
                incident_id = _incident(connection.path_params["incident_id"])
                site = (
                    None
                    if incident_id is None
                    else await self._reader.read(lambda conn: site_of_incident(conn, incident_id))
                )
                if site is None or not principal.reaches(site):
                    self._metrics.refusals.labels("site").inc()
                    raise UnknownIncident(f"no incident {connection.path_params['incident_id']}")

    async def _refuse(self, connection: HTTPConnection, principal: Principal, name: str, rule: Rule) -> None:
        """:raises Refused: always."""
        if principal.must_change:
            self._metrics.refusals.labels("password").inc()
            raise Refused(403, "Change your password first: somebody else made it.", name="must-change-password")
        self._metrics.refusals.labels("permission").inc()
        await self._write_down(connection, principal, name)
        asked = rule.permission
        raise Refused(
            403,
            f"This asks for the permission «{asked}»"
            + (" and for every site." if rule.reach is Reach.DISTRICT and principal.sites is not None else ".")
            + f" Your role: {principal.role}.",
            name="not-permitted",
        )

    async def _write_down(self, connection: HTTPConnection, principal: Principal, name: str) -> None:
        """The audit holds who tried what he may not; a page that tries it again and again does not fill it."""
        key, now_s = (principal.account_id, name), time.monotonic()
        if now_s - self._audited.get(key, float("-inf")) < _AUDIT_EVERY_S:
            return
        if len(self._audited) >= _MOST_AUDITED:
            self._audited.clear()
        self._audited[key] = now_s
        origin, at = origin_of(connection), self._clock.now()
        try:
            await self._reader.read(
                lambda conn: append(
                    conn,
                    at=at,
                    actor=principal.name,
                    origin=origin,
                    action="access.refused",
                    subject=principal.account_id,
                    detail={"route": name},
                )
            )
        except StorageError as error:
            log.warning("a refusal is not in the audit", account=principal.account_id, route=name, error=str(error))


def _check_csrf(connection: HTTPConnection, identity: Identity) -> None:
    """A cookie goes with whatever any page makes the browser ask for; what only a page of ours can say must come too.

    :raises Refused: it does not.
    """
    if identity.credential.is_token:
        return
    if connection.scope["type"] == "websocket":
        # Browsers always say from which page; `Guard` has compared it.
        if "origin" not in connection.headers:
            raise Refused(403, "A session is for browsers, which send Origin; bring a token.", name="wrong-origin")
    elif connection.scope["method"] not in _SAFE_METHODS:
        said = connection.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(said.encode(), csrf_token(identity.credential.secret).encode()):
            raise Refused(403, "Changes carry X-CSRF-Token, as GET /api/v1/session says it.", name="wrong-csrf-token")


def _from_this_machine(connection: HTTPConnection) -> bool:
    client = connection.client
    return client is not None and is_loopback(client.host) and not any(n in connection.headers for n in _FORWARDED)


def _incident(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


async def _on_refused(connection: Request | WebSocket, error: Exception) -> Response:
    assert isinstance(error, Refused)
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    response = problem_response(error.status, error.detail, name=error.name, headers=headers)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
    return response


def install_entry(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _on_refused)
