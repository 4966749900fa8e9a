"""What the three 100% rest on is edited at the page of a site."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Browser, expect

from tests.browser.axe import AXE, violations
from tests.browser.desk import SOON_MS, open_desk
from tests.running_demo import RunningDemo


async def test_guards_gates_and_barriers_are_edited_at_the_site(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    await desk.go("sites/s006", "site-page")

    # A guard: what is wrong is said at its field, and the cursor stands there.
    await page.get_by_test_id("guard-add").click(timeout=SOON_MS)
    await expect(page.locator("#guard-form-id")).to_be_focused()
    facts = {"id": "s006-new", "name": "周强", "born_on": "1985-05-01", "first_hired_on": "1990-03-01"}
    for field, value in facts.items():
        await page.locator(f"#guard-form-{field}").fill(value)
    await page.get_by_test_id("guard-form-save").click()
    fault = page.get_by_test_id("guard-form-first_hired_on-fault")
    await expect(fault).to_contain_text("须满 16 岁", timeout=SOON_MS)
    await expect(page.locator("#guard-form-first_hired_on")).to_be_focused()
    await page.evaluate(AXE)
    assert await violations(page, "a form with a fault", part="main") == []
    await page.locator("#guard-form-first_hired_on").fill("2021-03-01")
    await page.locator("#guard-form-first_hired_on").press("Enter")
    guard = page.get_by_test_id("guard-s006-new")
    await expect(guard).to_contain_text("无保安员证", timeout=SOON_MS)
    await expect(page.get_by_test_id("guard-add")).to_be_focused()
    await page.get_by_test_id("guard-change-s006-new").click()
    await page.locator("#guard-form-certificate_no").fill("苏3204777")
    await page.get_by_test_id("guard-form-save").click()
    await expect(guard).to_contain_text("保安员证 苏3204777", timeout=SOON_MS)

    # A shift of his on two days.
    await page.get_by_test_id("shift-add").click()
    await page.locator("#shift-form-guard_id").select_option("s006-new")
    await page.locator("#shift-form-days").fill("2")
    await page.get_by_test_id("shift-form-save").click()
    await expect(page.locator('[data-testid^="shift-s006-new "]')).to_have_count(2, timeout=SOON_MS)

    # A gate with a barrier, which is looked at.
    await page.get_by_test_id("gate-add").click()
    await page.locator("#gate-form-id").fill("gate-new")
    await page.locator("#gate-form-name").fill("后勤门")
    await page.locator("#gate-form-main").check()
    await page.get_by_test_id("gate-form-save").click()
    await expect(page.get_by_test_id("gate-gate-new")).to_contain_text("后勤门", timeout=SOON_MS)
    await page.get_by_test_id("barrier-add").click()
    await page.locator("#barrier-form-id").fill("bar-new")
    await page.locator("#barrier-form-gate_id").select_option("gate-new")
    await page.get_by_test_id("barrier-form-save").click()
    barrier = page.get_by_test_id("barrier-bar-new")
    await expect(barrier).to_contain_text("未检查", timeout=SOON_MS)
    await page.get_by_test_id("barrier-inspect-bar-new").click()
    await page.locator("#barrier-inspect-inspected_on").fill("2026-03-01")
    await page.get_by_test_id("barrier-inspect-save").click()
    await expect(barrier).to_contain_text("检查合格", timeout=SOON_MS)

    # What was registered once is not registered twice; nothing goes away by one touch.
    await page.get_by_test_id("gate-add").click()
    await page.locator("#gate-form-id").fill("gate-new")
    await page.locator("#gate-form-name").fill("x")
    await page.get_by_test_id("gate-form-save").click()
    await expect(page.get_by_test_id("gate-form-id-fault")).to_be_visible(timeout=SOON_MS)
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("gate-form")).to_have_count(0)
    away = page.get_by_test_id("barrier-remove-bar-new")
    await away.click()
    await expect(away).to_have_text(re.compile("确认"))
    await away.click()
    await expect(barrier).to_have_count(0, timeout=SOON_MS)
    await desk.close()


async def test_who_may_not_change_the_register_is_offered_nothing(browser: Browser, demo: RunningDemo) -> None:
    one_time = await asyncio.to_thread(demo.add_user, "patrol", "--role", "patrol_officer", "--name", "巡查")
    await asyncio.to_thread(
        demo.query, "UPDATE account SET one_time_until = NULL WHERE account_id = %s RETURNING 1", "patrol"
    )
    desk = await open_desk(browser, demo, account="patrol", password=one_time)
    await desk.go("sites/s006", "site-page")
    await expect(desk.page.get_by_test_id("register-gate")).to_be_visible(timeout=SOON_MS)
    await expect(desk.page.get_by_test_id("gate-add")).to_have_count(0)
    await expect(desk.page.get_by_test_id("register-guard")).to_have_count(0)
    await desk.close()
