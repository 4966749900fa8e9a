"""Signing in as people do."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Page, expect

from tests.running_demo import RunningDemo

#: Far above what is promised; machines are shared.
SOON_MS = 20_000


async def sign_in(page: Page, demo: RunningDemo, *, account: str = "demo", password: str = "") -> None:
    """With the account that the demo shows in its terminal, where no other is given."""
    await expect(page.get_by_test_id("account")).to_be_visible(timeout=SOON_MS)
    await page.get_by_test_id("account").fill(account)
    await page.get_by_test_id("password").fill(password or demo.password)
    await page.get_by_test_id("password").press("Enter")


async def let_in(context: BrowserContext, demo: RunningDemo, *, account: str = "demo", password: str = "") -> None:
    """Signed in beforehand, for what is not about signing in."""
    said = {"account": account, "password": password or demo.password}
    answer = await context.request.post(f"{demo.url}/api/v1/session", data=said, headers={"origin": demo.url})
    assert answer.ok, await answer.text()
