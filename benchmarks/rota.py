"""What a whole patrol costs: the real role with its helpers, a database and cameras that are asked over HTTP.

Every camera of the district is looked at once: 1080p, digest, a settled memory. Five in a hundred misbehave: they hang,
refuse the password, send garbage, half a picture or the header of one of 100 megapixels. Counted is the CPU of the
role, its helpers and the database; the cameras are a process of their own and count for nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import psutil
import psycopg

from benchmarks.control_room import end, ports_in_a_row, program
from benchmarks.processes import pss_mb
from benchmarks.rota_cameras import PASSWORD, USER, draw
from benchmarks.sheet import Plan, Sheet
from benchmarks.stage import own_database
from campuswatch.demo_district import prepare
from campuswatch.secrets import webhook_secret
from devices.sealing import PasswordSeal
from domain.camera import CameraSource, Way
from domain.sealing import Seal
from simulators.district import DISTRICT_SITES
from storage.cameras import put_source
from storage.pool import Connection, connect
from tests.servers import Mosquitto, free_port, open_directory

SCENES, QUICK_SCENES = 24, 4
QUICK_SITES, QUICK_ROUNDS = 6, 4
#: The whole district, and the CPU that a patrol of it may take.
CAMERAS, MOST_CPU_S = 11_000, 15 * 60
#: Of the role with its helpers: in the second half of the only round, or after the first of several.
MOST_GROWTH_MB = 30.0
LOOK_EVERY_S = 2.0
PATIENCE_S = 3600.0
#: The pace is twice what a cycle needs; a cycle so short keeps both cores busy.
CAMERAS_A_SECOND = 60
#: Of 100 cameras, by the last two digits of their number.
MISBEHAVIOUR = {7: "hang", 23: "garbage", 41: "refuse", 59: "huge", 83: "cut"}


class _Use(NamedTuple):
    """Since the processes began; memory as the share that is theirs."""

    role_s: float
    helpers_s: float
    database_s: float
    memory_mb: float

    @property
    def cpu_s(self) -> float:
        return self.role_s + self.helpers_s + self.database_s


def measure(plan: Plan) -> Sheet:
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Sheet:
    sheet = Sheet(columns=("part", "CPU s", "s per 1,000 cameras", "s for 11,000"))
    with open_directory() as directory:
        pictures = directory / "pictures"
        pictures.mkdir()
        memories = await asyncio.to_thread(draw, pictures, QUICK_SCENES if plan.quick else SCENES)
        click.echo(f"  {len(memories)} scenes drawn")
        broker = Mosquitto(directory)
        await asyncio.to_thread(broker.start)
        try:
            async with own_database(directory) as postgres, _cameras(pictures) as port:
                await prepare(postgres.dsn, sites=QUICK_SITES if plan.quick else DISTRICT_SITES, seed=1, phone="")
                secret = webhook_secret()
                cameras = await _enrol(postgres.dsn, port, memories, PasswordSeal(secret))
                click.echo(f"  {cameras:,} cameras enrolled")
                assert postgres.pid is not None
                database, rounds = psutil.Process(postgres.pid), plan.rounds or (QUICK_ROUNDS if plan.quick else 1)
                await asyncio.to_thread(
                    _patrol, sheet, directory, postgres.dsn, broker.url, secret, database, cameras, rounds
                )
        finally:
            await asyncio.to_thread(broker.stop)
    return sheet


@asynccontextmanager
async def _cameras(pictures: Path) -> AsyncIterator[int]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.rota_cameras", str(port), str(pictures)
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _enrol(dsn: str, port: int, memories: list[bytes], seal: Seal) -> int:
    conn = await connect(dsn, name="benchmark")
    try:
        cursor = await conn.execute(
            "SELECT d.device_no, s.site_id, d.device_id FROM device AS d JOIN site AS s USING (site_no)"
            " WHERE d.kind = 'camera' ORDER BY 1 LIMIT %s",
            (CAMERAS,),
        )
        cameras, now = await cursor.fetchall(), datetime.now(UTC)
        async with conn.transaction():
            for place, (number, site_id, device_id) in enumerate(cameras):
                scene = place % len(memories)
                url = f"http://127.0.0.1:{port}/{number}/{scene}/{MISBEHAVIOUR.get(place % 100, 'ok')}"
                source = CameraSource(way=Way.SNAPSHOT, url=url, username=USER, password=PASSWORD)
                await put_source(conn, site_id, device_id, source, seal=seal, actor="benchmark", at=now)
        await _remember(conn, [number for number, *_ in cameras], memories)
        await conn.execute("ANALYZE")
        return len(cameras)
    finally:
        await conn.close()


async def _remember(conn: Connection, numbers: list[int], memories: list[bytes]) -> None:
    async with conn.transaction(), conn.cursor() as cursor:
        async with cursor.copy("COPY camera_memory (device_no, memory) FROM STDIN") as copy:
            for place, number in enumerate(numbers):
                await copy.write_row((number, memories[place % len(memories)]))
        # Looked at in a year long ago: all are overdue, and in the order of their numbers.
        await cursor.execute(
            "INSERT INTO camera_patrol (device_no, looked_at, picture_at)"
            " SELECT n, %(at)s, %(at)s FROM unnest(%(numbers)s::int[]) AS n",
            {"at": datetime(2026, 1, 1, tzinfo=UTC), "numbers": numbers},
        )


def _patrol(
    sheet: Sheet,
    directory: Path,
    dsn: str,
    mqtt_url: str,
    secret: str,
    database: psutil.Process,
    cameras: int,
    rounds: int,
) -> None:
    before = _cpu_s([database, *database.children(recursive=True)])
    began = time.monotonic()
    role = program(
        ["run", "--role", "patrol"],
        directory / "patrol.log",
        {
            "CAMPUSWATCH_DATA": str(directory / "data"),
            "CAMPUSWATCH_DATABASE__URL": dsn,
            "CAMPUSWATCH_MQTT__URL": mqtt_url,
            "CAMPUSWATCH_METRICS__PORT": str(ports_in_a_row(4)),
            "CAMPUSWATCH_PATROL__SECRET": secret,
            "CAMPUSWATCH_PATROL__CYCLE_S": str(max(30, cameras // CAMERAS_A_SECOND)),
        },
    )
    uses: list[tuple[int, _Use]] = []  # how many looks were done by then
    try:
        with psycopg.connect(dsn, autocommit=True) as conn:
            for number in range(1, rounds + 1):
                began_at = datetime.now(UTC)
                while not uses or uses[-1][0] < number * cameras:
                    time.sleep(LOOK_EVERY_S)
                    if role.poll() is not None or time.monotonic() > began + PATIENCE_S:
                        words = (directory / "patrol.log").read_text(errors="replace")[-900:]
                        raise RuntimeError(f"the patrol does not get on; its last words:\n{words}")
                    done = conn.execute(
                        "SELECT count(*) FROM camera_patrol WHERE looked_at > %s", (began_at,)
                    ).fetchone()
                    looks = (number - 1) * cameras + (done[0] if done else 0)
                    uses.append((looks, _used(role.pid, database, before)))
            seconds = time.monotonic() - began
            outcomes = conn.execute(
                "SELECT CASE failure WHEN '' THEN CASE WHEN standing = '{}' THEN 'picture' ELSE 'fault' END"
                " ELSE failure END, count(*) FROM camera_patrol GROUP BY 1 ORDER BY 1"
            ).fetchall()
    finally:
        end(role)
    _tell(sheet, cameras, rounds, seconds, uses, dict(outcomes))


def _tell(
    sheet: Sheet,
    cameras: int,
    rounds: int,
    seconds: float,
    uses: list[tuple[int, _Use]],
    outcomes: dict[str, int],
) -> None:
    last, looks = uses[-1][1], cameras * rounds
    for name, cpu_s in (
        ("patrol role", last.role_s),
        ("its helpers", last.helpers_s),
        ("database", last.database_s),
        ("in all", last.cpu_s),
    ):
        sheet.rows.append((name, cpu_s, cpu_s / looks * 1000, cpu_s / looks * CAMERAS))
    held = [(done, use.memory_mb) for done, use in uses if done >= cameras / 20]
    places = {
        name: held[int(share * (len(held) - 1))][1] for name, share in (("start", 0), ("middle", 0.5), ("end", 1))
    }
    settled = next(use.memory_mb for done, use in uses if done >= cameras)
    growth_mb = places["end"] - (places["middle"] if rounds == 1 else settled)
    sheet.notes.append(
        f"{cameras:,} cameras were really patrolled, {rounds} times, in {seconds:.0f} s by the clock:"
        f" {', '.join(f'{name} {many:,}' for name, many in outcomes.items())}"
    )
    sheet.notes.append(
        f"memory of the role with its helpers: {places['start']:.0f} MB at the start, {places['middle']:.0f} in the"
        f" middle, {places['end']:.0f} at the end; in the first round it is learnt how each camera wants its password"
        " (1.5 kB)"
    )
    sheet.notes.append(f"Required: {MOST_CPU_S} s of CPU for {CAMERAS:,} cameras, memory flat.")
    whole_s = last.cpu_s / looks * CAMERAS
    sheet.figures = {
        "cameras": cameras, "rounds": rounds, "seconds": seconds, "cpu_s": last._asdict(), "district_cpu_s": whole_s,
        "outcomes": outcomes, "memory_mb": places,
    }  # fmt: skip
    if whole_s > MOST_CPU_S:
        sheet.faults.append(f"a patrol of {CAMERAS:,} cameras takes {whole_s:.0f} s of CPU; the limit is {MOST_CPU_S}")
    if growth_mb > MOST_GROWTH_MB:
        sheet.faults.append(f"memory grew by {growth_mb:.0f} MB")
    misled = sum(many for name, many in outcomes.items() if name not in ("picture", "fault"))
    wanted = sum(1 for place in range(cameras) if place % 100 in MISBEHAVIOUR)
    if misled != wanted:
        sheet.faults.append(f"{misled} cameras without a picture, {wanted} misbehave")


def _used(role_pid: int, database: psutil.Process, before_s: float) -> _Use:
    role = psutil.Process(role_pid)
    helpers = role.children(recursive=True)
    return _Use(
        role_s=_cpu_s([role], own=True),
        helpers_s=_cpu_s(helpers) + sum(role.cpu_times()[2:4]),
        database_s=_cpu_s([database, *database.children(recursive=True)]) - before_s,
        memory_mb=sum(pss_mb(one.pid) for one in (role, *helpers)),
    )


def _cpu_s(processes: list[psutil.Process], *, own: bool = False) -> float:
    """With children that are gone, but for ``own``."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + (0.0 if own else times.children_user + times.children_system)
    return total
