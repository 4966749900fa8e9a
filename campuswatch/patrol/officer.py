"""The patrol officer: takes a camera's picture, has it looked at, and commits what follows in one transaction."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from campuswatch.patrol.helpers import HelperLost, Helpers
from campuswatch.patrol.jobs import Answer, Examine, Examined, Lesson, Taught, Unreadable
from campuswatch.patrol.report import Report, evidence_id, on_failure, on_forsaken, on_lesson, on_picture
from campuswatch.patrol.takers import Takers
from detectors.documents.form import RuleDocument
from detectors.pictures.faults import PictureFault
from detectors.pictures.reach import Around
from domain.camera import PatrolledCamera, Way
from domain.clock import Clock
from ingest.pictures.taken import NoPicture, TakenPicture
from storage.album import Album, Part, read
from storage.camera_truths import record_truths
from storage.cameras import (
    Evidence,
    PatrolState,
    WaitingLesson,
    forsaken_cameras,
    lesson_taken,
    life_of,
    load_patrol,
    store_evidence,
    store_patrol,
)
from storage.findings import store_findings
from storage.pool import Connection, Pool, wrapped_errors

log = structlog.get_logger("campuswatch.patrol")

#: Of a picture that was decoded and diagnosed: it takes milliseconds, on a busy machine a second.
EXAMINE_S = 20.0


class Officer:
    """:param on_look: hears what came of each look: ``picture``, or why there is none."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        takers: Takers,
        examiners: Helpers,
        album: Album,
        cycle: timedelta,
        settle: timedelta,
        on_look: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._takers = takers
        self._examiners = examiners
        self._album = album
        self._cycle = cycle
        self._settle = settle
        self._on_look = on_look
        #: The rule in force. None: no incident is made of anything.
        self.rule: RuleDocument | None = None
        #: Cameras whose next picture is how they are meant to look, with the number of the lesson.
        self.adopting: dict[int, int] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answered: defaultdict[int, dict[int, tuple[datetime, bool]]] = defaultdict(dict)

    async def look(self, camera: PatrolledCamera) -> bool:
        """Take a picture of it and look; whether the camera is doubtful.

        :raises StorageError: the database is away, and nothing was done.
        """
        picture: TakenPicture | NoPicture
        try:
            picture = await self._takers.take(camera.source)
        except NoPicture as error:
            picture = error
        return await self.judge(camera, picture)

    async def judge(self, camera: PatrolledCamera, picture: TakenPicture | NoPicture) -> bool:
        """The same for a picture that came by itself."""
        async with self._locks[camera.device_no], wrapped_errors():
            async with self._pool.connection() as conn:
                before, memory = await load_patrol(conn, camera.device_no)
            silent = isinstance(picture, NoPicture) and camera.source.way is Way.PUSH
            if silent and before.picture_at is not None and self._clock.now() - before.picture_at < self._cycle:
                return before.doubtful  # it pushes, and has done so lately
            if isinstance(picture, TakenPicture):
                adopts = self.adopting.get(camera.device_no)
                answer = await self._examined(picture, memory, adopts=adopts is not None)
                if isinstance(answer, Examined):
                    await self._keep(camera, answer, picture.at)
                    report = on_picture(
                        camera,
                        before,
                        answer,
                        picture.at,
                        evidence=await self._evidence(camera, answer, picture.at),
                        rule=self.rule,
                    )
                    return await self._commit(camera, report, answer.memory, "picture", answered=True)
                if isinstance(answer, Taught) and adopts is not None:
                    report = on_lesson(camera, before, answer.standing, picture.at, self.rule)
                    memory = answer.memory
                    doubtful = await self._commit(camera, report, memory, "picture", answered=True, lesson=adopts)
                    self.adopting.pop(camera.device_no, None)
                    return doubtful
                reason = answer.reason if isinstance(answer, Unreadable) else "undecodable"
                picture = NoPicture(reason, answered=True)
            return await self._failed(camera, before, picture)

    async def learn(self, camera: PatrolledCamera, lesson: WaitingLesson) -> None:
        """Take over what a person taught. An adopted view is that of the next picture."""
        if lesson.kind == "adopted":
            self.adopting[camera.device_no] = lesson.lesson_no
            return
        async with self._locks[camera.device_no], wrapped_errors():
            async with self._pool.connection() as conn:
                before, memory = await load_patrol(conn, camera.device_no)
                if lesson.fault not in set(PictureFault):
                    await lesson_taken(conn, lesson.lesson_no, self._clock.now())
                    return
            job = Lesson(memory=memory, kind=lesson.kind, fault=lesson.fault, light=lesson.light, score=lesson.score)
            answer = await self._examiners.ask(job, timeout_s=EXAMINE_S)
            assert isinstance(answer, Taught)
            report = on_lesson(camera, before, answer.standing, self._clock.now(), self.rule)
            await self._commit(camera, report, answer.memory, "lesson", answered=True, lesson=lesson.lesson_no)

    async def forsake(self, conn: Connection) -> None:
        """End what people were told of cameras that nobody patrols any more."""
        for camera in await forsaken_cameras(conn):
            async with self._locks[camera.device_no], conn.transaction():
                before, _ = await load_patrol(conn, camera.device_no)
                await self._write(conn, on_forsaken(camera, before, self._clock.now()), None)

    async def _examined(self, picture: TakenPicture, memory: bytes, *, adopts: bool) -> Answer:
        job: Examine | Lesson = Examine(jpeg=picture.jpeg, memory=memory, at=picture.at)
        if adopts:
            job = Lesson(memory=memory, kind="adopted", jpeg=picture.jpeg)
        try:
            return await self._examiners.ask(job, timeout_s=EXAMINE_S)
        except HelperLost:
            return Unreadable(reason="undecodable")

    async def _keep(self, camera: PatrolledCamera, seen: Examined, at: datetime) -> None:
        def keep() -> None:
            self._album.keep_newest(camera.device_no, seen.thumbnail)
            if seen.learnt:
                self._album.keep_reference(camera.device_no, seen.light, seen.picture, at)

        try:
            await asyncio.to_thread(keep)
        except OSError as error:
            log.warning("picture not kept", camera=camera.key, error=error.strerror)

    async def _evidence(self, camera: PatrolledCamera, seen: Examined, at: datetime) -> tuple[Evidence, ...]:
        kept = []
        for found in seen.raised:
            number = evidence_id(camera, found.fault, at)
            reference = await asyncio.to_thread(read, self._album.reference(camera.device_no, seen.light))
            parts: dict[Part, bytes] = {
                "picture": seen.picture,
                "reference": reference or seen.reference,
                "difference": found.difference,
            }
            try:
                size = await asyncio.to_thread(self._album.keep_evidence, number, at, parts)
            except OSError as error:
                log.warning("evidence not kept", camera=camera.key, error=error.strerror)
                size = 0
            kept.append(
                Evidence(
                    evidence_id=number,
                    device_no=camera.device_no,
                    at=at,
                    fault=found.fault,
                    light=seen.light,
                    score=found.score,
                    bound=found.limit,
                    region=found.region,
                    size=size,
                )
            )
        return tuple(kept)

    async def _failed(self, camera: PatrolledCamera, before: PatrolState, error: NoPicture) -> bool:
        now = self._clock.now()
        async with self._pool.connection() as conn:
            life = await life_of(conn, camera.device_no)
        since = before.failing_since or now
        others = [
            answered
            for number, (at, answered) in self._answered[camera.site_no].items()
            if number != camera.device_no and at >= since
        ]
        around = Around(
            life=life.life,
            reason=life.reason,
            parent=life.parent,
            others_silent=others.count(False),
            others_answered=others.count(True),
        )
        report = on_failure(camera, before, error, around, now, settle=self._settle, rule=self.rule)
        return await self._commit(camera, report, None, error.reason, answered=error.answered)

    async def _commit(
        self,
        camera: PatrolledCamera,
        report: Report,
        memory: bytes | None,
        outcome: str,
        *,
        answered: bool,
        lesson: int | None = None,
    ) -> bool:
        async with self._pool.connection() as conn, conn.transaction():
            await self._write(conn, report, memory)
            if lesson is not None:
                await lesson_taken(conn, lesson, self._clock.now())
        self._answered[camera.site_no][camera.device_no] = (self._clock.now(), answered)
        self._on_look(outcome)
        for finding in report.findings:
            log.info("picture fault", said=finding.kind.value, camera=camera.key, fault=finding.detail["fault"])
        return report.state.doubtful

    async def _write(self, conn: Connection, report: Report, memory: bytes | None) -> None:
        await store_patrol(conn, report.state, memory)
        await record_truths(conn, report.truths)
        await store_evidence(conn, report.evidence)
        await store_findings(conn, report.findings)
