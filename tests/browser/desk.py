"""A desk of the control room: one page in a browser, opened as somebody in a language, a theme and a size."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.signing_in import let_in
from tests.running_demo import RunningDemo

#: Far above what is promised; machines are shared.
SOON_MS = 20_000
DESK = (1920, 1080)
PHONE = (390, 844)
#: Whom timelines name for what is done at a desk.
OPERATOR = "值班员（演示）"


class Desk:
    """``troubles``: what the page complained of, and whom it asked on the internet. Should stay empty."""

    def __init__(self, page: Page, troubles: list[str], url: str) -> None:
        self.page = page
        self.troubles = troubles
        self._url = url

    async def go(self, where: str, test_id: str) -> None:
        """To a page by its address; waits until it stands there."""
        await self.page.evaluate("where => { window.location.hash = where }", f"#/{where}")
        await expect(self.page.get_by_test_id(test_id)).to_be_visible(timeout=SOON_MS)

    async def close(self) -> None:
        assert self.troubles == []
        await self.page.context.close()


async def open_desk(
    browser: Browser,
    demo: RunningDemo,
    *,
    theme: str = "dark",
    language: str = "zh",
    size: tuple[int, int] = DESK,
    account: str = "demo",
    password: str = "",
) -> Desk:
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    await let_in(context, demo, account=account, password=password)
    kept = {"theme": theme, "language": language}
    for name, value in kept.items():
        await context.add_init_script(
            f"localStorage.getItem('campuswatch.{name}') ?? localStorage.setItem('campuswatch.{name}', '{value}')"
        )
    page = await context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        # A refusal is an answer that pages know how to take; the browser calls it an error all the same.
        lambda message: (
            troubles.append(message.text)
            if message.type == "error" and "responded with a status of 4" not in message.text
            else None
        ),
    )
    own = (demo.url, f"ws://127.0.0.1:{demo.web_port}", "data:", "blob:")
    page.on(
        "request",
        lambda request: None if request.url.startswith(own) else troubles.append(f"asked for {request.url}"),
    )
    await page.goto(demo.url)
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=SOON_MS)
    return Desk(page, troubles, demo.url)


def incidents(demo: RunningDemo, **choice: Any) -> list[dict[str, Any]]:
    """As the API lists them."""
    items: list[dict[str, Any]] = demo.get("/incidents", **choice)["items"]
    return items
