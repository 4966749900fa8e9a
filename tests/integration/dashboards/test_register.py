"""The registry behind the targets over HTTP: pages, edits under the version that was seen, and what is not shown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from dashboards.schemas import PageReply
from dashboards.schemas.calendar import BellsListReply, CalendarReply, EnrolmentReply
from dashboards.schemas.guard_posts import PostReportReply
from dashboards.schemas.guards import CheckInReply, GuardReply, ShiftReply
from dashboards.schemas.premises import BarrierReply, InspectionReply
from domain.device import Device, DeviceKind
from domain.site import Site
from storage.devices import upsert_devices
from storage.pool import KeptPool
from storage.sites import upsert_sites
from tests.integration.dashboards.district import NOW, SetClock, ago

GUARD = {
    "actor": "安监科 李敏", "site_id": "s001", "name": "王强", "born_on": "1985-05-01", "first_hired_on": "2021-03-01",
    "certificate_no": "苏3204002", "card": "C-0012", "phone": "13800001234",
}  # fmt: skip


@pytest.fixture(autouse=True)
async def _school(pool: KeptPool) -> None:
    async with pool.connection() as conn:
        await upsert_sites(conn, [Site(site_id="s001", name="实验小学", pupils=900)], actor="test", at=NOW)
        door = Device(site_id="s001", device_id="door-1", kind=DeviceKind.ACCESS_CONTROL)
        await upsert_devices(conn, [door], actor="test", at=NOW)


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    response = await client.put(path, json={"actor": "测试", **body})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def items(client: httpx.AsyncClient, path: str, model: type[BaseModel], **query: Any) -> list[Any]:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return PageReply[model].model_validate_json(response.content).items  # type: ignore[valid-type]


async def test_a_guard_is_registered_changed_under_its_version_and_known_as_of_then(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    first = GuardReply.model_validate(await put(client, "/guards/G1", GUARD))
    assert (first.phone, first.serves_from.isoformat(), first.since) == ("138******34", "2021-03-01", NOW)
    assert (await put(client, "/guards/G1", GUARD, 409))["type"].endswith("changed-meanwhile")
    assert (await put(client, "/guards/G2", {**GUARD, "version": 7}, 404))["type"].endswith("unknown")

    twice = await put(client, "/guards/G2", GUARD, 422)
    assert [error["field"] for error in twice["errors"]] == ["card"]

    clock.at = ago(hours=-1)
    changed = {**GUARD, "version": first.version, "phone": first.phone, "serves_until": "2026-12-31"}
    second = await put(client, "/guards/G1", changed)
    assert second["version"] != first.version
    assert (await put(client, "/guards/G1", changed, 409))["detail"].startswith("guard G1 was changed meanwhile")
    (now,) = await items(client, "/guards", GuardReply, site_id="s001")
    assert str(now.serves_until) == "2026-12-31"
    (then,) = await items(client, "/guards", GuardReply, at=NOW.isoformat())
    assert then.serves_until is None

    shown = await client.post("/guards/G1/phone", json={"actor": "值班员 张伟"})
    assert shown.json() == {"guard_id": "G1", "phone": "13800001234"}
    trail = (await client.get("/audit", params={"action": "guard.phone_shown"})).json()["items"]
    assert [(one["actor"], one["subject"]) for one in trail] == [("值班员 张伟", "G1")]

    gone = await client.delete("/guards/G1", params={"actor": "李敏", "version": first.version})
    assert gone.status_code == 409
    gone = await client.delete("/guards/G1", params={"actor": "李敏", "version": second["version"]})
    assert gone.json() == {"removed": "G1"}
    assert (await client.get("/guards/G1")).status_code == 404
    said = (await client.get("/audit", params={"subject": "G1"})).json()["items"]
    assert {one["action"] for one in said} > {"guard.added", "guard.changed", "guard.removed"}
    assert {one["origin"].split()[0] for one in said} == {"127.0.0.1"}, "each says from where"


async def test_lists_come_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await put(client, f"/guards/G{number}", {**GUARD, "card": ""})
        await put(client, f"/gates/s001/gate-{number}", {"name": f"门{number}"})
    for path, name in (("/guards", "guard_id"), ("/gates", "gate_id")):
        seen: list[str] = []
        cursor = None
        while True:
            page = (await client.get(path, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
            seen += [item[name] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == 5
        assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/guards/G1", {**GUARD, "born_on": "2015-01-01"}, "first_hired_on"),
        ("/guards/G1", {**GUARD, "serves_until": "2020-01-01"}, "serves_until"),
        ("/guards/G1", {**GUARD, "name": " "}, "name"),
        ("/guards/G1", {**GUARD, "id_number": "320400198505010000"}, "id_number"),
        ("/guards/G 1", GUARD, "guard_id"),
        ("/posts/s001/p1", {"place": "正门", "required": 0}, "required"),
        ("/gates/s001/g1", {"name": "正门", "device_id": "'; --"}, "device_id"),
        ("/barriers/s001/b1", {"gate_id": "g1", "kind": "lion"}, "kind"),
        ("/calendar/2027", {"spans": [{"first": "2026-01-01", "last": "2026-01-01", "kind": "holiday"}]}, "spans"),
        ("/sites/s001/enrolment", {"version": 1, "pupils": 10, "boarders": 11}, "boarders"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await put(client, path, body, 422)
    assert [error["field"].partition(".")[0] for error in answer["errors"]] == [field]


async def test_a_barrier_needs_its_gate_and_shows_its_newest_inspection(client: httpx.AsyncClient) -> None:
    barrier = {"gate_id": "gate-1", "kind": "lifting_bollard", "installed_on": "2024-09-01"}
    refused = await put(client, "/barriers/s001/bar-1", barrier, 422)
    assert refused["errors"] == [{"field": "gate_id", "message": "no gate gate-1 at this site"}]
    refused = await put(client, "/gates/s001/gate-1", {"name": "正门", "device_id": "x"}, 422)
    assert refused["errors"] == [{"field": "device_id", "message": "no device x at this site"}]
    gate = await put(client, "/gates/s001/gate-1", {"name": "正门", "main": True, "device_id": "door-1"})
    held = await put(client, "/barriers/s001/bar-1", barrier)
    inspected = await client.post(
        "/barriers/s001/bar-1/inspections", json={"actor": "王芳", "inspected_on": "2026-02-20", "passed": False}
    )
    answer = BarrierReply.model_validate_json(inspected.content)
    assert (str(answer.inspected_on), answer.inspection_passed) == ("2026-02-20", False)
    (one,) = await items(client, "/barriers/s001/bar-1/inspections", InspectionReply)
    assert one.inspector == "王芳"
    query = {"actor": "王芳", "version": gate["version"]}
    assert (await client.delete("/gates/s001/gate-1", params=query)).status_code == 409
    stale = await client.delete("/barriers/s001/bar-1", params={"actor": "王芳", "version": held["version"]})
    assert stale.status_code == 409
    gone = await client.delete("/barriers/s001/bar-1", params={"actor": "王芳", "version": answer.version})
    assert gone.status_code == 200
    assert (await client.delete("/gates/s001/gate-1", params=query)).status_code == 200


async def test_somebody_says_that_a_guard_is_there_and_who_stands_at_a_post(client: httpx.AsyncClient) -> None:
    await put(client, "/guards/G1", GUARD)
    word = {"actor": "王芳", "guard_id": "G1", "site_id": "s001"}
    for expected in (1, 0):
        response = await client.post("/check-ins", json=word)
        assert response.json() == {"recorded": expected}, response.text
    assert (await client.post("/check-ins", json={**word, "guard_id": "G9"})).status_code == 404
    assert (await client.post("/check-ins", json={**word, "at": ago(days=2).isoformat()})).status_code == 422
    query = {"since": ago(days=1).isoformat(), "until": ago(days=-1).isoformat()}
    (seen,) = await items(client, "/check-ins", CheckInReply, **query)
    assert (seen.at, seen.source) == (NOW, "word/王芳")

    await put(client, "/posts/s001/post-1", {"place": "正门", "required": 3})
    said = await client.post("/posts/s001/post-1/reports", json={"actor": "陈静", "present": 2})
    assert PostReportReply.model_validate_json(said.content).present == 2
    (report,) = await items(client, "/post-reports", PostReportReply, **query)
    assert (report.reporter, report.at) == ("陈静", NOW)
    assert (await client.post("/posts/s001/x/reports", json={"actor": "陈静", "present": 2})).status_code == 404


async def test_shifts_are_planned_and_cancelled(client: httpx.AsyncClient) -> None:
    await put(client, "/guards/G1", GUARD)
    shift = {
        "guard_id": "G1", "site_id": "s001", "starts_at": ago(hours=1).isoformat(),
        "ends_at": ago(hours=-11).isoformat(),
    }  # fmt: skip
    for expected in ({"added": 1, "changed": 0, "unchanged": 0}, {"added": 0, "changed": 0, "unchanged": 1}):
        assert (await client.post("/shifts", json={"actor": "王芳", "shifts": [shift]})).json() == expected
    unknown = await client.post("/shifts", json={"actor": "王芳", "shifts": [{**shift, "guard_id": "G9"}]})
    assert unknown.status_code == 404
    query = {"since": NOW.isoformat(), "until": ago(days=-1).isoformat()}
    (planned,) = await items(client, "/shifts", ShiftReply, **query)
    too_long = await client.get("/shifts", params={"since": NOW.isoformat(), "until": ago(days=-100).isoformat()})
    assert too_long.status_code == 422
    path = f"/shifts/G1/{planned.starts_at.isoformat().replace('+00:00', 'Z')}"
    gone = await client.delete(path, params={"actor": "王芳", "version": planned.version})
    assert gone.status_code == 200, gone.text
    assert await items(client, "/shifts", ShiftReply, **query) == []


async def test_contacts_of_an_officer_go_in_and_never_out(client: httpx.AsyncClient) -> None:
    path = "/safety-officers/s001/王芳"
    first = await put(client, path, {"phone": "13900005678", "contacts": ["json://secret@127.0.0.1"]})
    assert (first["phone"], first["contacts"]) == ("139******78", 1)
    second = await put(client, path, {"version": first["version"], "phone": first["phone"], "language": "en"})
    assert (second["phone"], second["contacts"], second["language"]) == ("139******78", 1, "en")
    everything = (await client.get("/safety-officers")).text + (await client.get("/audit")).text
    assert "secret" not in everything


async def test_the_calendar_is_said_by_year_and_taken_back(client: httpx.AsyncClient) -> None:
    shipped = CalendarReply.model_validate_json((await client.get("/calendar")).content)
    assert [(year.year, year.version) for year in shipped.years] == [(2026, None), (2027, None)]
    spans = [{"first": "2027-01-01", "last": "2027-01-03", "kind": "holiday", "name": "元旦"}]
    said = await put(client, "/calendar/2027", {"spans": spans})
    again = CalendarReply.model_validate_json((await client.get("/calendar")).content)
    assert [len(year.spans) for year in again.years if year.year == 2027] == [1]
    await client.delete("/calendar/2027", params={"actor": "李敏", "version": said["version"]})
    assert CalendarReply.model_validate_json((await client.get("/calendar")).content) == shipped


async def test_bells_and_enrolment_of_a_site_are_changed(client: httpx.AsyncClient) -> None:
    hours = {
        "arrival": 450, "lessons": 490, "noon": 700, "afternoon": 810, "leaving": 950, "leaving_to": 1060,
        "staff_leave": 1080,
    }  # fmt: skip
    await put(client, "/sites/s001/bells/2026-05-01", hours)
    assert (await put(client, "/sites/s001/bells/2026-10-01", {**hours, "noon": 480}, 422))["errors"]
    bells = BellsListReply.model_validate_json((await client.get("/sites/s001/bells")).content)
    assert [str(one.from_day) for one in bells.items] == ["2026-05-01"]
    assert (await client.get("/sites/s404/bells")).status_code == 404

    known = EnrolmentReply.model_validate_json((await client.get("/sites/s001/enrolment")).content)
    assert known.pupils == 900
    body = {"version": known.version, "pupils": 1210, "boarders": 30, "key_site": True}
    changed = EnrolmentReply.model_validate(await put(client, "/sites/s001/enrolment", body))
    assert (changed.pupils, changed.boarders, changed.key_site) == (1210, 30, True)
    await put(client, "/sites/s001/enrolment", body, 409)
    site = (await client.get("/sites/s001")).json()
    assert (site["pupils"], site["key_site"]) == (1210, True)
