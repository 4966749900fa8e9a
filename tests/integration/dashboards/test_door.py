"""Host, Origin, sizes and headers, on every kind of answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.integration.dashboards.district import District


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "10.0.0.9:8080"])
async def test_other_names_are_turned_away(client: httpx.AsyncClient, host: str) -> None:
    response = await client.get("/wall", headers={"host": host})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:campuswatch:problem:wrong-host"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "wall.example", "WALL.example:443"])
async def test_loopback_and_configured_names_are_answered(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
async def test_pages_of_another_origin_change_nothing(
    client: httpx.AsyncClient, district: District, origin: str
) -> None:
    incident = district.incident()
    response = await client.post(
        f"/incidents/{incident}/acknowledge", json={"actor": "张伟"}, headers={"origin": origin}
    )
    assert response.status_code == 403
    assert (await client.get(f"/incidents/{incident}")).json()["state"] == "raised"


async def test_pages_of_our_own_origin_may_act(client: httpx.AsyncClient, district: District) -> None:
    response = await client.post(
        f"/incidents/{district.incident()}/acknowledge",
        json={"actor": "张伟"},
        headers={"origin": "http://localhost"},
    )
    assert response.status_code == 200


async def test_a_form_of_a_foreign_page_is_not_taken_for_json(client: httpx.AsyncClient, district: District) -> None:
    response = await client.post(
        f"/incidents/{district.incident()}/acknowledge",
        content=b'{"actor":"x"}',
        headers={"content-type": "text/plain"},
    )
    assert response.status_code == 422


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    response = await client.post(f"/incidents/{uuid4()}/notes", json={"actor": "x", "note": "x" * 70_000})
    assert response.status_code == 413


async def test_a_body_without_a_length_is_bounded_too(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    response = await client.post(
        f"/incidents/{uuid4()}/notes", content=endless(), headers={"content-type": "application/json"}
    )
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/wall", "/api/v1/nothing", "/api/v1/incidents?limit=0", "/", "/metrics"])
async def test_every_answer_tells_browsers_what_to_refuse(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(f"http://localhost{path}")).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy  # nothing beyond default-src
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


async def test_answers_of_the_api_are_never_cached(client: httpx.AsyncClient) -> None:
    assert (await client.get("/wall")).headers["cache-control"] == "no-store"


async def test_no_cross_origin_request_is_allowed_beforehand(client: httpx.AsyncClient) -> None:
    response = await client.options(
        "/wall", headers={"origin": "http://evil.example", "access-control-request-method": "GET"}
    )
    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/wall"), ("DELETE", "/incidents"), ("GET", "/incidents/x/close")]
)
async def test_a_method_that_a_route_does_not_know_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["allow"]


async def test_what_is_allowed_under_a_path_are_the_methods_of_all_its_routes(client: httpx.AsyncClient) -> None:
    response = await client.options("/barriers/s001/b1")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, PUT"


async def test_a_body_that_is_no_text_is_a_field_that_is_wrong(client: httpx.AsyncClient) -> None:
    path = "/incidents/1b1f6bd2-4049-4d6e-a513-bd46f5831473/notes"
    response = await client.post(path, content=b"\xff\xfe", headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "body"
