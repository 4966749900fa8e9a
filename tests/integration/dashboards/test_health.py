from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge

from dashboards.schemas.health import HealthReply
from storage.pool import connect


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


async def test_health_names_the_roles_that_are_at_work(client: httpx.AsyncClient, database: str) -> None:
    alarm = await connect(database, name="alarm lane")
    try:
        await alarm.execute("SELECT 1")
        health = HealthReply.model_validate_json((await client.get("/health")).content)
    finally:
        await alarm.close()
    assert (health.status, health.database, health.version) == ("ok", "ok", "0.1.0")
    assert health.roles == ["alarm", "web"]


async def test_requests_are_measured_under_the_template_of_their_route(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    await client.get("/sites/s001")
    await client.get("/sites/s002")
    await client.get("http://localhost/no/such/page")
    await client.get("/nothing")

    def count(route: str, status: str) -> float | None:
        return registry.get_sample_value(
            "campuswatch_web_request_seconds_count", {"method": "GET", "route": route, "status": status}
        )

    assert count("/api/v1/sites/{site_id}", "4xx") == 2
    assert count("pages", "2xx") == 1
    assert count("pages", "4xx") == 1


async def test_a_made_up_method_makes_no_label(client: httpx.AsyncClient, registry: CollectorRegistry) -> None:
    await client.request("BREW", "/wall")
    assert registry.get_sample_value(
        "campuswatch_web_request_seconds_count", {"method": "other", "route": "/api/v1/wall", "status": "4xx"}
    )


async def test_metrics_show_the_registry_that_was_passed_in(
    client: httpx.AsyncClient, registry: CollectorRegistry
) -> None:
    Gauge("campuswatch_of_another_room", "x", registry=registry).set(7)
    response = await client.get("http://localhost/metrics")
    assert response.status_code == 200
    assert "campuswatch_of_another_room 7.0" in response.text
    assert "campuswatch_web_viewers 0.0" in response.text


async def test_metrics_are_also_told_as_openmetrics(client: httpx.AsyncClient) -> None:
    response = await client.get("http://localhost/metrics", headers={"accept": "application/openmetrics-text"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
