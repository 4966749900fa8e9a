"""A school officer sees his own sites: whatever lists anything is asked, and nothing of another site comes out."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from psycopg.types.json import Jsonb
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dashboards import stream
from dashboards.permissions import RULES, Reach
from domain.access import Role
from domain.early_warning import Audience, EarlyWarning, WarningLevel
from domain.guard import Guard, GuardCheckIn, GuardPost, GuardShift, PostReport
from domain.maintenance import Scope
from domain.premises import Barrier, BarrierKind, Gate
from domain.safety_officer import SafetyOfficer
from storage.accounts import disable_account
from storage.early_warnings import issue_warning
from storage.guard_posts import POSTS, report_post
from storage.guards import GUARDS, SHIFTS, record_check_ins
from storage.pool import Connection, KeptPool
from storage.premises import BARRIERS, GATES
from storage.safety_officers import OFFICERS
from storage.versions import VersionedTable, put
from storage.windows import open_window
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import signed_in_settings
from tests.integration.dashboards.district import NOW, District, ago
from tests.integration.dashboards.running import PATIENCE_S, running
from tests.integration.dashboards.test_every_route import app as app
from tests.integration.dashboards.test_every_route import walk

HOUR = timedelta(hours=1)
OWN, OTHER = "s001", "s002"
#: What the other site's rows are called: no answer may hold any of it.
MARKS = ("s002", "乙校", "secret")
#: What has to be said to be answered at all.
ASKED = {
    "get_shifts": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-05T00:00:00Z"},
    "get_check_ins": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-05T00:00:00Z"},
    "get_post_reports": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-05T00:00:00Z"},
    "get_rates": {"since": "2026-03-01T00:00:00Z", "by": "site"},
    "get_days": {"since": "2026-03-01T00:00:00Z"},
    "get_camera_availability": {"since": "2026-03-01T00:00:00Z"},
    "get_compliance": {"standing": "all"},
    "get_compliance_report": {"from": "2026-03-01", "to": "2026-03-02", "by": "site"},
    "list_windows": {"state": "all"},
    "list_incidents": {"state": "all"},
    "list_self_tests": {"within_days": "400"},
}
#: Of every route that lists: what it shows of the own site, so that an empty list proves nothing.
EMPTY_HERE = {"who", "get_days", "list_self_tests", "get_cameras", "get_camera_availability", "list_camera_hazards"}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


async def _one_of_each(conn: Connection, district: District, site_id: str) -> None:
    """Something of a site in every table that a list shows."""
    mark = "own" if site_id == OWN else "secret"
    site_no = district.site(site_id, name="甲校" if site_id == OWN else "乙校")
    device = f"{site_id}-smk-01"
    device_no = district.device(device, site_id=site_id)
    district.incident(site_no=site_no, site_id=site_id, device_no=device_no, device_id=device)
    day, guard = date(2025, 1, 1), f"{site_id}-g01"
    facts: list[tuple[VersionedTable[Any], Any]] = [
        (GUARDS, Guard(guard_id=guard, site_id=site_id, name=mark, born_on=date(1990, 1, 1), first_hired_on=day,
                       serves_from=day)),
        (SHIFTS, GuardShift(guard_id=guard, site_id=site_id, starts_at=ago(hours=2), ends_at=NOW + HOUR)),
        (POSTS, GuardPost(site_id=site_id, post_id="p1", place=mark, required=1)),
        (OFFICERS, SafetyOfficer(site_id=site_id, name=mark)),
        (GATES, Gate(site_id=site_id, gate_id="g1", name=mark)),
        (BARRIERS, Barrier(site_id=site_id, barrier_id="b1", gate_id="g1", kind=BarrierKind.BOLLARD)),
    ]  # fmt: skip
    for table, fact in facts:
        await put(conn, table, [fact], actor="test", at=ago(days=3))
    seen = GuardCheckIn(guard_id=guard, site_id=site_id, at=ago(hours=1), source=f"card/{mark}")
    await record_check_ins(conn, [seen], at=ago(hours=1))
    reported = PostReport(site_id=site_id, post_id="p1", at=ago(hours=1), present=1, reporter=mark)
    await report_post(conn, reported, at=ago(hours=1))
    scope = Scope(site_id=site_id)
    window = await open_window(
        conn, scope, starts_at=ago(hours=1), ends_at=NOW + HOUR, reason=mark, author="x", at=ago(hours=1)
    )
    district.execute(
        "INSERT INTO held_finding (window_no, key, rule, severity, life_safety, site_id, device_id, first_at, last_at,"
        " finding) VALUES (%s, %s, 'offline', 'minor', false, %s, %s, %s, %s, '{}')",
        *(window, site_id, site_id, device, ago(hours=1), ago(hours=1)),
    )
    district.execute(
        "INSERT INTO compliance_interval (site_no, target_id, version, standing, since, causes)"
        " SELECT %s, target_id, version, 'dropped', %s, %s FROM target_definition WHERE target_id = 'networking'",
        *(site_no, ago(days=1), Jsonb([{"zh": mark}])),
    )
    warning = EarlyWarning(
        warning_id=uuid4(),
        number=0,
        kind="rainstorm",
        level=WarningLevel.BLUE,
        title_zh=mark,
        title_en="",
        text_zh=mark,
        text_en="",
        audience=Audience(sites=(site_id,)),
        issued_at=ago(hours=1),
        issued_by="x",
        valid_from=ago(hours=1),
        valid_until=NOW + HOUR,
    )
    await issue_warning(conn, warning)


@pytest.fixture
async def officer(pool: KeptPool, district: District) -> dict[str, str]:
    """Headers of a school officer of the first of two sites that have one of everything."""
    async with pool.connection() as conn:
        for site_id in (OWN, OTHER):
            await _one_of_each(conn, district, site_id)
    await accounts.add(pool, "wangfang", Role.SCHOOL_OFFICER, name="王芳", sites=(OWN,))
    return accounts.bearer(await accounts.token(pool, "wangfang"))


def _holds(answer: str) -> list[str]:
    return [mark for mark in MARKS if mark in answer]


async def test_no_list_shows_anything_of_another_site(
    app: FastAPI, client: httpx.AsyncClient, officer: dict[str, str]
) -> None:
    asked: dict[str, httpx.Response] = {}
    for route in walk(app.routes):
        name = getattr(route, "name", "")
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()) or name not in RULES:
            continue
        if RULES[name].reach is not Reach.WITHIN or "{" in route.path:
            continue
        for more in ({}, {"site_id": OTHER}):
            answer = await client.get(
                f"http://localhost{route.path}", params={**ASKED.get(name, {}), **more}, headers=officer
            )
            assert answer.status_code in (200, 404), f"{name}: {answer.text}"
            assert not _holds(answer.text.replace(f"no site {OTHER}", "")), f"{name}: {answer.text}"
            asked.setdefault(name, answer)
    assert len(asked) >= 18
    for name, answer in asked.items():
        if name not in EMPTY_HERE:
            assert OWN in answer.text or "own" in answer.text, f"{name} shows nothing: {answer.text}"


async def test_another_sites_guard_is_nobody(client: httpx.AsyncClient, officer: dict[str, str]) -> None:
    guard = (await client.get("/guards/s001-g01", headers=officer)).json()
    edit = {name: guard[name] for name in ("name", "born_on", "first_hired_on", "version")}
    for method, path, body in (
        ("GET", "/guards/s002-g01", None),
        ("POST", "/guards/s002-g01/phone", {}),
        ("DELETE", "/guards/s002-g01?version=2", None),
        ("PUT", "/guards/s002-g01", {**edit, "site_id": OWN, "version": 2}),  # taken over
        ("PUT", "/guards/s001-g01", {**edit, "site_id": OTHER}),  # pushed off
        ("POST", "/check-ins", {"guard_id": "s002-g01", "site_id": OTHER}),
        ("DELETE", "/shifts/s002-g01/2026-03-01T23:30:00Z?version=2", None),
        ("GET", f"/duty/who?site_id={OTHER}", None),
    ):
        answer = await client.request(method, path, json=body, headers=officer)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
    shift = {"starts_at": "2026-03-03T00:00:00Z", "ends_at": "2026-03-03T08:00:00Z"}
    for guard_id, site_id in (("s002-g01", OWN), ("s001-g01", OTHER)):
        body = {"shifts": [{"guard_id": guard_id, "site_id": site_id, **shift}]}
        assert (await client.post("/shifts", json=body, headers=officer)).status_code == 404
    body = {"shifts": [{"guard_id": "s001-g01", "site_id": OWN, **shift}]}
    assert (await client.post("/shifts", json=body, headers=officer)).status_code == 200
    assert (await client.put("/guards/s001-g01", json={**edit, "site_id": OWN}, headers=officer)).status_code == 200


async def test_another_sites_warning_is_none(client: httpx.AsyncClient, officer: dict[str, str]) -> None:
    (own,) = (await client.get("/warnings", headers=officer)).json()
    path = f"/warnings/{own['warning_id']}"
    assert [one["site_id"] for one in (await client.get(path, headers=officer)).json()["receipts"]] == [OWN]
    for site_id, status in ((OTHER, 404), (OWN, 200)):
        answer = await client.post(f"{path}/read", json={"site_id": site_id}, headers=officer)
        assert answer.status_code == status, answer.text


async def test_the_stream_of_a_school_officer_tells_of_his_own_site_alone(
    database: str, pool: KeptPool, district: District, officer: dict[str, str]
) -> None:
    async with running(signed_in_settings(database)) as server, server.watch(additional_headers=officer) as watcher:
        snapshot = await watcher.until(lambda frame: frame["type"] == "snapshot")
        assert [tile["site_id"] for tile in snapshot["wall"]["sites"]] == [OWN]
        assert [one["site_id"] for one in snapshot["incidents"]] == [OWN]
        totals = snapshot["wall"]["totals"]
        assert (totals["sites"], totals["devices"], totals["open_incidents"]) == (1, 1, 1)
        assert not _holds(watcher.last_text)
        texts = []
        for _ in range(3):
            district.incident(site_no=2, site_id=OTHER)
        mine = district.incident(site_no=1, site_id=OWN)

        def told(frame: dict[str, Any]) -> bool:
            texts.append(watcher.last_text)
            return any(one["incident_id"] == str(mine) for one in frame["incidents"])

        delta = await watcher.until(told)
        assert delta["totals"]["open_incidents"] == 2
        await watcher.until(lambda frame: frame["type"] == "delta")
        assert not any(_holds(text) for text in [*texts, watcher.last_text])


async def test_who_comes_while_all_is_quiet_is_shown_his_site_all_the_same(
    database: str, officer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 10 * PATIENCE_S)
    async with running(signed_in_settings(database)) as server:
        async with asyncio.timeout(PATIENCE_S):
            while not server.metric("frames_total", kind="snapshot"):  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.05)
        async with server.watch(additional_headers=officer) as watcher:
            assert [tile["site_id"] for tile in (await watcher.frame())["wall"]["sites"]] == [OWN]


async def test_a_stream_ends_when_its_viewer_is_not_signed_in_any_more(
    database: str, pool: KeptPool, officer: dict[str, str]
) -> None:
    async with running(signed_in_settings(database)) as server, server.watch(additional_headers=officer) as watcher:
        await watcher.frame()
        async with pool.connection() as conn:
            await disable_account(conn, "wangfang", actor="test", at=NOW)
        with pytest.raises(ConnectionClosed) as closed:
            await watcher.until(lambda _: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_a_stream_begins_for_nobody_who_is_not_signed_in(database: str) -> None:
    async with running(signed_in_settings(database)) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.watch():
                pass
        assert refused.value.response.status_code == 401
