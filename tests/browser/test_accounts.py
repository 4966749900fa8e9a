"""Accounts as administrators and their owners see them, and signing in at an OpenID Connect provider."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Browser, Page, Route, expect

from tests.browser.desk import SOON_MS, open_desk
from tests.browser.running_provider import RunningProvider
from tests.browser.signing_in import sign_in
from tests.running_demo import RunningDemo


async def test_an_administrator_adds_somebody_who_makes_himself_a_token(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    await desk.go("accounts", "accounts")
    await page.get_by_test_id("account-new").click()
    await page.locator("#new-account-account").fill("demo")
    await page.locator("#new-account-name").fill("赵敏")
    await page.get_by_test_id("new-account-save").click()
    fault = page.get_by_test_id("new-account-account-fault")
    await expect(fault).to_contain_text("不能与已有账号相同", timeout=SOON_MS)
    await expect(page.locator("#new-account-account")).to_be_focused()
    await page.locator("#new-account-account").fill("zhaomin")
    await page.locator("#new-account-role").select_option("school_officer")
    await page.locator("#new-account-sites").select_option(["s003"])
    await page.get_by_test_id("new-account-save").press("Enter")
    secret = page.get_by_test_id("secret-text")
    await expect(secret).to_have_value(re.compile(r"^[a-z2-9]{4}(-[a-z2-9]{4}){3}$"), timeout=SOON_MS)
    one_time = await secret.input_value()
    await page.get_by_test_id("secret-done").click()
    row = page.get_by_test_id("account-zhaomin")
    await expect(row).to_contain_text("待改密码", timeout=SOON_MS)
    box = await page.get_by_test_id("account-list").locator("xpath=..").bounding_box()
    assert box is not None
    assert box["height"] > 60, "the list is in sight beside what was chosen"
    await expect(page.get_by_test_id("account-detail")).to_contain_text("赵敏")

    person = await browser.new_page()
    await person.goto(demo.url)
    await sign_in(person, demo, account="zhaomin", password=one_time)
    await person.get_by_test_id("old-password").fill(one_time, timeout=SOON_MS)
    for field in ("new-password", "again-password"):
        await person.get_by_test_id(field).fill("a sentence of my own")
    await person.get_by_test_id("password-submit").click()
    await person.get_by_test_id("account-menu").click(timeout=SOON_MS)
    await person.get_by_test_id("own-account-link").click()
    own = person.get_by_test_id("own-account")
    await expect(own.get_by_test_id("sessions")).to_contain_text("当前会话", timeout=SOON_MS)
    await own.get_by_test_id("token-new").click()
    await person.locator("#token-name").fill("report")
    await own.get_by_test_id("token-may-see").check()
    await own.get_by_test_id("token-add").click()
    await expect(person.get_by_test_id("secret-text")).to_have_value(re.compile("^cw_"), timeout=SOON_MS)
    await person.get_by_test_id("secret-done").click()
    await own.get_by_test_id("revoke-report").click()
    await expect(own.get_by_test_id("tokens")).to_contain_text("没有有效的令牌", timeout=SOON_MS)

    await page.get_by_test_id("account-disable").click()
    await expect(page.get_by_test_id("account-zhaomin")).to_contain_text("已停用", timeout=SOON_MS)
    await expect(person.get_by_test_id("account")).to_be_visible(timeout=SOON_MS)  # he is out
    await person.close()
    await desk.close()


async def _at_provider(page: Page, provider: RunningProvider) -> None:
    """Nothing but the two of them is there to be asked."""

    async def stay(route: Route) -> None:
        near = route.request.url.startswith(("http://127.0.0.1:", "data:"))
        await (route.continue_() if near else route.abort())

    await page.route("**/*", stay)


async def test_somebody_signs_in_at_the_provider_and_out_again(
    browser: Browser, demo: RunningDemo, provider: RunningProvider
) -> None:
    page = await browser.new_page()
    await _at_provider(page, provider)
    await page.goto(f"{demo.url}/#/targets")

    async def through_provider() -> None:
        await page.get_by_test_id("provider").click(timeout=SOON_MS)
        await page.locator("input[name=sub]").fill("edu-4711", timeout=SOON_MS)
        await page.get_by_role("button", name="Authorize").click()

    await through_provider()
    fault = page.get_by_test_id("provider-fault")
    await expect(fault).to_contain_text("这里还没有您的账号", timeout=SOON_MS)
    assert "sign_in=" not in page.url

    desk = await open_desk(browser, demo)
    await desk.go("accounts", "accounts")
    await desk.page.get_by_test_id("account-new").click()
    for field, value in (("account", "sunli"), ("name", "孙丽"), ("subject", "edu-4711")):
        await desk.page.locator(f"#new-account-{field}").fill(value)
    await desk.page.get_by_test_id("new-account-save").click()
    await desk.page.get_by_test_id("secret-done").click(timeout=SOON_MS)

    await through_provider()
    menu = page.get_by_test_id("account-menu")
    await expect(menu).to_contain_text("孙丽", timeout=SOON_MS)
    await expect(page.get_by_test_id("targets")).to_be_visible(timeout=SOON_MS)  # where he had been
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=SOON_MS)
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(demo.url)}
    assert cookies["campuswatch_session"]["httpOnly"]
    assert cookies["campuswatch_session"]["sameSite"] == "Strict"
    assert "campuswatch_visit" not in cookies

    await menu.click()
    await page.get_by_test_id("sign-out").click()
    await expect(page).to_have_url(re.compile(f"^{re.escape(provider.url)}/"), timeout=SOON_MS)
    await page.close()
    await desk.close()


async def test_a_provider_that_is_away_keeps_nobody_out(
    browser: Browser, demo: RunningDemo, provider: RunningProvider
) -> None:
    page = await browser.new_page()
    await page.goto(demo.url)
    await page.get_by_test_id("provider").click(timeout=SOON_MS)
    await expect(page.locator("input[name=sub]")).to_be_visible(timeout=SOON_MS)
    await asyncio.to_thread(provider.stop)
    try:
        code = await page.request.get(f"{demo.url}/api/v1/session/provider/callback?state=x&code=y", max_redirects=0)
        assert code.headers["location"] == "/?sign_in=stale"
        await page.goto(demo.url)
        await sign_in(page, demo)
        await expect(page.get_by_test_id("account-menu")).to_be_visible(timeout=SOON_MS)
    finally:
        await asyncio.to_thread(provider.start)
    await page.close()
