"""Starts a demo, lets things happen in it, and takes a picture of every page in both languages and themes.

``python scripts/screenshots.py [--sites 184] [--into docs/screenshots]``; `make screenshots` runs it. Pictures are
WebP, 1280 pixels wide.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

HOME = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HOME))

from tests.browser.conftest import CHROMIUM, FLAGS  # noqa: E402  # after the path
from tests.browser.desk import OPERATOR, PHONE, open_desk  # noqa: E402
from tests.running_demo import RunningDemo, running_demo, wait_for  # noqa: E402

#: Address, what stands there, and the name of the picture.
PAGES = (
    ("", "wall", "wall"),
    ("incidents", "incidents", "incidents"),
    ("incidents/{fire}", "incident-page", "incident"),
    ("sites", "sites", "sites"),
    ("sites/s004", "site-page", "site"),
    ("devices", "devices", "devices"),
    ("devices/s004/s004-tmp-02", "device-page", "device"),
    ("targets", "targets", "targets"),
    ("patrol", "patrol", "patrol"),
    ("patrol/rounds", "rounds", "patrol-rounds"),
    ("patrol/rounds/{round}", "patrol-round", "patrol-round"),
    ("patrol/hazards", "hazards", "patrol-hazards"),
    ("patrol/availability", "availability", "patrol-availability"),
    ("duty", "duty", "duty"),
    ("delivery", "delivery", "delivery"),
    ("warnings/{warning}", "warning-detail", "warnings"),
    ("maintenance", "maintenance", "maintenance"),
    ("rules/high_temperature", "rule-editor", "rules"),
    ("intake", "intake", "intake"),
    ("import", "import", "import"),
    ("load", "load", "load"),
    ("audit", "audit", "audit"),
    ("accounts/demo", "account-detail", "accounts"),
    ("account", "own-account", "account"),
)
#: What is looked up on a phone.
POCKET = (
    ("sites/s004", "site-page", "phone-site"),
    ("incidents/{fire}", "incident-page", "phone-incident"),
    ("duty", "duty", "phone-duty"),
)
SIZE = (1920, 1080)
WIDTH = 1280
QUALITY = 40
SETTLE_MS = 800


class Story:
    """What happens before the pictures. ``names`` fill the gaps of the pages' addresses."""

    def __init__(self, demo: RunningDemo) -> None:
        self._demo = demo
        self.names: dict[str, str] = {}

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._demo.client.post(path, json={"actor": OPERATOR, **body})
        answer.raise_for_status()
        return answer.json()

    def _incident(self, device_id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self._demo.get("/incidents", limit=100)["items"]
            return next((one for one in found if one["device_id"] == device_id), None)

        return wait_for(look, f"an incident of {device_id}")

    def tell(self) -> None:
        demo = self._demo
        # A smoke detector and the sensor beside it, taken and half worked off; its report is being written.
        demo.publish("campus/v1/s004/s004-smk-03/alarm", '{"alarm":"smoke"}')
        fire = self._incident("s004-smk-03")["incident_id"]
        self.names["fire"] = fire
        self._post(f"/incidents/{fire}/acknowledge", note="已电话核实，食堂储藏室有烟")
        for item in wait_for(lambda: self._checklist(fire), "a check-list")[:3]:
            self._post(f"/incidents/{fire}/checklist", item=item["item"])
        self._post(f"/incidents/{fire}/verify", verification="true", reason=self._reason("true"), note="")
        clocks = wait_for(lambda: demo.get("/report-clocks", incident_id=fire) or None, "a report clock")
        self._post(f"/report-clocks/{clocks[0]['clock_id']}/drafts", kind="first")
        # Small trouble, some of it handled.
        for device in ("s009-smk-01", "s010-smk-02", "s011-smk-03"):
            demo.publish(f"campus/v1/{device[:4]}/{device}/event", '{"event":"tamper"}')
        tamper = self._incident("s009-smk-01")["incident_id"]
        until = datetime.now(UTC) + timedelta(hours=4)
        self._post(f"/incidents/{tamper}/shelve", reason="等待配件", until=until.isoformat())
        # What cannot be taken, and who is not known.
        demo.publish("campus/v1/s003/s003-tmp-01/reading", '{"temperature_c": 999}')
        demo.publish("campus/v1/s003/s003-smk-99/heartbeat", "{}")
        # The office's own doings.
        self._post(
            "/windows",
            site_id="s012",
            reason="更换交换机",
            ends_at=(datetime.now(UTC) + timedelta(hours=3)).isoformat(),
        )
        warning = self._post(
            "/warnings",
            kind="rainstorm",
            level="orange",
            title_zh="暴雨橙色预警",
            title_en="Rainstorm, orange",
            text_zh="预计今夜有大到暴雨，请检查排水，必要时调整上学时间。",
            text_en="Heavy rain is expected tonight. Check the drains; shift school hours if need be.",
            valid_until=(datetime.now(UTC) + timedelta(hours=12)).isoformat(),
        )
        self.names["warning"] = warning["warning_id"]
        for site_id in ("s001", "s002", "s005"):
            self._post(f"/warnings/{warning['warning_id']}/read", site_id=site_id)

    def patrol(self) -> None:
        """A round is begun, and the first diagnosis in it confirmed: it is a hazard now."""
        number = self._post("/patrol-rounds", kind="doubtful")["round"]["round_no"]
        self.names["round"] = str(number)
        found = [one for one in self._demo.get(f"/patrol-rounds/{number}")["items"] if one["fault"]]
        for item in found[:1]:
            self._post(f"/patrol-rounds/{number}/items/{item['place']}", verdict="confirmed")

    def alarm(self) -> None:
        """Somebody presses a one-key alarm, and nobody has taken it yet."""
        self._demo.publish("campus/v1/s006/s006-btn-01/alarm", '{"alarm":"panic"}')
        self._incident("s006-btn-01")

    def _checklist(self, incident_id: str) -> list[dict[str, Any]]:
        answer = self._demo.client.get(f"/incidents/{incident_id}/response")
        return list(answer.json()["checklist"]) if answer.status_code == 200 else []

    def _reason(self, verification: str) -> str:
        reasons = self._demo.get("/verification-reasons")["reasons"]
        return next(str(one["code"]) for one in reasons if verification in one["of"])


async def picture(page: Page, file: Path) -> int:
    """Bytes of the picture."""
    await page.wait_for_timeout(SETTLE_MS)
    return await asyncio.to_thread(save, await page.screenshot(), file)


async def sign_in(browser: Browser, demo: RunningDemo, theme: str, language: str, into: Path) -> int:
    """The page before all others, which nobody has passed yet."""
    width, height = SIZE
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    for name, value in {"theme": theme, "language": language}.items():
        await context.add_init_script(f"localStorage.setItem('campuswatch.{name}', '{value}')")
    page = await context.new_page()
    await page.goto(demo.url)
    await expect(page.get_by_test_id("account")).to_be_visible(timeout=20_000)
    size = await picture(page, into / f"sign-in-{language}-{theme}.webp")
    await context.close()
    return size


def save(shot: bytes, file: Path) -> int:
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    image.save(file, "WEBP", quality=QUALITY, method=6)
    return file.stat().st_size


async def pictures(browser: Browser, demo: RunningDemo, story: Story, into: Path) -> int:
    size = 0
    for theme in ("dark", "light"):
        for language in ("zh", "en"):
            desk = await open_desk(browser, demo, theme=theme, language=language, size=SIZE)
            for where, test_id, name in PAGES:
                await desk.go(where.format(**story.names), test_id)
                size += await picture(desk.page, into / f"{name}-{language}-{theme}.webp")
            await desk.close()
            size += await sign_in(browser, demo, theme, language, into)
    for language in ("zh", "en"):
        desk = await open_desk(browser, demo, theme="light", language=language, size=PHONE)
        for where, test_id, name in POCKET:
            await desk.go(where.format(**story.names), test_id)
            size += await picture(desk.page, into / f"{name}-{language}-light.webp")
        await desk.close()
    await asyncio.to_thread(story.alarm)
    for language in ("zh", "en"):
        for name, theme, screen in (("takeover", "dark", SIZE), ("phone", "light", PHONE)):
            desk = await open_desk(browser, demo, theme=theme, language=language, size=screen)
            await expect(desk.page.get_by_test_id("takeover")).to_be_visible(timeout=20_000)
            size += await picture(desk.page, into / f"{name}-{language}-{theme}.webp")
            await desk.close()
    return size


async def in_a_browser(demo: RunningDemo, story: Story, into: Path) -> int:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        size = await pictures(browser, demo, story, into)
        await browser.close()
    return size


def main(sites: int, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="campuswatch-pictures-") as directory:
        Path(directory).chmod(0o755)
        with running_demo(Path(directory), sites=sites, cameras=True) as demo:
            wait_for(lambda: demo.get("/wall")["totals"]["online"] > 0, "devices that speak", within_s=60)
            story = Story(demo)
            story.tell()
            time.sleep(150)  # some readings for the charts, and the cameras have been looked at
            story.patrol()
            size = asyncio.run(in_a_browser(demo, story, into))
    print(f"{len(list(into.glob('*.webp')))} pictures, {size / 1024:.0f} KiB, in {into}")  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=184)
    parser.add_argument("--into", type=Path, default=HOME / "docs" / "screenshots")
    arguments = parser.parse_args()
    main(arguments.sites, arguments.into)
