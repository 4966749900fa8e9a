"""Health and metrics of this process."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder

from dashboards.routes import API_PREFIX
from dashboards.schemas.health import HealthReply
from dashboards.services import Services
from domain.errors import StorageError
from storage.health import roles_at_work

#: Seconds that a health check waits for the database.
HEALTH_TIMEOUT_S = 2.0


def health_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["health"])

    @routes.get(
        "/health",
        summary="Health",
        description="Answers 200 also while the database is away: `status` is then degraded.",
        response_model=HealthReply,
    )
    async def get_health() -> HealthReply:
        roles: list[str] = []
        database: Literal["ok", "away"] = "ok"
        try:
            roles = await services.reader.read(roles_at_work, timeout_s=HEALTH_TIMEOUT_S)
        except StorageError:
            database = "away"
        return HealthReply(
            status="ok" if database == "ok" else "degraded",
            version=services.version,
            database=database,
            roles=roles,
        )

    return routes


def metrics_routes(services: Services) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get(
        "/metrics",
        summary="Metrics",
        description="For Prometheus, as text or as OpenMetrics, whichever is asked for.",
        response_class=PlainTextResponse,
    )
    async def get_metrics(request: Request) -> Response:
        encoder, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(services.metrics.registry), headers={"content-type": media_type})

    return routes
