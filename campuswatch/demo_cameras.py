"""The cameras of a demo whose pictures are drawn: a few of the first sites, some of them in trouble."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from campuswatch.settings import PatrolSettings, Settings
from domain.sealing import Seal

SITES, EACH = 3, 8
#: A demo's patrol goes round in two minutes, so that somebody who watches sees it at work.
_PLAN = {"CYCLE_S": "120", "DOUBT_S": "30", "TIMEOUT_S": "5"}


@dataclass(frozen=True, slots=True)
class SimulatedCameras:
    sites: int

    def environment(self, settings: Settings) -> dict[str, str]:
        """The patrol's pace, unless somebody has chosen one."""
        if settings.patrol != PatrolSettings():
            return {}
        return {f"CAMPUSWATCH_PATROL__{name}": value for name, value in _PLAN.items()}

    def arguments(self, ports: int) -> list[str]:
        """For ``campuswatch sim cameras``."""
        faulty = ["s001/s001-cam-03=black", "s001/s001-cam-05=hang", "s002/s002-cam-02=refuse"]
        pushing = [f"{site}/{site}-cam-{EACH:02}" for site in self.names()]
        return [
            *("--port", str(ports), "--stream-port", str(ports + 1), "--every", "60"),
            *(part for one in faulty if one[:4] in self.names() for part in ("--faulty", one)),
            *(part for one in pushing for part in ("--push", one)),
        ]

    def names(self) -> list[str]:
        return [f"s{number:03}" for number in range(1, self.sites + 1)]


def simulated_cameras(sites: int) -> SimulatedCameras | None:
    """None where the extra `patrol` is not installed: nobody could draw or look."""
    return None if find_spec("cv2") is None or find_spec("numpy") is None else SimulatedCameras(min(sites, SITES))


def camera_addresses(ports: int) -> list[str]:
    """For ``campuswatch prepare-demo``."""
    return ["--snapshots", f"http://127.0.0.1:{ports}", "--streams", f"rtsp://127.0.0.1:{ports + 1}"]


async def give_cameras(dsn: str, sites: int, *, seal: Seal, snapshots: str, streams: str) -> None:
    """Say of each where its pictures come from: six ask for snapshots, one streams, one pushes."""
    from domain.camera import CameraSource, Way
    from domain.clock import SystemClock
    from domain.errors import UnknownDevice
    from storage.cameras import put_source
    from storage.pool import connect, wrapped_errors

    now = SystemClock().now()
    async with await connect(dsn, name="demo") as conn, wrapped_errors():
        for site in SimulatedCameras(min(sites, SITES)).names():
            for number in range(1, EACH + 1):
                device = f"{site}-cam-{number:02}"
                if number < EACH - 1:
                    source = CameraSource(way=Way.SNAPSHOT, url=f"{snapshots}/{site}/{device}.jpg")
                elif number < EACH:
                    source = CameraSource(way=Way.STREAM, url=f"{streams}/{site}/{device}")
                else:
                    source = CameraSource(way=Way.PUSH)
                try:
                    async with conn.transaction():
                        await put_source(conn, site, device, source, seal=seal, actor="demo", at=now)
                except UnknownDevice:
                    continue  # somebody took it out of service
