"""Cameras and rounds over the API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from dashboards.app import create_app
from dashboards.schemas import PageReply
from dashboards.schemas.cameras import (
    AvailabilitiesReply,
    CameraDetailReply,
    CameraReply,
    HazardsReply,
    ItemReply,
    PatrolReply,
    PatrolReportReply,
    RoundDetailReply,
)
from storage.album import Album
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import District, SetClock, ago

WHO, OTHER = {"actor": "李敏"}, {"actor": "王强"}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
def app(database: str, pool: KeptPool, desk: Desk, clock: SetClock, replayer: Replayer, tmp_path: Path) -> FastAPI:
    from dataclasses import replace

    return create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=replayer,
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=replace(web_settings(database), pictures=tmp_path),
        clock=clock,
        version="0.1.0",
        registry=CollectorRegistry(),
    )


@pytest.fixture
def camera(district: District, tmp_path: Path) -> int:
    district.site()
    number = district.device("cam-01", kind="camera")
    district.execute(
        "INSERT INTO camera_source (device_no, way, url, username, password, updated_at)"
        " VALUES (%s, 'snapshot', 'http://10.0.0.1/', 'patrol', 'very-secret', %s)",
        number,
        ago(days=1),
    )
    district.execute(
        "INSERT INTO camera_patrol (device_no, looked_at, picture_at, standing, told, light, verdicts) VALUES"
        ' (%s, %s, %s, \'{black}\', \'black\', \'day\', \'[{"fault": "black", "score": 3.5, "limit": 0.75,'
        ' "suspect": true, "hidden": false}]\')',
        number,
        ago(minutes=5),
        ago(minutes=5),
    )
    for truth, state, reason in (("reachable", "yes", ""), ("good", "no", "black")):
        district.execute(
            "INSERT INTO camera_truth VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            number,
            truth,
            state,
            reason,
            ago(hours=2),
            ago(days=2),
            ago(minutes=5) if state == "yes" else ago(hours=2),
            ago(minutes=5),
        )
    Album(tmp_path).keep_newest(number, b"\xff\xd8 a picture")
    return number


@pytest.mark.usefixtures("camera")
async def test_progress_truths_pictures_and_availability_and_no_credential(client: httpx.AsyncClient) -> None:
    progress = PatrolReply.model_validate_json((await client.get("/patrol")).content)
    assert (progress.cameras, progress.covered, progress.faulty) == (1, 1, 1)

    answers = [await client.get(path) for path in ("/cameras", "/cameras?standing=faulty", "/cameras/s001/cam-01")]
    (one,) = PageReply[CameraReply].model_validate_json(answers[1].content).items
    assert {truth.truth.value: truth.state.value for truth in one.truths} == {"reachable": "yes", "good": "no"}
    detail = CameraDetailReply.model_validate_json(answers[2].content)
    assert detail.verdicts[0].score == 3.5
    assert detail.intervals[0].until is None
    assert all("secret" not in answer.text and "10.0.0.1" not in answer.text for answer in answers)

    picture = await client.get("/cameras/s001/cam-01/picture")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.content == b"\xff\xd8 a picture"
    assert (await client.get("/cameras/s001/cam-01/references/night")).status_code == 404
    assert (await client.get("/cameras/s001/cam-99/picture")).status_code == 404

    asked = {"since": ago(hours=10).isoformat(), "truth": "good", "by": "site"}
    found = AvailabilitiesReply.model_validate_json((await client.get("/camera-availability", params=asked)).content)
    assert [(item.group, item.yes_s, item.no_s, item.rate) for item in found.items] == [
        ("s001", 8 * 3600.0, 2 * 3600.0, 0.8)
    ]
    by_camera = {"since": ago(days=40).isoformat(), "by": "camera"}
    assert (await client.get("/camera-availability", params=by_camera)).status_code == 422


@pytest.mark.usefixtures("camera")
async def test_a_round_is_worked_through(client: httpx.AsyncClient) -> None:
    begun = await client.post("/patrol-rounds", json={**WHO, "kind": "doubtful"})
    detail = RoundDetailReply.model_validate_json(begun.content)
    number = detail.round.round_no
    assert [item.fault for item in detail.items] == ["black"]

    refused = await client.post(f"/patrol-rounds/{number}/items/1", json={**WHO, "verdict": "good"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:campuswatch:problem:round-refused")
    answer = await client.post(f"/patrol-rounds/{number}/items/1", json={**WHO, "verdict": "confirmed"})
    assert ItemReply.model_validate_json(answer.content).hazard_no == 1
    assert (await client.post(f"/patrol-rounds/{number}/end", json=WHO)).status_code == 200
    assert len(HazardsReply.model_validate_json((await client.get("/camera-hazards")).content).items) == 1
    alone = await client.post("/camera-hazards/1/strike-off", json={**WHO, "note": "已更换"})
    assert (alone.status_code, alone.json()["type"]) == (409, "urn:campuswatch:problem:round-refused")
    struck = await client.post("/camera-hazards/1/strike-off", json={**OTHER, "note": "已更换"})
    assert struck.status_code == 200

    report = await client.get(f"/patrol-rounds/{number}/report")
    assert PatrolReportReply.model_validate_json(report.content).total.confirmed == 1
    for form, begins in (("xlsx", b"PK"), ("pdf", b"%PDF")):
        file = await client.get("/reports/patrol", params={"from": "2026-03-01", "to": "2026-03-31", "format": form})
        assert file.content.startswith(begins)
    assert (await client.get("/patrol-rounds/99")).status_code == 404


@pytest.mark.usefixtures("camera")
async def test_a_person_teaches_the_patrol(client: httpx.AsyncClient, district: District) -> None:
    taught = await client.post("/cameras/s001/cam-01/lessons", json={**WHO, "kind": "rejected", "fault": "black"})
    assert taught.status_code == 200
    wrong = await client.post("/cameras/s001/cam-01/lessons", json={**WHO, "kind": "rejected", "fault": "moved"})
    assert wrong.status_code == 422
    assert district.execute("SELECT kind, fault, score, given_by FROM camera_lesson") == [
        ("rejected", "black", 3.5, "李敏")
    ]
    assert district.execute("SELECT count(*) FROM audit_entry WHERE action = 'camera.rejected'") == [(1,)]
