"""The registry from files over HTTP: a dry run, every fault by its line and column, then for good."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from campuswatch.import_order import Order, Outcome
from campuswatch.roles import web_import
from campuswatch.roles.web_import import WebImporter
from dashboards.app import create_app
from dashboards.imports import Imported
from dashboards.schemas.imports import ImportedReply
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import District, SetClock

SITES = "学校编号,学校名称,类型\ns001,前黄实验学校,小学\ns002,前黄中心幼儿园,幼儿园\n"
DEVICES = "学校编号,设备编号,类型,名称\ns001,s001-smk-01,烟感,三楼烟感\ns001,s001-smk-02,烟草,四楼烟感\nnone,x,烟感,\n"


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
async def client(database: str, pool: KeptPool, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        pool=pool,
        desk=Desk(pool, clock),
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        responder=responder(pool, clock),
        assessor=assessor(pool, clock),
        settings=web_settings(database),
        clock=clock,
        version="0.1.0",
        importer=WebImporter(database, clock, zone="Asia/Shanghai", profiles=None),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1", timeout=60) as opened:
        yield opened


async def _import(client: httpx.AsyncClient, content: bytes, *, dry_run: bool, name: str = "表.csv") -> ImportedReply:
    answer = await client.post(
        "/registry/import",
        params={"actor": "张伟", "name": name, "dry_run": dry_run},
        content=content,
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text
    return ImportedReply.model_validate_json(answer.content)


async def test_a_file_is_tried_first_and_then_imported(client: httpx.AsyncClient, district: District) -> None:
    tried = await _import(client, SITES.encode(), dry_run=True)
    assert (tried.applied, tried.faults, [(one.en, one.added) for one in tried.sheets]) == (False, 0, [("sites", 2)])
    assert district.execute("SELECT count(*) FROM site") == [(0,)]
    done = await _import(client, SITES.encode("gb18030"), dry_run=False)
    assert (done.applied, [(one.zh, one.added) for one in done.sheets]) == (True, [("学校", 2)])
    assert district.execute("SELECT count(*) FROM site") == [(2,)]
    audited = (await client.get("/audit?actor=张伟")).json()["items"]
    assert [one["origin"] for one in audited] == ["127.0.0.1", "127.0.0.1"]
    again = await _import(client, SITES.encode(), dry_run=False)
    assert [(one.added, one.changed, one.unchanged) for one in again.sheets] == [(0, 0, 2)]


async def test_every_fault_is_told_by_line_and_column_and_nothing_is_changed(
    client: httpx.AsyncClient, district: District
) -> None:
    await _import(client, SITES.encode(), dry_run=False)
    refused = await _import(client, DEVICES.encode(), dry_run=False)
    assert (refused.applied, refused.faults) == (False, 2)
    assert [(one.line, one.column) for one in refused.wrong] == [(3, "C(类型)"), (4, "A(学校编号)")]
    assert all(one.zh and one.en for one in refused.wrong)
    assert district.execute("SELECT count(*) FROM device") == [(0,)]
    empty = await client.post("/registry/import?actor=x&name=x", content=b"")
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "body")
    whole = await _import(client, b"\xd0\xcf\x11\xe0 an old one", dry_run=True, name="../../旧.xls")
    assert (whole.faults, whole.wrong[0].line) == (1, 0)
    assert "/" not in whole.wrong[0].en.split(":")[0]


async def test_the_template_has_every_sheet(client: httpx.AsyncClient) -> None:
    answer = await client.get("/registry/template?language=en")
    assert answer.status_code == 200
    assert {"sites", "guards", "gates"} <= set(load_workbook(io.BytesIO(answer.content)).sheetnames)


async def test_a_workbook_is_read_in_a_process_of_its_own(client: httpx.AsyncClient, district: District) -> None:
    await _import(client, SITES.encode(), dry_run=False)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["学校编号", "设备编号", "类型", "名称"], ["s001", "s001-smk-01", "烟感", "三楼烟感"]):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    done = await _import(client, content.getvalue(), dry_run=False, name="设备.xlsx")
    assert (done.applied, [(one.en, one.added) for one in done.sheets]) == (True, [("devices", 1)])
    assert district.execute("SELECT device_id FROM device") == [("s001-smk-01",)]


async def test_so_many_files_wait_at_most(
    client: httpx.AsyncClient, district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is in memory meanwhile."""
    come, go_on, taken, apart = asyncio.Semaphore(0), asyncio.Event(), WebImporter._taken, WebImporter._apart

    async def noted(self: WebImporter, *args: Any, **options: Any) -> Imported:
        come.release()
        return await taken(self, *args, **options)

    async def slowly(order: Order) -> Outcome:
        await go_on.wait()
        return await apart(order)

    monkeypatch.setattr(web_import, "SMALL", 0)
    monkeypatch.setattr(WebImporter, "_taken", noted)
    monkeypatch.setattr(WebImporter, "_apart", staticmethod(slowly))
    coming = [asyncio.create_task(_import(client, SITES.encode(), dry_run=True), name=f"{n}") for n in range(4)]
    async with asyncio.timeout(30):
        for _ in coming:
            await come.acquire()
    refused = await client.post("/registry/import", params={"actor": "张伟", "name": "a.csv"}, content=SITES.encode())
    assert (refused.status_code, "wait" in refused.json()["detail"]) == (409, True)
    go_on.set()
    assert [one.faults for one in await asyncio.gather(*coming)] == [0] * 4
    await _import(client, SITES.encode(), dry_run=False)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 torn",
        b"\xff\xfe\x00",
        "学校编号,学校名称,类型\ns001,\x00,小学\n".encode(),
        "学校编号,学校名称,类型\ns001,\ud800,小学\n".encode("utf-8", "surrogatepass"),
        "学校编号,学校名称,类型\n".encode() + b'"' + b"x" * 200_000,
    ],
)
async def test_what_is_no_table_is_told_and_changes_nothing(
    client: httpx.AsyncClient, district: District, content: bytes
) -> None:
    told = await _import(client, content, dry_run=False)
    assert (told.applied, told.faults > 0) == (False, True)
    assert district.execute("SELECT count(*) FROM site") == [(0,)]
