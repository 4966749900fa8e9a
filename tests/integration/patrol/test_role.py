"""The whole role: it patrols, goes on after a restart where it was, and two of them do not patrol at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner
from pydantic import SecretStr

from campuswatch.commands.patrol import patrol
from campuswatch.roles.patrol import run
from campuswatch.roles.surroundings import Surroundings, surroundings
from campuswatch.settings import DatabaseSettings, MqttSettings, PatrolSettings, Settings
from domain.camera import CameraSource, Way
from simulators.pictures.served import Behaviour, ServedCameras
from storage.cameras import put_source
from storage.pool import Connection, connect
from tests.integration.patrol.school import NOON, SEAL, build

PATIENCE_S = 60.0


@pytest.fixture
async def conn(plain_database: str) -> AsyncIterator[Connection]:
    connection = await connect(plain_database, name="test")
    yield connection
    await connection.close()


PLAN = PatrolSettings(cycle_s=30, doubt_s=10)


def _around(dsn: str, broker: str, directory: Path, plan: PatrolSettings = PLAN) -> Surroundings:
    return surroundings(
        Settings(
            data=directory,
            database=DatabaseSettings(url=SecretStr(_url(dsn))),
            mqtt=MqttSettings(url=SecretStr(broker), client_id="test-patrol-role"),
            patrol=plan,
        )
    )


@asynccontextmanager
async def _running(around: Surroundings) -> AsyncIterator[None]:
    task = asyncio.create_task(run(around))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until_looked_at(conn: Connection, many: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            cursor = await conn.execute("SELECT count(*) FROM camera_patrol WHERE looked_at > %s", (NOON,))
            row = await cursor.fetchone()
            if row is not None and row[0] >= many:
                return
            await asyncio.sleep(0.1)


async def test_it_patrols_and_of_two_processes_one_waits(
    conn: Connection, plain_database: str, mosquitto: str, tmp_path: Path
) -> None:
    runner = web.AppRunner(ServedCameras().application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await build(conn, cameras=2)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/s001/cam-01.jpg"
        for device in ("cam-01", "cam-02"):
            await put_source(
                conn, "s001", device, CameraSource(way=Way.SNAPSHOT, url=url), seal=SEAL, actor="test", at=NOON
            )
        await conn.execute(
            "INSERT INTO camera_patrol (device_no, looked_at) SELECT device_no, %s FROM camera_source", (NOON,)
        )
        first, second = (_around(plain_database, mosquitto, tmp_path / name) for name in ("first", "second"))
        async with _running(first):
            await _until_looked_at(conn, 1)
            async with _running(second):
                await _until_looked_at(conn, 2)
                await asyncio.sleep(0.5)
                assert second.metrics.get_sample_value("campuswatch_patrol_looks_total", {"outcome": "picture"}) is None
        assert first.metrics.get_sample_value("campuswatch_patrol_looks_total", {"outcome": "picture"}) == 2.0
        cursor = await conn.execute("SELECT count(*) FROM camera_truth WHERE truth = 'decodes' AND state = 'yes'")
        assert await cursor.fetchone() == (2,)
        assert len(list((tmp_path / "first" / "pictures" / "newest").rglob("*.jpg"))) == 2
    finally:
        await runner.cleanup()


async def test_cameras_that_hang_or_send_anything_cost_their_own_time_and_nobody_elses(
    conn: Connection, plain_database: str, mosquitto: str, tmp_path: Path
) -> None:
    """The time-out is longer than the test: whoever hangs does so all the time, and the others do not notice."""
    modes = ("ok", "hang", "garbage", "ok", "refuse", "huge", "hang", "cut", "ok")
    served = ServedCameras()
    for number, mode in enumerate(modes, 1):
        served.behave(Behaviour(camera=f"s001/cam-0{number}", mode=mode))
    runner = web.AppRunner(served.application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await build(conn, cameras=len(modes))
        for number in range(1, len(modes) + 1):
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/s001/cam-0{number}.jpg"
            source = CameraSource(way=Way.SNAPSHOT, url=url)
            await put_source(conn, "s001", f"cam-0{number}", source, seal=SEAL, actor="test", at=NOON)
        await conn.execute(
            "INSERT INTO camera_patrol (device_no, looked_at) SELECT device_no, %s FROM camera_source", (NOON,)
        )
        plan = PatrolSettings.model_construct(cycle_s=6.0, doubt_s=6.0, timeout_s=2 * PATIENCE_S)
        around = _around(plain_database, mosquitto, tmp_path, plan)
        async with _running(around):
            await _until_looked_at(conn, len(modes) - modes.count("hang"))
            cursor = await conn.execute(
                "SELECT d.device_id, p.looked_at > %s, p.failure FROM camera_patrol AS p JOIN device AS d"
                " USING (device_no) ORDER BY 1",
                (NOON,),
            )
            assert {device: why if looked else "hangs" for device, looked, why in await cursor.fetchall()} == {
                "cam-01": "",
                "cam-02": "hangs",
                "cam-03": "not_jpeg",
                "cam-04": "",
                "cam-05": "unauthorized",
                "cam-06": "too_large",
                "cam-07": "hangs",
                "cam-08": "truncated",
                "cam-09": "",
            }
            assert around.metrics.get_sample_value("campuswatch_patrol_helpers_lost") == 0.0
    finally:
        await runner.cleanup()


def test_sources_are_imported_shown_without_passwords_and_the_patrol_tells_how_it_gets_on(
    plain_database: str, tmp_path: Path
) -> None:
    async def prepared() -> None:
        connection = await connect(plain_database, name="test")
        await build(connection, cameras=1)
        await connection.close()

    asyncio.run(prepared())
    file = tmp_path / "cameras.csv"
    file.write_text(
        "site_id,device_id,way,url,username,password\ns001,cam-01,snapshot,http://10.0.0.1/,patrol,top-secret\n"
    )

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner(env={"CAMPUSWATCH_LANGUAGE": "en"}).invoke(
            patrol, arguments, obj=_Session(plain_database, tmp_path), catch_exceptions=False
        )
        return result.exit_code, result.output

    assert call("sources", "import", str(file), "--dry-run") == (0, "1 rows, 1 would change\n")
    assert call("sources", "import", str(file)) == (0, "1 rows, 1 changed\n")
    assert call("sources", "import", str(file)) == (0, "1 rows, 0 changed\n")
    (tmp_path / "camera-secret").unlink()
    code, refused = call("sources", "import", str(file))
    assert (code, "another secret" in refused) == (1, True)
    assert call("sources", "import", str(file), "--secret-lost") == (0, "1 rows, 1 changed\n")
    code, exported = call("sources", "export")
    assert (code, exported.splitlines()[1]) == (0, "s001,cam-01,snapshot,http://10.0.0.1/,patrol,")
    assert call("status") == (0, "0/1 looked at within the cycle, 0 doubtful, 0 faulty\n")
    assert call("availability", "--from", "2026-01-01", "--to", "2026-01-02") == (0, "")
    assert call("hazards") == (0, "")
    report = tmp_path / "month.pdf"
    assert call("report", str(report), "--from", "2026-01-01", "--to", "2026-01-31")[0] == 0
    assert report.read_bytes().startswith(b"%PDF")

    begun = call("rounds", "begin", "--kind", "site", "--site", "s001", "--actor", "李敏")
    assert (begun[0], begun[1].split("\t")[2:]) == (0, ["of a site", "s001", "李敏", "0/1\n"])
    assert call("rounds", "list") == begun
    assert call("rounds", "show", "1") == (1, f"{begun[1]}1\ts001/cam-01\t—\topen\n")
    assert call("rounds", "report", "1", str(tmp_path / "round.xlsx"))[0] == 0
    assert (tmp_path / "round.xlsx").read_bytes().startswith(b"PK")
    assert call("rounds", "begin", "--kind", "site")[0] == 1
    assert call("rounds", "show", "99") == (1, "Error: no round 99\n")


class _Session:
    """What the commands are given."""

    def __init__(self, dsn: str, data: Path) -> None:
        self._dsn = dsn
        self._data = data

    def dsn(self) -> str:
        return self._dsn

    def settings(self) -> Settings:
        return Settings(data=self._data)


def _url(dsn: str) -> str:
    """As settings want it."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn)
    where = f"host={parts['host']}" + (f"&port={parts['port']}" if "port" in parts else "")
    return f"postgresql://{parts['user']}@/{parts['dbname']}?{where}"
