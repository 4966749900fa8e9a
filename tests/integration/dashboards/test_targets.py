"""Targets over the API: now, history, rates, evidence, definitions, self-tests, reports as files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from openpyxl import load_workbook
from prometheus_client import CollectorRegistry

from campuswatch.targets.keeper import Keeper
from dashboards.schemas import targets as models
from domain.liveness import Connectivity
from storage.pool import Connection, KeptPool, connect
from tests.integration.campuswatch.school import NOW, live, register
from tests.integration.dashboards.district import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
async def conn(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database, name="test")
    yield connection
    await connection.close()


@pytest.fixture
async def keeper(pool: KeptPool, conn: Connection, clock: SetClock) -> Keeper:
    """A day in which the button was silent from the 6th to the 12th hour."""
    await register(conn)
    keeper = Keeper(pool=pool, clock=clock, zone=ZoneInfo("Asia/Shanghai"), metrics=CollectorRegistry())

    async def look() -> None:
        for reaction in keeper.reactions.values():
            await reaction(conn)
        await keeper.once()

    await look()
    clock.at = NOW + timedelta(hours=6)
    await live(conn, "btn-1", Connectivity.OFFLINE, at=clock.at)
    await look()
    clock.at = NOW + timedelta(hours=12)
    await live(conn, "btn-1", at=clock.at)
    await look()
    clock.at = NOW + timedelta(hours=24)
    return keeper


async def _get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_now_and_then(client: httpx.AsyncClient, keeper: Keeper) -> None:
    now = await _get(client, "/compliance")
    models.ComplianceReply.model_validate(now)
    assert {one["target_id"]: one["rate"] for one in now["rates"]} == dict.fromkeys(
        ("closed_campus", "guard_staffing", "networking"), 1.0
    )
    assert now["sites"] == []
    then = await _get(client, "/compliance", at=(NOW + timedelta(hours=7)).isoformat())
    [site] = then["sites"]
    assert await _get(client, "/compliance", at=then["at"], standing="none") == {**then, "sites": []}
    assert (site["site_id"], site["target_id"], site["standing"]) == ("s001", "networking", "dropped")
    assert [cause["subject"] for cause in site["causes"]] == ["btn-1"]
    assert "设备失联" in site["causes"][0]["zh"]
    before = await _get(client, "/compliance", at=(NOW - timedelta(days=1)).isoformat())
    assert {one["rate"] for one in before["rates"]} == {None}


async def test_rates_are_weighted_by_time(client: httpx.AsyncClient, keeper: Keeper) -> None:
    query = {"since": NOW.isoformat(), "until": (NOW + timedelta(hours=24)).isoformat()}
    for by, group in (("district", ""), ("township", "前黄镇"), ("site", "s001")):
        found = await _get(client, "/compliance/rates", by=by, target_id="networking", **query)
        [one] = models.SharesReply.model_validate(found).items
        assert (one.group, one.rate, one.drops) == (group, 0.75, 1)
        assert (one.compliant_s, one.dropped_s) == (18 * 3600, 6 * 3600)
    half = {"since": (NOW + timedelta(hours=9)).isoformat(), "until": (NOW + timedelta(hours=15)).isoformat()}
    found = await _get(client, "/compliance/rates", target_id="networking", **half)
    assert [(one["rate"], one["drops"]) for one in found["items"]] == [(0.5, 0)]
    days = await _get(client, "/compliance/days", target_id="networking", **query)
    models.DaysReply.model_validate(days)
    assert [(one["day"], round(one["rate"], 3)) for one in days["items"]] == [
        ("2026-03-02", round(8 / 14, 3)), ("2026-03-03", 1.0)
    ]  # fmt: skip


async def test_a_site_shows_all_that_was_looked_at_and_its_past(client: httpx.AsyncClient, keeper: Keeper) -> None:
    site = models.SiteComplianceReply.model_validate(await _get(client, "/compliance/sites/s001"))
    networking = next(one for one in site.verdicts if one.target_id == "networking")
    assert {(one.requirement, one.subject) for one in networking.evidence} == {
        ("link", "police"), ("link", "education"), ("heartbeat", "btn-1"), ("heartbeat", "cam-1"),
        ("receipt", "btn-1@police"), ("receipt", "btn-1@education"),
    }  # fmt: skip
    first = await _get(client, "/compliance/sites/s001/history", since=NOW.isoformat(), limit=2)
    assert [one["standing"] for one in first["items"]] == ["compliant", "dropped"]
    rest = await _get(
        client, "/compliance/sites/s001/history", since=NOW.isoformat(), limit=5, cursor=first["next_cursor"]
    )
    assert [one["target_id"] for one in rest["items"]] == ["closed_campus", "guard_staffing", "networking"]
    for path in ("/compliance/sites/s999", f"/compliance/sites/s999/history?since={NOW:%Y-%m-%dT%H:%M:%SZ}"):
        assert (await client.get(path)).status_code == 404


async def test_a_target_is_changed_by_a_new_version(client: httpx.AsyncClient, keeper: Keeper) -> None:
    body = {"actor": "王主任", "reason": "本区计入护学岗设置率", "enabled": True, "parameters": {"report_minutes": 10}}
    response = await client.post("/targets/guard_posts/versions", json=body)
    assert response.status_code == 200, response.text
    added = models.TargetReply.model_validate(response.json())
    assert (added.version, added.enabled, added.author) == (2, True, "王主任")
    assert added.parameters["report_minutes"] == 10
    assert added.parameters["early_minutes"] == 30
    versions = (await _get(client, "/targets/guard_posts"))["items"]
    assert [one["version"] for one in versions] == [1, 2]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"parameters": {"report_minutes": -1}}, "parameters"),
        ({"parameters": {"nonsense": 1}}, "parameters"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "starts_at"),
        ({"reason": ""}, "reason"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_nothing_changes(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    response = await client.post("/targets/guard_posts/versions", json={"actor": "王主任", "reason": "试"} | body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith(field)
    assert len((await _get(client, "/targets/guard_posts"))["items"]) == 1
    assert (await client.post("/targets/none/versions", json={"actor": "a", "reason": "b"})).status_code == 404


async def test_tests_that_are_due(client: httpx.AsyncClient, keeper: Keeper) -> None:
    """The acceptance was ten days ago, each month a test."""
    assert (await _get(client, "/self-tests"))["items"] == []
    found = await _get(client, "/self-tests", within_days=30, limit=1)
    [one] = [models.SelfTestReply.model_validate(item) for item in found["items"]]
    assert (one.site_id, one.device_id, one.overdue) == ("s001", "btn-1", False)
    rest = await _get(client, "/self-tests", within_days=30, cursor=found["next_cursor"])
    assert len(rest["items"]) == 1
    assert {one.link_id, rest["items"][0]["link_id"]} == {"police", "education"}


async def test_reports_as_json_workbook_and_paper(client: httpx.AsyncClient, keeper: Keeper) -> None:
    query = {"from": "2026-03-02", "to": "2026-03-03"}
    for by in ("district", "township", "site"):
        report = models.ComplianceReportReply.model_validate(await _get(client, "/reports/compliance", by=by, **query))
        assert {one.target_id: one.rate for one in report.lines}["networking"] == 0.75
        [worst] = report.worst
        assert (worst.line.group, worst.line.dropped_h, worst.causes) == ("s001", 6.0, [("heartbeat", 6.0)])
    for language, title in (("zh", "三个100%达标报告"), ("en", "Report on the 100% targets")):
        answer = await client.get("/reports/compliance", params={**query, "format": "xlsx", "lang": language})
        book = load_workbook(BytesIO(answer.content))
        assert book.worksheets[0]["A1"].value == title
        assert [cell.value for cell in book.worksheets[2][2]][:1] == ["前黄实验学校"]
        paper = await client.get("/reports/compliance", params={**query, "format": "pdf", "lang": language})
        assert paper.headers["content-type"] == "application/pdf"
        assert paper.content.startswith(b"%PDF-")
        assert b"STSong-Light" in paper.content
    assert (
        await client.get("/reports/compliance", params={"from": "2026-03-03", "to": "2026-03-02"})
    ).status_code == 422
