from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.desk import incidents
from tests.browser.running_provider import RunningProvider, running_provider
from tests.running_demo import RunningDemo, running_demo
from tests.servers import MissingPart

CHROMIUM = Path("/usr/bin/chromium")
#: A headless browser that asks nobody on the internet for anything.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def provider(server_directory: Path) -> Iterator[RunningProvider]:
    """An OpenID Connect provider, at which one may sign in beside one's password."""
    with running_provider(server_directory / "provider.log") as running:
        yield running


@pytest.fixture(scope="package")
def _demo(server_directory: Path, provider: RunningProvider) -> Iterator[RunningDemo]:
    # A new one each time: between two of these files a process may have been given another package's.
    directory = Path(tempfile.mkdtemp(prefix="demo-browser-", dir=server_directory))
    directory.chmod(0o755)
    settings = {"CAMPUSWATCH_WEB__PROVIDER": provider.settings}
    with running_demo(directory, sites=8, settings=settings) as demo:
        yield demo


@pytest.fixture
def demo(_demo: RunningDemo) -> Iterator[RunningDemo]:
    """A demo of eight sites, one for all tests of browsers; started anew where a test has ended it. What a test raised
    and left is taken after it: an alarm would lie over the pages of the next.
    """
    if _demo.exit_code is not None:
        _demo.start()
    yield _demo
    if _demo.exit_code is None:
        for left in incidents(_demo, state="raised"):
            answer = _demo.client.post(f"/incidents/{left['incident_id']}/acknowledge", json={})
            assert answer.status_code in (200, 409), answer.text  # 409: it is over meanwhile


@pytest.fixture(scope="session", autouse=True)
def _chromium_is_there() -> None:
    if not CHROMIUM.exists():
        raise MissingPart("Chromium is not installed; `make debian-packages` installs it")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        await browser.close()
