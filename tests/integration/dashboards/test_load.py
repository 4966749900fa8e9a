from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest
from prometheus_client import CollectorRegistry

from campuswatch.roles.load_watch import LoadWatch
from dashboards.schemas.load import LoadReply
from domain.finding import Severity
from domain.incident import IncidentState
from storage.pool import KeptPool
from tests.integration.dashboards.district import NOW, District, SetClock, ago


def _entry(district: District, incident: UUID, kind: str, at: datetime, *, detail: str = "{}") -> None:
    district.execute(
        "INSERT INTO incident_entry (incident_id, at, kind, actor, detail) VALUES (%s, %s, %s, 'x', %s)",
        incident,
        at,
        kind,
        detail,
    )


@pytest.fixture
def busy(district: District) -> District:
    """Twelve calls in one slot: one answered at once, one late, one in a loop; and an old one that is shelved."""
    for number in range(12):
        raised_at = ago(minutes=5) + timedelta(seconds=number)
        incident = district.incident(
            severity=Severity.MAJOR, life_safety=False, raised_at=raised_at, device_id=f"d{min(number, 9)}"
        )
        _entry(district, incident, "raised", raised_at)
        if number < 2:
            _entry(district, incident, "acknowledged", raised_at + timedelta(seconds=(20, 45)[number]))
        if number == 2:
            _entry(district, incident, "repeated", raised_at, detail='{"times": 5}')
    old = district.incident(
        severity=Severity.MINOR, life_safety=False, raised_at=ago(days=3), state=IncidentState.ACKNOWLEDGED
    )
    _entry(district, old, "raised", ago(days=3))
    district.execute(
        "UPDATE incident SET shelved_until = %s, shelved_by = 'x', shelve_reason = 'x' WHERE incident_id = %s", NOW, old
    )
    return district


async def _load(client: httpx.AsyncClient, query: str = "") -> LoadReply:
    response = await client.get(f"/load{query}")
    assert response.status_code == 200, response.text
    return LoadReply.model_validate_json(response.content)


@pytest.mark.usefixtures("busy")
async def test_calls_floods_answers_and_what_stands_are_told(client: httpx.AsyncClient) -> None:
    load = await _load(client)
    assert (load.calls, load.operators, load.peak, len(load.floods), load.chattering) == (12, 1, 12, 1, 1)
    assert load.mean == pytest.approx(12 / 144)
    assert (load.answers.calls, load.answers.within_30_s, load.answers.within_60_s) == (12, 1, 2)
    assert load.answers.median_s == 32.5
    assert load.answers.share_within_60_s == pytest.approx(2 / 12)
    assert load.standing.model_dump() == {"open": 13, "stale": 1, "shelved": 1, "unanswered": 12}
    worst = load.bad_actors[0]
    assert (worst.device_id, worst.calls, worst.share) == ("d9", 3, 0.25)
    assert len(load.bad_actors) == 10


@pytest.mark.usefixtures("busy")
async def test_a_period_and_the_number_of_operators_are_chosen(client: httpx.AsyncClient) -> None:
    load = await _load(client, "?operators=3&since=2026-02-25T00:00:00Z&until=2026-03-02T01:30:00Z")
    assert (load.calls, load.peak, load.floods) == (13, 4, [])


@pytest.mark.parametrize(
    "query", ["since=2026-03-03T00:00:00Z", "since=2026-01-01T00:00:00Z", "operators=0", "until=now"]
)
async def test_a_period_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/load?{query}")).status_code == 422


@pytest.mark.usefixtures("busy")
async def test_the_same_is_told_to_prometheus(pool: KeptPool, clock: SetClock) -> None:
    registry = CollectorRegistry()
    await LoadWatch(pool, clock, registry).once()
    told = {
        name: registry.get_sample_value(f"campuswatch_operator_{name}")
        for name in (
            "calls_10m",
            "calls_10m_peak",
            "stale",
            "shelved",
            "unanswered",
            "chattering",
            "answered_30s_ratio",
        )
    }
    assert told == {
        "calls_10m": 12,
        "calls_10m_peak": 12,
        "stale": 1,
        "shelved": 1,
        "unanswered": 12,
        "chattering": 1,
        "answered_30s_ratio": pytest.approx(1 / 12),
    }
