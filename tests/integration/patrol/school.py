"""A site with cameras in a database, cameras on HTTP, and an officer who looks at them on a clock of the test's own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from campuswatch.patrol.helpers import Helpers
from campuswatch.patrol.officer import Officer
from campuswatch.patrol.takers import Takers
from campuswatch.secrets import webhook_secret
from detectors.documents.shipped import shipped
from devices.sealing import PasswordSeal
from domain.camera import CameraSource, PatrolledCamera, Truth, Way
from ingest.pictures.snapshot import Snapshots
from simulators.pictures.served import Behaviour, ServedCameras
from storage.album import Album
from storage.camera_truths import truths_of
from storage.cameras import load_cameras, put_source
from storage.pool import Connection, open_pool

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
USER, PASSWORD = "patrol", "not-for-anybody's-eyes"
SEAL = PasswordSeal(webhook_secret())
#: Far more than a picture takes on a busy machine; a camera that hangs is given less.
TIMEOUT_S = 60.0


class SetClock:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


async def build(conn: Connection, *, cameras: int) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind, township) VALUES ('s001', '学校', 'primary', '前黄镇')")
    await conn.execute("INSERT INTO device (site_no, device_id, kind) SELECT site_no, 'gw-01', 'gateway' FROM site")
    await conn.execute(
        "INSERT INTO device (site_no, device_id, kind, parent_no) SELECT site_no, 'cam-0' || n, 'camera', device_no"
        " FROM device, generate_series(1, %s) AS n WHERE kind = 'gateway'",
        (cameras,),
    )


class School:
    def __init__(
        self,
        conn: Connection,
        officer: Officer,
        served: ServedCameras,
        clock: SetClock,
        album: Album,
        snapshots: Snapshots,
    ) -> None:
        self.conn = conn
        self.officer = officer
        self.served = served
        self.clock = clock
        self.album = album
        self.snapshots = snapshots

    def behave(self, device_id: str, mode: str) -> None:
        self.served.behave(Behaviour(camera=f"s001/{device_id}", mode=mode))

    async def camera(self, device_id: str) -> PatrolledCamera:
        return next(one for one in (await load_cameras(self.conn, SEAL)).cameras if one.device_id == device_id)

    async def look(self, device_id: str = "cam-01", *, times: int = 1, every: timedelta = timedelta(minutes=5)) -> None:
        camera = await self.camera(device_id)
        for _ in range(times):
            self.clock.at += every
            await self.officer.look(camera)

    async def truths(self, device_id: str = "cam-01") -> dict[Truth, tuple[str, str]]:
        camera = await self.camera(device_id)
        found = await truths_of(self.conn, [camera.device_no])
        return {one.truth: (one.state.value, one.reason) for one in found.get(camera.device_no, [])}

    async def findings(self) -> list[tuple[str, str, str]]:
        cursor = await self.conn.execute("SELECT kind, device_id, detail->>'fault' FROM finding ORDER BY finding_no")
        return await cursor.fetchall()


@asynccontextmanager
async def school(conn: Connection, dsn: str, directory: Path, *, cameras: int = 1) -> AsyncIterator[School]:
    logging.getLogger("aiohttp.access").disabled = True
    await build(conn, cameras=cameras)
    clock = SetClock()
    served = ServedCameras(clock=clock, username=USER, password=PASSWORD)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(served.application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listening = web.TCPSite(runner, "127.0.0.1", 0)
        await listening.start()
        port = runner.addresses[0][1]
        for number in range(1, cameras + 1):
            source = CameraSource(
                way=Way.SNAPSHOT,
                url=f"http://127.0.0.1:{port}/s001/cam-0{number}.jpg",
                username=USER,
                password=PASSWORD,
            )
            await put_source(conn, "s001", f"cam-0{number}", source, seal=SEAL, actor="test", at=NOON)
        pool = await stack.enter_async_context(open_pool(dsn, name="patrol test", max_size=2))
        snapshots = await stack.enter_async_context(Snapshots(clock, timeout_s=TIMEOUT_S))
        helpers = await stack.enter_async_context(Helpers(1))
        album = Album(directory)
        officer = Officer(
            pool=pool,
            clock=clock,
            takers=Takers(snapshots, helpers, clock, timeout_s=TIMEOUT_S),
            examiners=helpers,
            album=album,
            cycle=timedelta(hours=1),
            settle=timedelta(seconds=150),
        )
        officer.rule = shipped()["picture_fault"]
        yield School(conn, officer, served, clock, album, snapshots)
