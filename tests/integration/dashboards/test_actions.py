from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from dashboards.schemas.incidents import IncidentReply
from domain.errors import StorageError, StorageUnavailable
from domain.incident import IncidentState
from tests.integration.dashboards.desks import Desk
from tests.integration.dashboards.district import NOW, District


async def _act(
    client: httpx.AsyncClient, incident: UUID, action: str, *, note: str = "", actor: str = "张伟"
) -> httpx.Response:
    return await client.post(f"/incidents/{incident}/{action}", json={"actor": actor, "note": note})


async def test_life_safety_goes_through_acknowledge_reset_and_close(
    client: httpx.AsyncClient, district: District
) -> None:
    incident = district.incident()
    states = []
    for action in ("acknowledge", "reset", "close"):
        response = await _act(client, incident, action)
        assert response.status_code == 200, response.text
        states.append(IncidentReply.model_validate_json(response.content).state)
    assert states == [IncidentState.ACKNOWLEDGED, IncidentState.RESET, IncidentState.CLOSED]


async def test_who_acknowledged_and_when_is_answered(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    shown = IncidentReply.model_validate_json((await _act(client, incident, "acknowledge", actor=" 张伟 ")).content)
    assert (shown.acknowledged_by, shown.acknowledged_at) == ("张伟", NOW)


async def test_a_note_goes_to_the_timeline(client: httpx.AsyncClient, district: District) -> None:
    incident = district.incident()
    assert (await _act(client, incident, "notes", note="民警已到场")).status_code == 200
    (entry,) = (await client.get(f"/incidents/{incident}")).json()["timeline"]
    assert (entry["kind"], entry["actor"], entry["detail"]) == (
        "noted",
        "张伟",
        {"note": "民警已到场", "origin": "127.0.0.1"},
    )


async def test_what_the_state_does_not_allow_is_refused_with_what_it_does(
    client: httpx.AsyncClient, district: District
) -> None:
    response = await _act(client, district.incident(), "reset")
    assert response.status_code == 409
    problem = response.json()
    assert problem["type"] == "urn:campuswatch:problem:illegal-transition"
    assert "acknowledge" in problem["detail"]


async def test_acting_on_an_unknown_incident_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await _act(client, uuid4(), "acknowledge")).status_code == 404


async def test_lengths_are_counted_in_characters(client: httpx.AsyncClient, district: District) -> None:
    response = await _act(client, district.incident(), "acknowledge", actor="员" * 64, note="注" * 2000)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageUnavailable("connection to 10.1.2.3 refused"), 503),
        (StorageError("relation incident does not exist at SELECT"), 500),
        (RuntimeError("SELECT secret FROM duty_shift"), 500),
    ],
)
async def test_a_failing_desk_is_told_without_its_inner_words(
    client: httpx.AsyncClient, district: District, desk: Desk, error: Exception, status: int
) -> None:
    desk.error = error
    response = await _act(client, district.incident(), "acknowledge")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "SELECT" not in response.text
    assert "10.1.2.3" not in response.text
    assert "Traceback" not in response.text
    assert ("retry-after" in response.headers) == (status == 503)
