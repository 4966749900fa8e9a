"""Input that makes no sense is refused by field, never with a 500."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dashboards.paging import encode_cursor
from tests.integration.dashboards.district import District

ADOPTION = {"kind": "smoke", "name": "三楼烟感", "place": "教学楼三楼", "actor": "张伟"}


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database  # refused before any database is asked


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("state=gone", "state"),
        ("severity=worst", "severity"),
        ("site_id=S%00", "site_id"),
        ("site_id=" + "s" * 33, "site_id"),
        ("cursor=nonsense", "cursor"),
        ("cursor=" + "A" * 500, "cursor"),
        (f"cursor={encode_cursor(['s001'])}", "cursor"),
        (f"cursor={encode_cursor([False, 1, '2026-03-02T01:30:00', 1])}", "cursor"),
        (f"cursor={encode_cursor([False, 1, '2026-03-02T01:30:00Z', 2**63])}", "cursor"),
    ],
)
async def test_input_that_makes_no_sense_is_refused_by_field(client: httpx.AsyncClient, query: str, field: str) -> None:
    response = await client.get(f"/incidents?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_an_id_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/incidents/42")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "incident_id"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "actor"),
        ({"actor": ""}, "actor"),
        ({"actor": "   "}, "actor"),
        ({"actor": "x" * 65}, "actor"),
        ({"actor": "a\x00b"}, "actor"),
        ({"actor": 7}, "actor"),
        ({"actor": "张伟", "note": "x" * 2001}, "note"),
        ({"actor": "张伟", "note": "a\x00b"}, "note"),
        ({"actor": "张伟", "note": None}, "note"),
        ([], "body"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_by_field(
    client: httpx.AsyncClient, district: District, body: Any, field: str
) -> None:
    response = await client.post(f"/incidents/{district.incident()}/acknowledge", json=body)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("text", [b'{"actor":"\\ud800"}', b'{"actor":"a', b"\xff\xfe", b"", b'{"actor":' + b"[" * 9000])
async def test_a_body_that_is_no_text_or_no_json_is_refused(
    client: httpx.AsyncClient, district: District, text: bytes
) -> None:
    response = await client.post(
        f"/incidents/{district.incident()}/acknowledge", content=text, headers={"content-type": "application/json"}
    )
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_note_must_say_something(client: httpx.AsyncClient, district: District) -> None:
    response = await client.post(f"/incidents/{district.incident()}/notes", json={"actor": "张伟", "note": "  "})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "note"


@pytest.mark.parametrize(
    "query",
    ["?reason=none", "?cursor=x", "?limit=-1", f"?cursor={encode_cursor([-1])}", f"?cursor={encode_cursor([])}"],
)
async def test_a_listing_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/quarantine{query}")).status_code == 422


@pytest.mark.parametrize("place", [["a\x00", "b"], ["s001"], ["a", "b", "c"], ["x" * 300, "b"]])
async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient, place: list[str]) -> None:
    response = await client.get("/unregistered", params={"cursor": encode_cursor(place)})
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("device_id", "change", "field"),
    [
        ("new", {"kind": "toaster"}, "kind"),
        ("new", {"name": "a\x00"}, "name"),
        ("new", {"place": "x" * 201}, "place"),
        ("new", {"actor": ""}, "actor"),
        ("a%20b", {}, "device_id"),
        ("x" * 65, {}, "device_id"),
    ],
)
async def test_an_adoption_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, district: District, device_id: str, change: dict[str, str], field: str
) -> None:
    district.site()
    response = await client.post(f"/unregistered/s001/{device_id}/adopt", json=ADOPTION | change)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
