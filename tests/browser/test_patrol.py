"""The patrol officer's page: a round is worked through, and a wall of pictures leaves the browser room to breathe."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from playwright.async_api import Browser, Route, expect

from campuswatch.embedded import EmbeddedPostgres
from campuswatch.secrets import webhook_secret
from devices.sealing import PasswordSeal
from domain.camera import CameraSource, Way
from storage.cameras import put_source
from storage.pool import connect
from tests.browser.desk import SOON_MS, open_desk
from tests.running_demo import RunningDemo

NOW = "2026-03-02T08:00:00Z"
#: Of the six connections that a browser opens to one server.
MOST_AT_ONCE = 4


async def test_a_round_of_a_site_is_worked_through(browser: Browser, demo: RunningDemo) -> None:
    await _have_sources(demo)
    desk = await open_desk(browser, demo)
    page = desk.page
    await desk.go("patrol/rounds", "rounds")
    await page.get_by_test_id("round-kind").select_option("site")
    await page.get_by_test_id("round-site").select_option("s002")
    await page.get_by_test_id("round-start").click()
    await expect(page.get_by_test_id("round-judged")).to_have_text("已判 0/8", timeout=SOON_MS)

    await expect(page.get_by_test_id("remove")).to_be_disabled()
    await page.get_by_test_id("item-note").fill("施工中，已登记")
    await page.get_by_test_id("remove").click()
    await expect(page.get_by_test_id("round-judged")).to_have_text("已判 1/8", timeout=SOON_MS)
    await page.get_by_test_id("unseen").click()
    await expect(page.get_by_test_id("round-judged")).to_have_text("已判 2/8", timeout=SOON_MS)
    items = page.get_by_test_id("round-items")
    await expect(items).to_contain_text("施工中，已登记")
    await expect(items).to_contain_text("无法判断")
    async with page.expect_download() as download:
        await page.get_by_test_id("patrol-round").get_by_text("XLSX").click()
    assert (await download.value).suggested_filename.endswith(".xlsx")
    await page.get_by_test_id("round-end").click()
    await expect(page.get_by_test_id("round-end")).to_be_hidden(timeout=SOON_MS)
    await desk.close()


async def test_a_wall_of_many_pictures_takes_few_connections_at_once(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    waiting, most, shown = 0, 0, 0

    async def picture(route: Route) -> None:
        nonlocal waiting, most, shown
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.03)
        waiting -= 1
        shown += 1
        await route.fulfill(status=200, content_type="image/svg+xml", body=SVG)

    async def cameras(route: Route) -> None:
        await route.fulfill(json={"items": [_camera(number) for number in range(300)], "next_cursor": None})

    await page.route("**/api/v1/cameras?*", cameras)
    await page.route("**/picture?*", picture)
    await desk.go("patrol", "pictures")
    for _ in range(12):
        await page.get_by_test_id("patrol").evaluate("sheet => sheet.scrollBy(0, 900)")
        await page.wait_for_timeout(60)
    await expect(page.get_by_test_id("camera-cam-299")).to_be_attached()
    assert shown > MOST_AT_ONCE
    assert 0 < most <= MOST_AT_ONCE
    await desk.close()


async def _have_sources(demo: RunningDemo) -> None:
    """Eight cameras of a site push their pictures; none has sent one yet."""
    async with await connect(EmbeddedPostgres(demo.directory / "data" / "postgresql").dsn, name="test") as conn:
        for number in range(1, 9):
            await put_source(
                conn,
                "s002",
                f"s002-cam-{number:02}",
                CameraSource(way=Way.PUSH),
                seal=PasswordSeal(webhook_secret()),
                actor="test",
                at=datetime.now(UTC),
            )


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="9"><rect width="16" height="9"/></svg>'


def _camera(number: int) -> dict[str, object]:
    return {
        "site_id": "s001",
        "site_name": "学校",
        "device_id": f"cam-{number}",
        "name": f"摄像机 {number}",
        "place": "",
        "picture_at": NOW,
        "light": "day",
        "failure": "",
        "standing": [],
        "told": "",
        "doubtful": False,
        "truths": [],
    }
