from __future__ import annotations

import httpx
import pytest

from dashboards.schemas import PageReply
from dashboards.schemas.audit import AuditEntryReply
from storage.audit_trail import append
from storage.pool import KeptPool
from tests.integration.dashboards.district import NOW, ago


@pytest.fixture
async def _written(pool: KeptPool) -> None:
    async with pool.connection() as conn:
        for number in range(3):
            await append(
                conn,
                at=ago(minutes=number),
                actor="张伟",
                origin="127.0.0.1",
                action="incident.noted" if number else "window.opened",
                subject=f"s{number}",
                detail={"note": "误报"},
            )


async def _audit(client: httpx.AsyncClient, query: str = "") -> PageReply[AuditEntryReply]:
    response = await client.get(f"/audit{query}")
    assert response.status_code == 200, response.text
    return PageReply[AuditEntryReply].model_validate_json(response.content)


@pytest.mark.usefixtures("_written")
async def test_the_trail_comes_in_pages_the_newest_entry_first(client: httpx.AsyncClient) -> None:
    first = await _audit(client, "?limit=2")
    assert [entry.subject for entry in first.items] == ["s2", "s1"]
    assert all(len(entry.hash) == 64 for entry in first.items)
    second = await _audit(client, f"?limit=2&cursor={first.next_cursor}")
    assert [entry.subject for entry in second.items] == ["s0"]
    assert second.next_cursor is None


@pytest.mark.usefixtures("_written")
async def test_the_trail_is_chosen_from(client: httpx.AsyncClient) -> None:
    assert len((await _audit(client, "?action=incident.")).items) == 2
    assert len((await _audit(client, "?actor=nobody")).items) == 0
    assert len((await _audit(client, f"?since={NOW.isoformat().replace('+00:00', 'Z')}")).items) == 1


@pytest.mark.parametrize("query", ["action=DROP", "cursor=nonsense", "since=yesterday", "subject=a%00", "limit=0"])
async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/audit?{query}")).status_code == 422
