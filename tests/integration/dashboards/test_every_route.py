"""Every route with every role: what may be asked, and that nothing is open because somebody forgot it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from campuswatch.roles.web_import import WebImporter
from campuswatch.roles.web_liaison import liaison
from campuswatch.roster_desk import RosterDesk
from campuswatch.rulekeeper import WebRules
from campuswatch.settings import Settings
from campuswatch.trials import Trials
from dashboards.app import create_app
from dashboards.oidc.provider import ProviderSettings
from dashboards.permissions import RULES, Reach, UndeclaredRoute, declared
from domain.access import GRANTS, Permission, Role
from storage.pool import KeptPool
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, signed_in_settings
from tests.integration.dashboards.district import District, SetClock
from tests.integration.dashboards.fake_provider import CLIENT, ISSUER, FakeProvider
from tests.unit.alerting.findings import SmallGazetteer

ZONE = ZoneInfo("Asia/Shanghai")
LINK = {"url": "http://127.0.0.1:1/x", "secret": "whsec_" + "A" * 44}
#: What is no route of ours: the document that describes the others.
WITHOUT_RULE = {"/api/v1/openapi.json"}
#: In the path of a route: of no site, or of one that is not the officer's.
VALUES = {
    "site_id": "s002",
    "device_id": "d",
    "guard_id": "g",
    "post_id": "p",
    "gate_id": "g",
    "barrier_id": "b",
    "name": "n",
    "from_day": "2026-03-02",
    "starts_at": "2026-03-02T00:00:00Z",
    "year": "2026",
    "target_id": "networking",
    "window_no": "1",
    "contact_no": "1",
    "attachment_no": "1",
    "link_id": "police",
    "delivery_id": str(UUID(int=6)),
    "clock_id": str(UUID(int=7)),
    "report_id": str(UUID(int=8)),
    "warning_id": str(UUID(int=9)),
    "rule": "smoke_alarm",
    "account_id": "nobody",
    "session_no": "999",
    "token_no": "999",
    "trial_id": str(UUID(int=5)),
    "number": "1",
    "token": "A" * 54,
    "answer": "take",
    "light": "day",
    "evidence_id": "00000000-0000-0000-0000-000000000001",
    "part": "picture",
    "round_no": "1",
    "place": "1",
    "hazard_no": "1",
}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def app(database: str, pool: KeptPool, clock: SetClock) -> FastAPI:
    """With everything that a whole installation has."""
    return create_app(
        pool=pool,
        desk=Desk(pool, clock),
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=dataclasses.replace(
            signed_in_settings(database), provider=ProviderSettings(issuer=ISSUER, client_id=CLIENT)
        ),
        clock=clock,
        version="0.1.0",
        liaison=liaison(pool, Settings(links={"police": LINK}), SmallGazetteer(), clock),
        rules=WebRules(pool, clock),
        roster=RosterDesk(pool, clock, ZONE),
        tester=Trials(pool, database, clock, ZONE),
        fetch=FakeProvider(clock),
        importer=WebImporter(database, clock, zone=ZONE.key, profiles=None),
    )


def walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, those of included routers too."""
    for route in routes:
        within = getattr(route, "original_router", None)
        if within is None:
            yield route
        else:
            yield from walk(within.routes)


@dataclass(frozen=True)
class Asked:
    """What came of asking a route: whether the door opened, and the status."""

    status: int
    kind: str

    @property
    def refused(self) -> bool:
        return self.kind in ("not-signed-in", "not-permitted", "must-change-password")


async def _ask(app: FastAPI, client: httpx.AsyncClient, route: BaseRoute, token: str | None, incident: UUID) -> Asked:
    headers = {} if token is None else accounts.bearer(token)
    path = getattr(route, "path").format(**VALUES, incident_id=incident)  # noqa: B009  # BaseRoute has none
    if isinstance(route, APIWebSocketRoute):
        return await _open(app, path, headers)
    assert isinstance(route, APIRoute)
    assert route.methods is not None
    (method,) = route.methods
    body: dict[str, Any] | None = {} if method in ("POST", "PUT") else None
    # As from elsewhere: /metrics asks nobody on this machine.
    answer = await client.request(method, f"http://localhost{path}", json=body, headers={**headers, "via": "1.1 proxy"})
    problem = answer.headers.get("content-type") == "application/problem+json"
    return Asked(answer.status_code, answer.json()["type"].rpartition(":")[2] if problem else "")


async def _open(app: FastAPI, path: str, headers: dict[str, str]) -> Asked:
    """A WebSocket, and away again."""
    sent: list[dict[str, Any]] = []
    incoming: list[dict[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "ws",
        "headers": [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers.items())],
        "client": ("127.0.0.1", 9),
        "server": ("localhost", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    if sent[0]["type"] == "websocket.accept":
        return Asked(101, "")
    assert sent[0]["type"] == "websocket.http.response.start"
    return Asked(sent[0]["status"], {401: "not-signed-in", 403: "not-permitted"}[sent[0]["status"]])


@pytest.fixture
async def tokens(pool: KeptPool, district: District) -> dict[Role, str]:
    """One of each role; the school officer is of the first site."""
    district.site("s001")
    district.site("s002")
    made = {}
    for role in Role:
        sites = ("s001",) if role is Role.SCHOOL_OFFICER else None
        await accounts.add(pool, role.value, role, sites=sites)
        made[role] = await accounts.token(pool, role.value)
    return made


async def test_every_route_with_every_role(
    app: FastAPI, client: httpx.AsyncClient, tokens: dict[Role, str], district: District
) -> None:
    own, other = district.incident(), district.incident(site_no=2, site_id="s002")
    faults = []
    for route in walk(app.routes):
        path = getattr(route, "path", "")
        if path in WITHOUT_RULE:
            continue
        rule = RULES[getattr(route, "name")]  # noqa: B009  # without a rule: no such key
        nobody = await _ask(app, client, route, None, other)
        if nobody.refused != (rule.permission is not None):
            faults.append(f"nobody {path}: {nobody}")
        if rule.permission is None:
            continue
        for role, token in tokens.items():
            asked = await _ask(app, client, route, token, other)
            bound = role is Role.SCHOOL_OFFICER
            may = rule.permission in GRANTS[role] and not (bound and rule.reach is Reach.DISTRICT)
            if asked.refused == may:
                faults.append(f"{role} {path}: {asked}")
            if bound and may and rule.reach in (Reach.SITE, Reach.INCIDENT):
                if asked.status != 404:
                    faults.append(f"{role} {path} at another site: {asked}")
                if "{incident_id}" in path and (await _ask(app, client, route, token, own)).refused:
                    faults.append(f"{role} {path} at his own site is refused")
    assert faults == []


def test_a_route_that_nobody_declared_does_not_come_up(app: FastAPI) -> None:
    route = APIRoute("/api/v1/forgotten", lambda: None, name="forgotten")
    with pytest.raises(UndeclaredRoute, match="forgotten"):
        declared([route])


def test_every_rule_is_of_a_route(app: FastAPI) -> None:
    """A rule that is left over would let a route of its name in unseen."""
    assert {getattr(route, "name", "") for route in walk(app.routes)} - {"openapi"} == set(RULES)


def test_a_route_of_a_site_or_incident_says_so(app: FastAPI) -> None:
    for route in walk(app.routes):
        name, path = getattr(route, "name", ""), getattr(route, "path", "")
        if path in WITHOUT_RULE or RULES[name].permission is None:
            continue
        reach = RULES[name].reach
        if "{incident_id}" in path:
            assert reach in (Reach.INCIDENT, Reach.DISTRICT), path
        elif "{site_id}" in path:
            assert reach in (Reach.SITE, Reach.DISTRICT), path
        else:
            assert reach not in (Reach.INCIDENT, Reach.SITE), path


async def test_a_token_may_only_what_it_was_made_for(
    client: httpx.AsyncClient, pool: KeptPool, tokens: dict[Role, str]
) -> None:
    seeing = accounts.bearer(await accounts.token(pool, "administrator", only=[Permission.SEE], name="see"))
    assert (await client.get("/wall", headers=seeing)).status_code == 200
    assert (await client.get("/audit", headers=seeing)).status_code == 403
