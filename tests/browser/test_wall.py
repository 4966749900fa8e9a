"""The first wall as an operator sees it, in Chromium, with the whole program behind it."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, Page, expect

from tests.browser.signing_in import sign_in
from tests.running_demo import RunningDemo

#: Far above what is promised; machines are shared.
SOON_MS = 20_000


async def _open(
    browser: Browser, demo: RunningDemo, *, account: str = "demo", password: str = ""
) -> tuple[Page, list[str]]:
    page = await browser.new_page(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((demo.url, f"ws://127.0.0.1:{demo.web_port}", "data:"))
            else troubles.append(f"asked the internet for {request.url}")
        ),
    )
    await page.goto(demo.url)
    await sign_in(page, demo, account=account, password=password)
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=SOON_MS)
    return page, troubles


async def test_operator_sees_the_sites_takes_an_alarm_and_switches_language(
    browser: Browser, demo: RunningDemo
) -> None:
    page, troubles = await _open(browser, demo)
    await expect(page.locator('[data-testid^="tile-"]')).to_have_count(demo.sites, timeout=SOON_MS)
    await expect(page.get_by_text("区校园安全监控中心")).to_be_visible()

    await asyncio.to_thread(demo.publish, "campus/v1/s003/s003-btn-01/alarm", '{"alarm":"panic"}')
    takeover = page.get_by_test_id("takeover")
    await expect(takeover).to_be_visible(timeout=SOON_MS)
    await expect(takeover).to_contain_text("一键报警")
    await expect(page.get_by_test_id("tile-s003")).to_have_attribute("data-state", "alarm", timeout=SOON_MS)
    queued = page.locator('[data-testid^="incident-"][data-severity="critical"]').first
    await expect(queued).to_have_attribute("data-state", "raised")

    await page.get_by_test_id("takeover-ack").click(timeout=SOON_MS)
    await expect(takeover).to_be_hidden(timeout=SOON_MS)
    await expect(queued).to_have_attribute("data-state", "acknowledged", timeout=SOON_MS)
    ((actor,),) = await asyncio.to_thread(
        demo.query, "SELECT acknowledged_by FROM incident WHERE device_id = %s", "s003-btn-01"
    )
    assert actor == "值班员（演示）"

    await page.get_by_test_id("lang-switch").click()
    await expect(page.get_by_test_id("queue")).to_contain_text("One-key alarm", timeout=SOON_MS)
    assert troubles == []
    await page.close()


async def test_site_panel_shows_the_devices_of_the_site(browser: Browser, demo: RunningDemo) -> None:
    page, troubles = await _open(browser, demo)
    await page.get_by_test_id("tile-s001").click(timeout=SOON_MS)
    panel = page.get_by_test_id("site-panel")
    await expect(panel).to_be_visible(timeout=SOON_MS)
    await expect(panel.locator('[data-testid^="device-"]').first).to_be_visible(timeout=SOON_MS)
    site = await asyncio.to_thread(demo.get, "/sites/s001")
    await expect(panel).to_contain_text(site["name"])
    assert troubles == []
    await page.close()


async def test_the_books_and_the_journals_are_on_the_wall_in_both_languages(
    browser: Browser, demo: RunningDemo
) -> None:
    page, troubles = await _open(browser, demo)
    books = page.get_by_test_id("ledger")
    await expect(books).to_have_attribute("data-state", "even", timeout=SOON_MS)
    await expect(books).to_contain_text("收存账目平")
    for lane in ("alarm", "bulk"):
        await expect(page.get_by_test_id(f"journal-{lane}")).to_have_attribute("data-level", "room", timeout=SOON_MS)

    hour = "date_trunc('hour', now(), 'UTC')"
    await asyncio.to_thread(
        demo.query,
        f"INSERT INTO ledger_hour VALUES ({hour}, 'bulk', 0, 12, 0, 0, 0, 0) RETURNING hour",
    )
    try:
        await expect(books).to_have_attribute("data-state", "uneven", timeout=SOON_MS)
        await expect(books).to_contain_text("12 条报文收到后去向不明")
        await page.get_by_test_id("lang-switch").click()
        await expect(books).to_contain_text("12 messages received and not accounted for", timeout=SOON_MS)
        await books.click()
        await page.get_by_test_id("ledger-uneven").check(timeout=SOON_MS)
        await expect(page.get_by_test_id("ledger-table")).to_contain_text("no known site", timeout=SOON_MS)
    finally:
        await asyncio.to_thread(
            demo.query, "DELETE FROM ledger_hour WHERE site_no = 0 AND received = 12 RETURNING hour"
        )
    await expect(books).to_have_attribute("data-state", "even", timeout=SOON_MS)
    assert troubles == []
    await page.close()


async def test_who_signs_in_for_the_first_time_chooses_a_password_of_his_own(
    browser: Browser, demo: RunningDemo
) -> None:
    one_time = await asyncio.to_thread(demo.add_user, "zhangwei", "--role", "operator", "--name", "张伟")
    page = await browser.new_page(viewport={"width": 420, "height": 800})  # on a telephone
    await page.goto(demo.url)
    await sign_in(page, demo, account="zhangwei", password="wrong")
    await expect(page.get_by_test_id("sign-in-wrong")).to_contain_text("账号或密码错误", timeout=SOON_MS)
    await page.get_by_test_id("lang-switch").click()
    await sign_in(page, demo, account="zhangwei", password=one_time)
    form = page.get_by_test_id("password-form")
    await expect(form).to_contain_text("Somebody else made this password", timeout=SOON_MS)
    await page.get_by_test_id("old-password").fill(one_time)
    for field in ("new-password", "again-password"):
        await page.get_by_test_id(field).fill("a sentence of my own")
    await page.get_by_test_id("password-submit").click()
    menu = page.get_by_test_id("account-menu")
    await expect(menu).to_contain_text("张伟", timeout=SOON_MS)
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=SOON_MS)
    await menu.click()
    await page.get_by_test_id("sign-out").click()
    await expect(page.get_by_test_id("account")).to_be_visible(timeout=SOON_MS)
    await page.reload()
    await sign_in(page, demo, account="zhangwei", password="a sentence of my own")
    await expect(menu).to_be_visible(timeout=SOON_MS)
    await page.close()


async def test_a_school_officer_sees_his_own_site_alone(browser: Browser, demo: RunningDemo) -> None:
    options = ("--role", "school_officer", "--site", "s002", "--name", "王芳")
    one_time = await asyncio.to_thread(demo.add_user, "wangfang", *options)
    await asyncio.to_thread(
        demo.query, "UPDATE account SET one_time_until = NULL WHERE account_id = %s RETURNING 1", "wangfang"
    )
    page, troubles = await _open(browser, demo, account="wangfang", password=one_time)
    await expect(page.locator('[data-testid^="tile-"]')).to_have_count(1, timeout=SOON_MS)
    await asyncio.to_thread(demo.publish, "campus/v1/s004/s004-btn-01/alarm", '{"alarm":"panic"}')
    await asyncio.to_thread(demo.publish, "campus/v1/s002/s002-btn-01/alarm", '{"alarm":"panic"}')
    takeover = page.get_by_test_id("takeover")
    await expect(takeover).to_be_visible(timeout=SOON_MS)
    own = await asyncio.to_thread(demo.get, "/sites/s002")
    other = await asyncio.to_thread(demo.get, "/sites/s004")
    await expect(takeover).to_contain_text(own["name"])
    for route in ("incidents", "sites", "devices", "targets", "warnings", "maintenance"):
        await page.goto(f"{demo.url}/#/{route}")
        await expect(page.locator("main.stage .content").last).to_be_visible(timeout=SOON_MS)
        await page.wait_for_timeout(300)
        assert other["name"] not in await page.locator("body").inner_text(), route
    for route in ("duty", "rules", "intake", "load", "audit", "delivery"):
        await expect(page.get_by_test_id(f"nav-{route}")).to_have_count(0)
    assert troubles == []
    await page.close()


async def test_lost_server_is_said_and_greys_the_wall(browser: Browser, demo: RunningDemo) -> None:
    """Last: it ends the demo."""
    page, _ = await _open(browser, demo)
    await asyncio.to_thread(demo.interrupt)
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "lost", timeout=SOON_MS)
    await expect(page.get_by_test_id("lost-banner")).to_be_visible(timeout=SOON_MS)
    await page.close()
