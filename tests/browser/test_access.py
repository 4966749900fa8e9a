"""Nobody is kept out: axe-core finds nothing on any page, in both themes; and a phone is enough to take an alarm."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.browser.axe import AXE, SETTLE_MS, violations
from tests.browser.desk import PHONE, SOON_MS, incidents, open_desk
from tests.browser.signing_in import sign_in
from tests.running_demo import RunningDemo

#: Address and what stands there.
PAGES = (
    ("", "wall"),
    ("incidents", "incidents"),
    ("sites", "sites"),
    ("sites/s001", "site-page"),
    ("devices", "devices"),
    ("devices/s001/s001-tmp-01", "device-page"),
    ("targets", "targets"),
    ("patrol", "patrol"),
    ("patrol/rounds", "rounds"),
    ("patrol/hazards", "hazards"),
    ("patrol/availability", "availability"),
    ("duty", "duty"),
    ("delivery", "delivery"),
    ("warnings", "warnings"),
    ("maintenance/s001", "maintenance"),
    ("rules/smoke_alarm", "rules"),
    ("intake", "intake"),
    ("import", "import"),
    ("load", "load"),
    ("audit", "audit"),
    ("accounts/demo", "account-detail"),
    ("account", "own-account"),
)
#: What a duty leader looks up on a small phone, and what of it would be cut off: it reaches out at a side, and nothing
#: around it scrolls there.
SMALL = (360, 740)
LOOKED_UP = (("sites", "sites"), ("sites/s005", "site-page"), ("duty", "duty"), ("delivery", "delivery"))
CUT_OFF = """() => [...document.querySelectorAll('body *')].filter((one) => {
  const { left, right, width, height } = one.getBoundingClientRect()
  if (width === 0 || height === 0 || (left > -1 && right < innerWidth + 1)) return false
  for (let around = one.parentElement; around !== null; around = around.parentElement)
    if (around.tagName === 'svg' || /auto|scroll/.test(getComputedStyle(around).overflowX)) return false
  return true
}).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`)"""


@pytest.mark.timeout(600)  # seconds on a calm machine
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_no_violation_on_any_page(browser: Browser, demo: RunningDemo, theme: str) -> None:
    """What stands around the pages is the same everywhere and judged once, with the wall; of the second theme, in the
    other language, what a theme can change: contrast.
    """
    dark = theme == "dark"
    desk = await open_desk(browser, demo, theme=theme, language="zh" if dark else "en")
    await desk.page.evaluate(AXE)
    found: list[str] = []
    for where, test_id in PAGES:
        await desk.go(where, test_id)
        part = "main" if where else "body"
        found += await violations(desk.page, where or "wall", part=part, rules="" if dark else "color-contrast")
    assert found == []
    await desk.close()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_axe_finds_no_violation_where_people_sign_in(browser: Browser, demo: RunningDemo, language: str) -> None:
    """The page, the page after a wrong password, and where a password has to be changed; in both themes."""
    account = f"axe-{language}"
    one_time = await asyncio.to_thread(demo.add_user, account, "--role", "operator")
    page = await browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]}, locale="zh-CN")
    await page.add_init_script(f"localStorage.setItem('campuswatch.language', '{language}')")
    await page.goto(f"{demo.url}/?sign_in=unknown")
    await expect(page.get_by_test_id("provider-fault")).to_be_visible(timeout=SOON_MS)
    await page.evaluate(AXE)
    found: list[str] = []

    async def look(where: str) -> None:
        for _ in range(2):
            found.extend(await violations(page, f"{where} {language}"))
            await page.get_by_test_id("theme-switch").click()

    await look("sign in")
    await sign_in(page, demo, account=account, password="wrong")
    await expect(page.get_by_test_id("sign-in-wrong")).to_be_visible(timeout=SOON_MS)
    await look("wrong")
    await sign_in(page, demo, account=account, password=one_time)
    await expect(page.get_by_test_id("password-form")).to_be_visible(timeout=SOON_MS)
    await page.get_by_test_id("password-submit").focus()
    await look("change of password")
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0], "nothing sticks out at the side"
    assert found == []
    await page.close()


async def test_an_alarm_is_taken_on_a_phone_and_axe_finds_nothing_there(browser: Browser, demo: RunningDemo) -> None:
    desk = await open_desk(browser, demo, size=PHONE, theme="light")
    await desk.page.evaluate(AXE)
    await asyncio.to_thread(demo.publish, "campus/v1/s005/s005-btn-01/alarm", '{"alarm":"panic"}')
    takeover = desk.page.get_by_test_id("takeover")
    await expect(takeover).to_be_visible(timeout=SOON_MS)
    found = await violations(desk.page, "takeover on a phone")
    for theme in ("dark", "light"):
        wall = await open_desk(browser, demo, theme=theme)
        await wall.page.evaluate(AXE)
        await expect(wall.page.get_by_test_id("takeover-receipts").get_by_role("listitem").first).to_be_visible()
        found += await violations(wall.page, f"takeover on the wall, {theme}")
        await wall.close()
    button = desk.page.get_by_test_id("takeover-ack")
    box = await button.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE[0], "the button is on the screen"
    await button.click(timeout=SOON_MS)
    await expect(takeover).to_be_hidden(timeout=SOON_MS)

    # The queue is what a phone shows; a touch leads to the whole page of the incident.
    (incident,) = [one for one in await asyncio.to_thread(incidents, demo) if one["device_id"] == "s005-btn-01"]
    card = desk.page.get_by_test_id(f"incident-{incident['incident_id']}")
    await expect(card).to_have_attribute("data-state", "acknowledged", timeout=SOON_MS)
    found += await violations(desk.page, "queue")
    await card.locator(".title").click()
    await expect(desk.page.get_by_test_id("incident-page")).to_be_visible(timeout=SOON_MS)
    found += await violations(desk.page, "incident")
    wide = await desk.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE[0], "nothing sticks out at the side"
    assert found == []

    await desk.page.set_viewport_size({"width": SMALL[0], "height": SMALL[1]})
    await expect(desk.page.get_by_test_id("timeline").locator("[data-kind]").first).to_be_visible(timeout=SOON_MS)
    assert await desk.page.evaluate(CUT_OFF) == []
    for where, test_id in LOOKED_UP:
        await desk.go(where, test_id)
        await desk.page.wait_for_timeout(SETTLE_MS)
        assert await desk.page.evaluate(CUT_OFF) == [], where
    await desk.close()
