"""axe-core on a page: what a screen reader, the keyboard or weak eyes would stumble over."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

#: axe-core itself; the package around it is only its carrier.
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
#: Pages fetch what they show: quiet for a moment means that it is there.
SETTLE_MS = 250


async def violations(page: Page, where: str, *, part: str = "body", rules: str = "") -> list[str]:
    """``page`` has evaluated `AXE`."""
    await page.wait_for_timeout(SETTLE_MS)
    only = f", runOnly: ['{rules}']" if rules else ""
    found: dict[str, Any] = await page.evaluate(
        f"axe.run(document.querySelector('{part}'), {{resultTypes: ['violations']{only}}})"
    )
    return [
        f"{where}: {one['id']} at {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
