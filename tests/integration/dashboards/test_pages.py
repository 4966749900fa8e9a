from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dashboards.app import create_app
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import SetClock


@pytest.fixture
def built(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>the wall</title>")
    (static / "assets" / "main-0f3a.js").write_text("run()")
    (tmp_path / "secret.txt").write_text("secret")
    return static


@pytest.fixture
def static_dir(built: Path) -> Path:
    return built


@pytest.fixture
async def browser(
    plain_database: str, pool: KeptPool, desk: Desk, clock: SetClock, static_dir: Path
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        pool=pool,
        desk=desk,
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        assessor=assessor(pool, clock),
        responder=responder(pool, clock),
        settings=replace(web_settings(plain_database), static_dir=static_dir),
        clock=clock,
        version="0.1.0",
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database  # pages are the same whatever the database


@pytest.mark.parametrize("path", ["/", "/sites/s001", "/incidents/1b4e28ba-2fa1-11d2-883f-0016d3cca427", "/queue"])
async def test_every_path_of_the_front_end_answers_its_one_page(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path)
    assert response.status_code == 200
    assert "the wall" in response.text
    assert response.headers["cache-control"] == "no-cache"


async def test_built_files_are_kept_by_browsers_for_ever(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/assets/main-0f3a.js")
    assert (response.status_code, response.text) == (200, "run()")
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br, gzip; q=0.000", "x-gzip-like"])
async def test_who_cannot_unpack_gets_a_file_as_it_is(browser: httpx.AsyncClient, accepted: str) -> None:
    response = await browser.get("/assets/main-0f3a.js", headers={"accept-encoding": accepted})
    assert (response.status_code, response.text) == (200, "run()")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("accepted", ["br;q=1.0, gzip;q=0.8", "GZIP", "deflate,gzip"])
async def test_who_can_unpack_says_so_in_any_order(browser: httpx.AsyncClient, accepted: str) -> None:
    response = await browser.get("/assets/main-0f3a.js", headers={"accept-encoding": accepted})
    assert (response.text, response.headers["content-encoding"]) == ("run()", "gzip")


async def test_pages_that_are_built_anew_are_found(browser: httpx.AsyncClient, built: Path) -> None:
    assert (await browser.get("/assets/main-77aa.js")).status_code == 404
    (built / "assets" / "main-77aa.js").write_text("run_anew()")
    assert (await browser.get("/assets/main-77aa.js")).text == "run_anew()"


@pytest.mark.parametrize("path", ["/assets/main-old.js", "/favicon.svg", "/api/v1/nothing", "/api", "/metrics/x.y"])
async def test_what_is_missing_stays_missing(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/..%5csecret.txt"]
)
async def test_nothing_outside_the_built_pages_is_served(browser: httpx.AsyncClient, path: str) -> None:
    assert "secret" not in (await browser.get(path)).text


async def test_a_path_that_no_file_system_takes_is_no_error(browser: httpx.AsyncClient) -> None:
    for path in ("/%00", "/" + "x" * 5000):
        assert (await browser.get(path)).status_code in (200, 404)


async def test_pages_can_only_be_read(browser: httpx.AsyncClient) -> None:
    response = await browser.post("/")
    assert response.status_code == 405


class TestWithoutABuild:
    @pytest.fixture
    def static_dir(self, tmp_path: Path) -> Path:
        return tmp_path / "nothing"

    async def test_a_plain_page_says_so_in_both_languages(self, browser: httpx.AsyncClient) -> None:
        response = await browser.get("/")
        assert response.status_code == 200
        assert "网页尚未构建" in response.text
        assert "not built" in response.text
        assert "/api/v1/openapi.json" in response.text
