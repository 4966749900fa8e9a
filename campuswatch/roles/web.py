"""The web role: API, live stream and the wall."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from alerting.desk import Desk
from alerting.directory import Directory
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.replay import open_replay
from campuswatch.responder import ResponderDesk
from campuswatch.roles.journals import read_states
from campuswatch.roles.listening import react
from campuswatch.roles.people import open_people
from campuswatch.roles.places import picture_directory
from campuswatch.roles.surroundings import Surroundings
from campuswatch.roles.web_desk import WebDesk
from campuswatch.roles.web_import import WebImporter
from campuswatch.roles.web_liaison import liaison
from campuswatch.roles.web_provider import provider_settings
from campuswatch.roster_desk import RosterDesk
from campuswatch.rulekeeper import WebRules
from campuswatch.settings import Settings
from campuswatch.targets.assessor import TargetAssessor
from campuswatch.trials import Trials
from campuswatch.version import installed_version
from dashboards.app import create_app
from dashboards.server import serve
from dashboards.settings import WebSettings
from devices.adoption import adopt
from devices.profiles.loading import load_profiles
from domain.clock import Clock
from domain.device import Device, DeviceKind
from domain.errors import ProfileError, RegistryError, SettingsError
from domain.replay import ReplayReport
from storage.notices import NoticeChannel
from storage.pool import Connection, Pool, open_pool, wrapped_errors
from storage.quarantine import QuarantineFilter

log = structlog.get_logger("campuswatch.web")


class WebRegistrar:
    """Registers devices that were offered for adoption."""

    def __init__(self, pool: Pool, clock: Clock, profiles: Path | None = None) -> None:
        self._pool = pool
        self._clock = clock
        self._profiles = profiles

    async def adopt(
        self,
        site_id: str,
        device_id: str,
        kind: DeviceKind,
        name: str,
        place: str,
        actor: str,
        *,
        parent_id: str = "",
        profile: str = "",
        address: str = "",
    ) -> None:
        if profile and profile not in load_profiles(self._profiles).names:
            raise RegistryError(f"there is no profile {profile}")
        device = Device(
            site_id=site_id,
            device_id=device_id,
            kind=kind,
            name=name,
            place=place,
            parent_id=parent_id,
            profile=profile,
            address=address,
        )
        async with wrapped_errors(), self._pool.connection() as conn:
            await adopt(conn, device, actor=actor, at=self._clock.now())
        log.info("device adopted", site_id=site_id, device_id=device_id, kind=kind.value, actor=actor)


class WebReplayer:
    """Replays what was put aside, one call at a time: each reads the whole registry."""

    def __init__(self, pool: Pool, settings: Settings, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self._busy = asyncio.Lock()

    async def replay(
        self, only: QuarantineFilter, *, after: int, limit: int, dry_run: bool, actor: str
    ) -> ReplayReport:
        async with self._busy, wrapped_errors(), self._pool.connection() as conn:
            try:
                replay = await open_replay(conn, self._settings)
            except ProfileError as error:
                raise RegistryError(f"nothing was replayed, for a profile is wrong: {error}") from error
            report = await replay.step(
                conn, only, after=after, limit=limit, dry_run=dry_run, actor=actor, now=self._clock.now()
            )
        log.info("quarantine replayed", messages=report.replayed, stored=report.stored, dry_run=dry_run, actor=actor)
        return report


async def run(around: Surroundings) -> None:
    settings = around.settings
    dsn = settings.database_url()
    link_ids = tuple(settings.links)
    gazetteer = RegistryGazetteer()

    async def reload(conn: Connection) -> None:
        await gazetteer.load(conn)

    told = settings.people
    provider = provider_settings(settings.web)
    desk = Desk(gazetteer=gazetteer, link_ids=link_ids, zone=around.zone)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(dsn, name="web", max_size=6))
        # For test messages: they carry no link, for they are about no incident.
        channels = await stack.enter_async_context(open_people(around, Directory(pool, around.clock, public_url=None)))
        tester = await stack.enter_async_context(Trials(pool, dsn, around.clock, around.zone))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(react(dsn, {NoticeChannel.REGISTRY: reload}, name="web registry"), name="registry")
        app = create_app(
            pool=pool,
            desk=WebDesk(pool, desk, around.clock),
            registrar=WebRegistrar(pool, around.clock, settings.ingest.profiles),
            replayer=WebReplayer(pool, settings, around.clock),
            assessor=TargetAssessor(pool, around.clock, around.zone),
            responder=ResponderDesk(
                pool,
                desk,
                around.clock,
                channels=channels,
                voice_secret=told.voice.secret.get_secret_value() if told.voice else None,
            ),
            settings=WebSettings(
                dsn=dsn,
                link_ids=link_ids,
                hosts=settings.web.allowed_hosts,
                zone=around.zone,
                sign_in=settings.web.sign_in == "required",
                session_idle=timedelta(hours=settings.web.session_idle_hours),
                session_lasts=timedelta(days=settings.web.session_days),
                provider=provider,
                pictures=picture_directory(settings),
                patrol_cycle_s=settings.patrol.cycle_s,
                patrol_four_eyes=settings.patrol.four_eyes,
            ),
            clock=around.clock,
            version=installed_version(),
            registry=around.metrics,
            journals=partial(read_states, settings),
            rules=WebRules(pool, around.clock),
            tester=tester,
            roster=RosterDesk(pool, around.clock, around.zone),
            importer=WebImporter(dsn, around.clock, zone=around.zone.key, profiles=settings.ingest.profiles),
            liaison=liaison(pool, settings, gazetteer, around.clock),
        )
        try:
            await serve(
                app,
                settings.web.host,
                settings.web.port,
                on_listening=lambda port: log.info("wall ready", url=f"http://{settings.web.host}:{port}"),
            )
        except OSError as error:
            raise SettingsError(
                [f"web.port: {settings.web.host}:{settings.web.port} cannot be used: {error.strerror}; choose another"]
            ) from error
