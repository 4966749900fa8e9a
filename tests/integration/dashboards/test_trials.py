"""Rules tried from the page: over HTTP, in a process of their own, one at a time, and beside the rule in force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from campuswatch.rulekeeper import WebRules
from campuswatch.trials import Trials
from dashboards.app import create_app
from dashboards.schemas.trials import TrialReply, TrialResultReply, TrialsReply
from dashboards.trials import TrialState
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import NOW, District, SetClock

WARM = {
    "rule": "warm_room",
    "title": {"zh": "室温高", "en": "Warm room"},
    "category": "device",
    "severity": "minor",
    "watch": {"kinds": ["temperature"]},
    "for": "1m",
    "clear_for": "1m",
    "when": {"reading": "temperature_c", "unit": "°C", "above": 30, "clear": 27},
}
SPAN = {"since": (NOW - timedelta(hours=1)).isoformat(), "until": (NOW + timedelta(hours=9)).isoformat()}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
async def client(database: str, pool: KeptPool, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    async with Trials(pool, database, clock, ZoneInfo("Asia/Shanghai")) as tester:
        app = create_app(
            pool=pool,
            desk=Desk(pool, clock),
            registrar=Registrar(pool, clock),
            replayer=Replayer(),
            responder=responder(pool, clock),
            assessor=assessor(pool, clock),
            settings=web_settings(database),
            clock=clock,
            version="0.1.0",
            rules=WebRules(pool, clock),
            tester=tester,
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1", timeout=60) as opened:
            yield opened


async def _start(client: httpx.AsyncClient, document: dict[str, Any], **span: str) -> httpx.Response:
    return await client.post("/trials", json={"actor": "张伟", "document": document, **SPAN, **span})


async def _result(client: httpx.AsyncClient, started: httpx.Response) -> TrialResultReply:
    assert started.status_code == 200, started.text
    trial = TrialReply.model_validate_json(started.content)
    async with asyncio.timeout(120):
        while trial.state is TrialState.RUNNING:
            await asyncio.sleep(0.1)
            trial = TrialReply.model_validate_json((await client.get(f"/trials/{trial.trial_id}")).content)
    assert (trial.state, trial.error, trial.progress) == (TrialState.DONE, "", 1.0)
    assert trial.result is not None
    return trial.result


async def test_a_rule_is_tried_on_what_happened_and_beside_the_one_in_force(
    client: httpx.AsyncClient, district: District
) -> None:
    district.site()
    device = district.device("s001-tmp-01", kind="temperature")
    for minute in range(50, 0, -1):
        value = 33.0 if 20 <= minute <= 30 else 22.0
        district.reading(device, "temperature_c", value, NOW - timedelta(minutes=minute))
    first = await _start(client, WARM)
    busy = await _start(client, WARM)
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:campuswatch:problem:trial-refused")
    result = await _result(client, first)
    assert (result.observations, result.raised, result.today, result.incidents) == (50, 1, None, 0)
    (line,) = result.lines
    assert (line.mark, line.site_id, line.device_id, line.known) == ("new", "s001", "s001-tmp-01", False)
    assert NOW - timedelta(minutes=30) < line.raised_at < NOW - timedelta(minutes=28)
    # Now it stands in force, and a colder limit would raise the same.
    in_force = {"actor": "张伟", "reason": "试运行", "document": WARM}
    assert (await client.put("/rules/warm_room", json=in_force, headers={"If-Match": '"0"'})).status_code == 200
    hotter = {**WARM, "when": {**WARM["when"], "above": 40, "clear": 35}}  # type: ignore[dict-item]
    result = await _result(client, await _start(client, hotter))
    assert (result.raised, result.today, result.new, result.gone) == (0, 1, 0, 1)
    assert [line.mark for line in result.lines] == ["gone"]
    kept = TrialsReply.model_validate_json((await client.get("/trials")).content).items
    assert [(one.rule, one.today, one.asked_by) for one in kept] == [
        ("warm_room", "tried", "张伟"),
        ("warm_room", "none", "张伟"),
    ]


async def test_a_trial_is_cancelled_and_makes_room_for_the_next(client: httpx.AsyncClient, district: District) -> None:
    district.site()
    district.device("s001-tmp-01", kind="temperature")
    path = f"/trials/{(await _start(client, WARM)).json()['trial_id']}"
    cancelled = await client.post(f"{path}/cancel", json={"actor": "张伟"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (await client.post(f"{path}/cancel", json={"actor": "张伟"})).status_code == 409
    assert (await _result(client, await _start(client, WARM))).raised == 0


async def test_what_cannot_be_tried_is_refused_with_its_reason(client: httpx.AsyncClient) -> None:
    wrong = await _start(client, {**WARM, "severity": "loud"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "severity")
    chattering = (await client.get("/rules/chattering_device")).json()["document"]
    refused = await _start(client, chattering)
    assert (refused.status_code, "cannot be tried" in refused.text) == (422, True)
    long = await _start(client, WARM, since=(NOW - timedelta(days=40)).isoformat())
    assert (long.status_code, "31 days" in long.json()["detail"]) == (409, True)
    late = await _start(client, WARM, since=(NOW + timedelta(hours=1)).isoformat())
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "until")
    assert (await client.get("/trials/00000000-0000-0000-0000-000000000005")).status_code == 404
