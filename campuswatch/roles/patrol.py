"""The patrol role: pictures of all cameras in turn, and those that cameras push (docs/patrol.md).

It is not in the way of anybody: its own process, the last one to get the processor, and pixels in helpers of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from campuswatch.camera_seal import camera_seal
from campuswatch.patrol.helpers import HelperLost, Helpers
from campuswatch.patrol.meters import PatrolMeters
from campuswatch.patrol.officer import Officer
from campuswatch.patrol.report import RULE
from campuswatch.patrol.takers import Takers
from campuswatch.patrol.watch import Watch
from campuswatch.roles.listening import react
from campuswatch.roles.places import picture_directory
from campuswatch.roles.surroundings import Surroundings
from campuswatch.rulebook import Rulebook
from detectors.pictures.rota import Rota, Stop
from domain.camera import PatrolledCamera, Way
from domain.errors import StorageError
from ingest.pictures.pushed import PushedPictures
from ingest.pictures.snapshot import Snapshots
from ingest.pictures.taken import TakenPicture
from ingest.session import BrokerAddress
from storage.album import Album
from storage.camera_days import fold_days
from storage.camera_truths import follow_outages, lapse, retire, returned
from storage.cameras import evidence_to_remove, load_cameras, mark_removed, seal_passwords, waiting_lessons
from storage.notices import NoticeChannel
from storage.patrol_rounds import follow_hazards
from storage.pool import Connection, open_pool, wrapped_errors

log = structlog.get_logger("campuswatch.patrol")

TURN_S = 0.2
UPKEEP_S = 60.0
#: What nobody has looked at for so many cycles is not known any more.
STALE_CYCLES = 2.5
#: Pushed pictures of one camera that come faster than this part of `doubt_s` are left aside.
PUSH_SHARE = 0.25


async def run(around: Surroundings) -> None:
    settings, plan, clock = around.settings, around.settings.patrol, around.clock
    dsn = settings.database_url()
    meters = PatrolMeters(around.metrics)
    rota = Rota(cycle_s=plan.cycle_s, doubt_s=plan.doubt_s, most_at_once=plan.at_once)
    album = Album(picture_directory(settings))
    book = Rulebook(around.zone)
    cameras: dict[int, PatrolledCamera] = {}
    by_name: dict[tuple[str, str], PatrolledCamera] = {}
    watch = Watch(dsn)
    seal = camera_seal(settings)
    #: Whose passwords cannot be read: not looked at, and so unknown and not faulty.
    shut: list[tuple[str, str]] = []

    def now_s() -> float:
        return clock.now().timestamp()

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(dsn, name="patrol", max_size=4))
        snapshots = await stack.enter_async_context(
            Snapshots(clock, timeout_s=plan.timeout_s, verify_tls=plan.verify_tls)
        )
        streams = await stack.enter_async_context(Helpers(plan.streams))
        examiners = await stack.enter_async_context(Helpers(plan.workers))
        pushed = await stack.enter_async_context(
            PushedPictures(
                BrokerAddress.parse(settings.mqtt_url()), clock, client_id=f"{settings.mqtt.client_id}-patrol"
            )
        )
        meters.count("helpers_lost", "Helpers that were ended or died", lambda: streams.lost + examiners.lost)
        meters.count("pushed_dropped", "Pushed pictures that nobody looked at", lambda: pushed.dropped)
        meters.count("pushed_refused", "Pushed messages that were no picture of a camera", lambda: pushed.refused)
        meters.count("shut", "Cameras whose passwords were sealed with another key", lambda: len(shut))
        officer = Officer(
            pool=pool,
            clock=clock,
            takers=Takers(snapshots, streams, clock, timeout_s=plan.timeout_s),
            examiners=examiners,
            album=album,
            cycle=timedelta(seconds=plan.cycle_s),
            settle=timedelta(seconds=plan.settle_s),
            on_look=meters.looked,
        )

        async def reload(conn: Connection) -> None:
            if sealed := await seal_passwords(conn, seal):
                log.info("camera passwords sealed", cameras=sealed)
            enrolled = await load_cameras(conn, seal)
            found = enrolled.cameras
            if len(enrolled.shut) != len(shut):
                log.warning("camera passwords of another key", cameras=len(enrolled.shut))
            shut[:] = enrolled.shut
            cameras.clear()
            cameras.update({one.device_no: one for one in found})
            by_name.clear()
            by_name.update({(one.site_id, one.device_id): one for one in found})
            rota.enrol([_stop(one) for one in found], now_s())
            log.debug("cameras known", cameras=len(found))

        async def read_rule(conn: Connection) -> None:
            officer.rule = (await book.load(conn)).get(RULE)

        async def look_around(conn: Connection) -> None:
            if not watch.on.is_set():
                return
            async with conn.transaction():
                await follow_outages(conn, clock.now())
            for number in await returned(conn):
                rota.doubt(number, now_s())

        async def learn(conn: Connection) -> None:
            if not watch.on.is_set():
                return
            for lesson in await waiting_lessons(conn):
                camera = cameras.get(lesson.device_no)
                if camera is None:
                    continue
                try:
                    await officer.learn(camera, lesson)
                except HelperLost as error:
                    log.warning("lesson not taken", camera=camera.key, error=str(error))
                rota.doubt(lesson.device_no, now_s())

        async def look(number: int, picture: TakenPicture | None = None) -> None:
            camera = cameras.get(number)
            if camera is None:
                rota.dropped(number, now_s())
                return
            try:
                if picture is None:
                    doubtful = await officer.look(camera)
                else:
                    doubtful = await officer.judge(camera, picture)
            except StorageError:
                rota.dropped(number, now_s())
            else:
                rota.looked(number, now_s(), doubtful=doubtful)

        async def patrol(tasks: asyncio.TaskGroup) -> None:
            while True:
                await watch.on.wait()
                for number in rota.due(now_s()):
                    tasks.create_task(look(number), name=f"camera {number}")
                await asyncio.sleep(TURN_S)

        async def receive() -> None:
            newest: dict[int, float] = {}
            while True:
                site_id, device_id, picture = await pushed.next()
                camera = by_name.get((site_id, device_id))
                if camera is None or camera.source.way is not Way.PUSH:
                    pushed.refused += 1
                    continue
                at_s = picture.at.timestamp()
                last_s = newest.get(camera.device_no, 0.0)
                if not watch.on.is_set() or 0 <= at_s - last_s < PUSH_SHARE * plan.doubt_s:
                    pushed.dropped += 1
                    continue
                newest[camera.device_no] = at_s
                await look(camera.device_no, picture)

        async def upkeep() -> None:
            said = False
            while True:
                meters.progress(rota.progress(now_s()))
                meters.working(watch.on.is_set())
                try:
                    if watch.on.is_set():
                        async with wrapped_errors(), pool.connection() as conn:
                            await _tidy(conn)
                    said = False
                except StorageError as error:
                    if not said:
                        log.warning("patrol not tidied", error=str(error))
                    said = True
                for _ in range(int(UPKEEP_S)):
                    await asyncio.sleep(1.0)
                    meters.progress(rota.progress(now_s()))

        async def _tidy(conn: Connection) -> None:
            now = clock.now()
            async with conn.transaction():
                await retire(conn)
                await lapse(conn, now, after=timedelta(seconds=STALE_CYCLES * plan.cycle_s))
            await officer.forsake(conn)
            await look_around(conn)
            await learn(conn)
            await follow_hazards(conn, now)
            await fold_days(conn, now, around.zone)
            gone = await evidence_to_remove(
                conn, before=now - timedelta(days=plan.evidence_days), most_bytes=plan.evidence_mb * 2**20
            )
            if gone:
                await asyncio.to_thread(album.remove_evidence, gone)
                await mark_removed(conn, [number for number, _ in gone], now)

        reactions = {
            NoticeChannel.REGISTRY: reload,
            NoticeChannel.RULES: read_rule,
            NoticeChannel.DEVICE: look_around,
            NoticeChannel.PATROL: learn,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch.keep(), name="watch")
            tasks.create_task(react(dsn, reactions, name="patrol notices", pause_s=1.0), name="notices")
            tasks.create_task(patrol(tasks), name="patrol")
            tasks.create_task(receive(), name="pushed pictures")
            tasks.create_task(upkeep(), name="upkeep")


def _stop(camera: PatrolledCamera) -> Stop:
    return Stop(
        number=camera.device_no,
        site=camera.site_no,
        through=("parent", camera.parent_no) if camera.parent_no is not None else ("camera", camera.device_no),
        looked_s=None if camera.looked_at is None else camera.looked_at.timestamp(),
        doubtful=camera.doubtful,
    )
