from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from dashboards.app import create_app
from dashboards.journals import SILENT_AFTER
from dashboards.schemas.ledger import JournalsReply, LedgerReply
from dashboards.schemas.wall import WallReply
from domain.journal import JournalState
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import NOW, District, SetClock

HOUR = NOW.replace(minute=0)


def _journal(lane: str = "bulk", *, at: datetime = NOW, messages: int = 0) -> JournalState:
    return JournalState(
        lane=lane, at=at, messages=messages, size_bytes=messages * 100, most_bytes=1000, sites={"s001": messages}
    )


@pytest.fixture
def journals() -> list[JournalState]:
    """What stands on the disk; tests put it there."""
    return []


@pytest.fixture
def app(database: str, pool: KeptPool, desk: Desk, clock: SetClock, journals: list[JournalState]) -> FastAPI:
    read: Callable[[], Sequence[JournalState]] = lambda: list(journals)  # noqa: E731
    return create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=web_settings(database),
        clock=clock,
        version="0.1.0",
        journals=read,
    )


def _book(
    district: District, site_no: int, received: int, stored: int, *, hour: datetime = HOUR, lane: str = "bulk"
) -> None:
    district.execute(
        "INSERT INTO ledger_hour VALUES (%s, %s, %s, %s, %s, 0, 0, %s)", hour, lane, site_no, received, stored, stored
    )


async def _ledger(client: httpx.AsyncClient, **wanted: str | int | bool) -> LedgerReply:
    response = await client.get("/ledger", params=wanted)
    assert response.status_code == 200, response.text
    return LedgerReply.model_validate_json(response.content)


async def test_ledger_is_told_by_site_and_hour_with_the_totals_of_all(
    client: httpx.AsyncClient, district: District
) -> None:
    site_no = district.site("s001")
    _book(district, site_no, 10, 10)
    _book(district, site_no, 1, 1, lane="alarm")
    _book(district, 0, 3, 1, hour=HOUR - timedelta(hours=1))
    _book(district, site_no, 99, 99, hour=HOUR - timedelta(hours=30))
    district.execute("INSERT INTO ledger_audit VALUES (%s, %s, 11, 9, %s)", HOUR, site_no, NOW)
    found = await _ledger(client)
    assert [(line.hour, line.site_id, line.received, line.difference) for line in found.items] == [
        (HOUR, "s001", 11, 0),
        (HOUR - timedelta(hours=1), "", 3, 2),
    ]
    assert (found.items[0].written, found.items[0].found, found.items[1].found) == (11, 9, None)
    assert (found.totals.received, found.totals.stored, found.totals.difference) == (14, 12, 2)
    assert len((await _ledger(client, uneven=True)).items) == 2
    of_alarms = await _ledger(client, lane="alarm")
    assert [(line.received, line.found) for line in of_alarms.items] == [(1, None)]
    assert [line.site_id for line in (await _ledger(client, site_id="")).items] == [""]
    earlier = await _ledger(client, **{"from": "2026-02-28T00:00:00Z", "to": "2026-03-01T12:00:00+08:00"})
    assert earlier.totals.received == 99
    assert (await _ledger(client, **{"from": "2026-02-28T00:00:00Z"})).totals.received == 113


async def test_pages_of_the_ledger_follow_each_other(client: httpx.AsyncClient, district: District) -> None:
    numbers = [district.site(f"s00{n}") for n in range(1, 4)]
    for hour in (HOUR, HOUR - timedelta(hours=1)):
        for number in numbers:
            _book(district, number, 5, 5, hour=hour)
    seen: list[tuple[datetime, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await _ledger(client, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [(line.hour, line.site_id) for line in page.items]
        assert page.totals.received == 30
        cursor = page.next_cursor
    assert seen == [(hour, f"s00{n}") for hour in (HOUR, HOUR - timedelta(hours=1)) for n in range(1, 4)]


@pytest.mark.parametrize(
    "wanted",
    [
        {"lane": "other"},
        {"site_id": "S 1"},
        {"from": "2026-03-02"},
        {"from": "2026-03-02T00:00:00"},
        {"from": "2020-01-01T00:00:00Z"},
        {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"cursor": "bm9uZQ"},
    ],
)
async def test_what_cannot_be_asked_of_the_ledger_is_refused(client: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    assert (await client.get("/ledger", params=wanted)).status_code == 422


async def test_wall_shows_the_books_and_the_journals(
    client: httpx.AsyncClient, district: District, journals: list[JournalState]
) -> None:
    _book(district, district.site("s001"), 10, 7)
    district.execute("INSERT INTO ledger_audit VALUES (%s, 1, 7, 5, %s)", HOUR - timedelta(hours=1), NOW)
    journals += [_journal("alarm", at=NOW - 2 * SILENT_AFTER), _journal("bulk", messages=5)]
    response = await client.get("/wall")
    wall = WallReply.model_validate_json(response.content)
    assert (wall.ledger.day.received, wall.ledger.hour.received) == (10, 10)
    assert (wall.ledger.unaccounted, wall.ledger.missing_rows, wall.ledger.audited_until) == (3, 2, HOUR)
    assert [(one.lane, one.messages, one.fill, one.working) for one in wall.journals] == [
        ("alarm", 0, 0.0, False),
        ("bulk", 5, 0.5, True),
    ]


async def test_journals_are_told_while_nobody_can_ask_the_database(
    client: httpx.AsyncClient, pool: KeptPool, journals: list[JournalState]
) -> None:
    journals.append(_journal(messages=4))
    await pool.close()
    assert (await client.get("/ledger")).status_code == 503
    response = await client.get("/journals")
    assert response.status_code == 200
    (found,) = JournalsReply.model_validate_json(response.content).journals
    assert (found.messages, found.sites, found.most_bytes) == (4, {"s001": 4}, 1000)
    assert found.at.tzinfo is UTC or found.at.utcoffset() == timedelta(0)
