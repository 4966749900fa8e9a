"""The operator's story: an alarm from its coming to its close, many small ones at once, and what is looked up."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, FilePayload, Route, WebSocketRoute, expect

from tests.browser.desk import DESK, OPERATOR, PHONE, SOON_MS, incidents, open_desk
from tests.browser.signing_in import let_in
from tests.running_demo import RunningDemo, wait_for


def _of(demo: RunningDemo, device_id: str) -> dict[str, Any] | None:
    return next((one for one in incidents(demo) if one["device_id"] == device_id), None)


@pytest.mark.parametrize(
    ("language", "size", "site"), [("zh", DESK, "s006"), ("en", DESK, "s008"), ("zh", PHONE, "s008")]
)
async def test_an_alarm_from_its_coming_to_its_close(
    browser: Browser, demo: RunningDemo, language: str, size: tuple[int, int], site: str
) -> None:
    desk = await open_desk(browser, demo, language=language, size=size)
    page = desk.page
    await page.get_by_test_id("sound-enable").click()
    button = f"{site}-btn-0{1 if size is DESK else 2}"
    await asyncio.to_thread(demo.publish, f"campus/v1/{site}/{button}/alarm", '{"alarm":"panic"}')
    await expect(page.get_by_test_id("takeover")).to_be_visible(timeout=SOON_MS)
    if size is DESK:
        await expect(page.get_by_test_id(f"map-{site}")).to_have_attribute("data-state", "alarm", timeout=SOON_MS)
    # Who has it stands there without a click: police and education by their receipts, the duty leader.
    told = page.get_by_test_id("takeover-receipts").get_by_role("listitem")
    for row, state in enumerate(("received", "received", "sent")):
        await expect(told.nth(row)).to_have_attribute("data-state", state, timeout=SOON_MS)
    plan = page.get_by_test_id("takeover").get_by_test_id("plan")
    await expect(plan.locator(".cell.hit")).to_have_count(1, timeout=SOON_MS)
    await expect(plan.locator(".label")).to_be_visible()
    await page.get_by_test_id("takeover-ack").click(timeout=SOON_MS)
    await expect(page.get_by_test_id("takeover")).to_be_hidden(timeout=SOON_MS)
    (incident,) = [one for one in await asyncio.to_thread(incidents, demo) if one["device_id"] == button]
    way = f"incidents/{incident['incident_id']}"

    # Dispatch: the check-list; who has acknowledged it has it, and is not asked to take it once more.
    await desk.go(way, "incident-page")
    box = page.get_by_test_id("checklist").get_by_role("checkbox").first
    await box.click(timeout=SOON_MS)
    await expect(box).to_be_checked(timeout=SOON_MS)
    await expect(page.get_by_test_id("answering")).to_contain_text(OPERATOR, timeout=SOON_MS)
    await expect(page.get_by_test_id("take")).to_have_count(0)
    await expect(page.get_by_test_id("cameras").locator("li").first).to_be_visible(timeout=SOON_MS)

    # Report: the clock started by hand, a draft that is edited, approved and receipted by education.
    await page.get_by_test_id("clock-start").click()
    await page.get_by_test_id("draft-first").click(timeout=SOON_MS)
    report = page.get_by_test_id("report-first")
    text = report.get_by_role("textbox")
    await text.fill(await text.input_value(timeout=SOON_MS) + "\n民警已到场。")
    await report.get_by_test_id("report-send").click()
    await report.get_by_test_id("report-sure").click()
    await expect(report).to_have_attribute("data-state", "approved", timeout=SOON_MS)
    await expect(report).to_contain_text("民警已到场。", timeout=SOON_MS)

    # Close: the danger is over, a person says so, and the matter is done with.
    for said in {"zh": ("复位", "关闭"), "en": ("Reset", "Close")}[language]:
        await page.get_by_test_id("incident-page").get_by_role("button", name=said, exact=True).click(timeout=SOON_MS)
        await page.get_by_test_id("confirm-ok").click(timeout=SOON_MS)
    await expect(page.get_by_test_id("incident-state")).to_have_attribute("data-state", "closed", timeout=SOON_MS)
    timeline = page.get_by_test_id("timeline")
    for kind in ("raised", "acknowledged", "checked", "reset", "closed"):
        await expect(timeline.locator(f'[data-kind="{kind}"]').first).to_be_visible(timeout=SOON_MS)
    await desk.close()


async def test_what_the_police_received_before_says_nothing_of_who_presses_again(
    browser: Browser, demo: RunningDemo
) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page

    async def pressed_again(route: Route) -> None:
        """As it stands when the link of the police went away between two presses."""
        answer = await route.fetch()
        told = await answer.json()
        police = [one for one in told["deliveries"] if one["recipient"] == "police"]
        later = {"created_at": "2099-01-01T00:00:00Z", "state": "failed", "received_at": None}
        told["deliveries"] += [one | later | {"delivery_id": str(uuid4())} for one in police]
        await route.fulfill(response=answer, json=told)

    await page.route(re.compile(r"/api/v1/incidents/[0-9a-f-]{36}$"), pressed_again)
    await asyncio.to_thread(demo.publish, "campus/v1/s006/s006-btn-01/alarm", '{"alarm":"panic"}')
    told = page.get_by_test_id("takeover-receipts").get_by_role("listitem")
    await expect(told.filter(has_text="✕")).to_have_attribute("data-state", "failed", timeout=SOON_MS)
    await page.get_by_test_id("takeover-ack").click(timeout=SOON_MS)
    await expect(page.get_by_test_id("takeover")).to_be_hidden(timeout=SOON_MS)
    await desk.close()


async def test_many_are_acknowledged_at_once_but_never_danger_to_life(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    await asyncio.to_thread(demo.publish, "campus/v1/s007/s007-btn-01/alarm", '{"alarm":"panic"}')
    for device in ("s007-smk-01", "s007-smk-02"):
        await asyncio.to_thread(demo.publish, f"campus/v1/s007/{device}/event", '{"event":"tamper"}')
    queue = page.get_by_test_id("queue")
    await expect(queue.locator('[data-severity="major"][data-state="raised"]')).to_have_count(2, timeout=SOON_MS)
    await page.get_by_test_id("takeover-shrink").click()

    # No filter hides danger to life that nobody has taken.
    await page.get_by_test_id("queue-category").select_option("compliance")
    await expect(queue.locator('[data-severity="critical"][data-state="raised"]')).to_have_count(1)
    await expect(queue.locator('[data-severity="major"]')).to_have_count(0)
    await page.get_by_test_id("queue-category").select_option("")

    # By keys: tick one on its card, then all of them.
    await queue.locator('[data-severity="major"][data-state="raised"]').first.focus()
    await page.keyboard.press("x")
    await expect(queue.get_by_role("checkbox", checked=True)).to_have_count(1)
    await page.get_by_test_id("bulk-all").click()
    await expect(queue.get_by_role("checkbox", checked=True)).to_have_count(2)
    await page.get_by_test_id("bulk-ack").click()
    await page.get_by_test_id("bulk-sure").click()
    await expect(queue.locator('[data-severity="major"][data-state="acknowledged"]')).to_have_count(2, timeout=SOON_MS)
    left = await asyncio.to_thread(incidents, demo, state="raised")
    assert [one["device_id"] for one in left] == ["s007-btn-01"]
    await queue.locator(f'[data-testid="ack-{left[0]["incident_id"]}"]').click()
    await expect(queue.locator('[data-state="raised"]')).to_have_count(0, timeout=SOON_MS)
    await desk.close()


async def test_an_incident_is_assigned_by_keys_which_a_question_mark_shows(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    await asyncio.to_thread(demo.publish, "campus/v1/s004/s004-smk-07/event", '{"event":"tamper"}')
    given = await asyncio.to_thread(wait_for, lambda: _of(demo, "s004-smk-07"), "an incident")
    card = page.get_by_test_id(f"incident-{given['incident_id']}")
    await expect(card).to_be_visible(timeout=SOON_MS)
    await card.focus()
    await page.keyboard.press("?")
    await expect(page.get_by_test_id("keys")).to_be_visible(timeout=SOON_MS)
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("keys")).to_be_hidden(timeout=SOON_MS)
    await card.focus()
    await page.keyboard.press("g")
    await expect(page.get_by_test_id("assign-me")).to_be_focused(timeout=SOON_MS)
    await page.keyboard.press("Enter")
    await expect(card).to_contain_text(OPERATOR, timeout=SOON_MS)
    incident = await asyncio.to_thread(demo.get, f"/incidents/{given['incident_id']}")
    assert (incident["assigned_to"], incident["state"]) == (OPERATOR, "raised"), "it is no acknowledgement"
    await desk.close()


async def test_a_file_is_tried_and_imported_and_a_wrong_line_is_told(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo)
    page = desk.page
    await desk.go("import", "import")
    for kind, faults in (("烟草", "1"), ("烟感", "0")):
        rows = f"学校编号,设备编号,类型,名称\ns001,s001-new-1,{kind},新烟感\n".encode()
        file = FilePayload(name="设备.csv", mimeType="text/csv", buffer=rows)
        await page.get_by_test_id("import-file").set_input_files(file)
        outcome = page.get_by_test_id("import-outcome")
        await expect(outcome).to_have_attribute("data-faults", faults, timeout=2 * SOON_MS)
    await page.get_by_test_id("import-apply").click()
    await expect(page.get_by_test_id("import-apply")).to_be_hidden(timeout=2 * SOON_MS)
    known = await asyncio.to_thread(demo.get, "/sites/s001/devices/s001-new-1")
    assert (known["kind"], known["name"]) == ("smoke", "新烟感")
    await desk.close()


async def test_all_devices_are_scrolled_filtered_and_looked_into(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo, language="en", theme="light")
    page = desk.page
    await desk.go("devices", "devices")
    table = page.get_by_test_id("devices-table")
    total = (await asyncio.to_thread(demo.get, "/devices", limit=1))["total"]
    await expect(table).to_have_attribute("aria-rowcount", str(total + 1), timeout=SOON_MS)
    await table.evaluate("table => { table.scrollTop = table.scrollHeight }")
    await expect(table.locator(f'[aria-rowindex="{total + 1}"] a').first).to_be_visible(timeout=SOON_MS)
    assert await table.get_by_role("row").count() < 120, "only what is seen is on the page"

    await page.get_by_test_id("devices-text").fill("s002-tmp-01")
    await expect(table).to_have_attribute("aria-rowcount", "2", timeout=SOON_MS)
    await table.get_by_role("link").first.click()
    device = page.get_by_test_id("device-page")
    await expect(device.get_by_test_id("past-chart").first).to_contain_text("lowest", timeout=SOON_MS)
    await expect(device.get_by_test_id("beats")).to_be_visible()
    await desk.close()


async def test_a_wrong_rule_is_told_by_its_line_and_a_right_one_is_kept(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo, language="en")
    page = desk.page
    await desk.go("rules/door_held", "rule-editor")
    text = page.get_by_test_id("rule-text")
    await expect(text).not_to_have_value("", timeout=SOON_MS)
    said = await text.input_value()
    assert '"severity": "minor"' in said
    await text.fill(said.replace('"severity": "minor"', '"severity": "terrible"'))
    line = said[: said.index('"severity"')].count("\n") + 1
    await expect(page.get_by_test_id("rule-faults")).to_contain_text(f"line {line}", timeout=SOON_MS)
    await page.get_by_test_id("rule-reason").fill("doors matter")
    await expect(page.get_by_test_id("rule-save")).to_be_disabled()

    await text.fill(said.replace('"severity": "minor"', '"severity": "major"'))
    await page.get_by_test_id("rule-save").click(timeout=SOON_MS)
    await expect(page.get_by_test_id("rule-editor")).to_contain_text("version 1", timeout=SOON_MS)
    kept = await asyncio.to_thread(demo.get, "/rules/door_held")
    assert (kept["document"]["severity"], kept["author"]) == ("major", OPERATOR)

    await page.get_by_test_id("trial-begin").click()
    await expect(page.get_by_test_id("trial-result")).to_be_visible(timeout=2 * SOON_MS)
    await desk.close()


async def test_a_silent_server_greys_the_wall_within_five_seconds(browser: Browser, demo: RunningDemo) -> None:
    """In the browser's own time, which the test moves on: a connection that is open and says nothing."""
    context = await browser.new_context(viewport={"width": 1920, "height": 1080})
    await let_in(context, demo)
    page = await context.new_page()
    await page.clock.install()
    wall = await asyncio.to_thread(demo.get, "/wall")

    said = False

    def first_word_alone(route: WebSocketRoute) -> None:
        nonlocal said
        if not said:
            route.send(json.dumps({"type": "snapshot", "wall": wall, "incidents": []}))
        said = True

    await page.route_web_socket("**/api/v1/stream", first_word_alone)
    await page.goto(demo.url)
    connection = page.get_by_test_id("connection")
    await expect(connection).to_have_attribute("data-state", "live", timeout=SOON_MS)
    grey = "getComputedStyle(document.querySelector('[data-testid=wall]')).filter"
    assert await page.evaluate(grey) == "none"
    await page.clock.run_for(5_000)
    await expect(connection).to_have_attribute("data-state", "lost", timeout=100)
    await expect(page.get_by_test_id("lost-banner")).to_be_visible(timeout=100)
    assert "grayscale" in await page.evaluate(grey)
    await context.close()
