"""The control room of a rehearsal: the roles as they are in production, in one process, within walls.

::

    timetable ──► Watch (rules of the bulk role) ──► findings ──┐
                                                                ▼
    orders ─────► alarm role ──► incidents, links ─────────► PostgreSQL ──► alerting role ──► links, telephone
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from prometheus_client import CollectorRegistry
from psycopg.conninfo import make_conninfo

from alerting.answers import Answers
from alerting.casework import Casework
from alerting.desk import Desk
from alerting.early_warnings import Wanted, WarningDesk
from alerting.link_answers import read_answer, take_answer
from alerting.reporting import ReportDesk
from alerting.signature import Seal
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.rehearsal.connections import open_connections
from campuswatch.rehearsal.ears import Ears
from campuswatch.rehearsal.loop import LoopClock, VirtualLoop
from campuswatch.rehearsal.outside import Walls
from campuswatch.rehearsal.posts import Posts
from campuswatch.rehearsal.registry import change_registry
from campuswatch.rehearsal.roster import change_roster, link_of
from campuswatch.rehearsal.story import Story
from campuswatch.rehearsal.watch import Watch
from campuswatch.roles import alarm, alerting
from campuswatch.roles.surroundings import Surroundings
from campuswatch.secrets import webhook_secret
from campuswatch.settings import Settings
from campuswatch.simulated_register import import_simulated_register, plan_shifts
from devices.importer import import_district
from domain.delivery import DeliveryChannel
from domain.device import DeviceKind
from domain.duty import DutyRole
from domain.errors import (
    DutyError,
    IllegalTransition,
    IncidentError,
    LinkError,
    LinkRefused,
    RegistryError,
    ReportError,
    StorageError,
    UnknownWarning,
    WarningRefused,
)
from domain.incident import IncidentAction
from domain.maintenance import Scope
from domain.report import ReportKind
from domain.response import Answer
from simulators.far_ends import FarEnds, LinkBehaviour, LinkName, Say
from simulators.interventions import Interventions
from simulators.message import CHINA_TIME, Message
from simulators.orders import Order
from simulators.overhearing import TRAVEL_MS
from simulators.register import build_register
from simulators.scenarios.happening import Happening
from simulators.scenarios.script import (
    AnswerAct,
    DatabaseAct,
    DutyAct,
    LinkAct,
    MaintenanceAct,
    OperatorAct,
    Process,
    ReadAct,
    RegistryAct,
    RegistryOp,
    ReportAct,
    ReportStep,
    RestartAct,
    RosterAct,
    Script,
    ShelveAct,
    StandInAct,
    Step,
    SwapAct,
    WarnAct,
)
from simulators.timetable import Timetable
from storage.duty import end_district_shift, put_contacts, put_person, put_shift, replace_district_shift
from storage.early_warnings import early_warnings
from storage.link_proofs import accept_links
from storage.notices import NoticeChannel
from storage.pool import Connection, Pool, connect, wrapped_errors
from storage.rehearsal import incidents_to_handle, reopen, shut
from storage.reports import clock_id_of

#: The roles are up before the first step.
SETTLING_S = 5.0
#: The database goes and comes so long after its moment. Whoever lost it tries again in whole seconds from when it went:
#: it never comes back on one of those, or chance would say who has it first.
GOES_AFTER_S, COMES_AFTER_S = 0.0005, 0.00075
LEADER, SITE_LEADER, CONTACT, OPERATOR = "王主任", "校领导", "json://rehearsal", "rehearsal"
_LINKS = (LinkName.POLICE, LinkName.EDUCATION)
_ROLES = {Process.ALARM: alarm.run, Process.ALERTING: alerting.run}
_ALARM_TOPIC = "/alarm"


@asynccontextmanager
async def open_house(script: Script, settings: Settings, loop: VirtualLoop) -> AsyncIterator[House]:
    """The control room as it stands when ``script`` begins: its district registered, somebody on duty, all roles up.

    :param settings: name an empty, migrated database and a directory of its own.
    """
    clock = LoopClock(loop, datetime.fromtimestamp(script.start_s - SETTLING_S, UTC))
    if script.limits:
        settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update=script.limits)})
    around = Surroundings(settings=settings, clock=clock, metrics=CollectorRegistry())
    async with open_connections(settings.database_url(), name="rehearsal") as pool, asyncio.TaskGroup() as tasks:
        house = House(script, around, pool, loop, clock, tasks)
        await house.begin()
        yield house
        house.end()


class House:
    """`play` a script in it."""

    def __init__(
        self,
        script: Script,
        around: Surroundings,
        pool: Pool,
        loop: VirtualLoop,
        clock: LoopClock,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._script = script
        self._around = around
        self._dsn = around.settings.database_url()
        self._pool = pool
        self._clock = clock
        self._tasks = tasks
        self._gazetteer = RegistryGazetteer()
        self._desk = Desk(gazetteer=self._gazetteer, link_ids=[link.value for link in _LINKS], zone=around.zone)
        self._reports = ReportDesk(self._gazetteer, zone=around.zone, link_id=LinkName.EDUCATION.value)
        self._story = Story(clock)
        self._ears = Ears(loop, self._dsn)
        secrets = {link: webhook_secret() for link in _LINKS}
        self._secrets = secrets
        self._far = FarEnds(police_secret=secrets[LinkName.POLICE], education_secret=secrets[LinkName.EDUCATION])
        self._walls = Walls(
            self._dsn,
            self._far,
            secrets,
            self._ears,
            self._story,
            clock,
            seed=script.seed,
            supervised=script.supervised,
            on_person=self._hear_person,
        )
        devices = script.district.devices
        self._interventions = Interventions(devices, script.district.sites)
        self._timetable = Timetable(
            devices,
            seed=script.seed,
            start_s=script.start_s,
            interventions=self._interventions,
            sites=script.district.sites,
        )
        register = build_register(
            script.seed, script.district.sites, devices, on=clock.now().astimezone(CHINA_TIME).date()
        )
        self._posts = Posts(script.seed, script.district.sites, register.posts, since_s=script.start_s)
        self._watch = self._new_watch()
        self._living: list[asyncio.Task[None]] = []
        self._lives: dict[Process, asyncio.Task[None]] = {}

    async def begin(self) -> None:
        async with self._connection() as conn:
            await self._register(conn)
            await self._gazetteer.load(conn)
        await self._set_duty(present=True)
        self._living.append(self._tasks.create_task(self._ears.run(), name="rehearsal: ears"))
        noticed = self._ears.react(
            {NoticeChannel.INCIDENT: self._story.look, NoticeChannel.COMPLIANCE: self._story.look_at_targets}, {}
        )
        self._living.append(self._tasks.create_task(noticed, name="rehearsal: story"))
        for process in _ROLES:
            self._live(process)
        await self._watch.begin(self._script.start_s)
        for message in self._timetable.standing(self._script.start_s):
            self._watch.hear(message)
        await self._until(self._script.start_s)

    async def _register(self, conn: Connection) -> None:
        """The district, and who guards it for as long as the script lasts."""
        script, now = self._script, self._clock.now()
        sites, devices = script.district.sites, script.district.devices
        await import_district(conn, sites, devices, actor=OPERATOR)
        await import_simulated_register(
            conn, sites, devices, seed=script.seed, actor=OPERATOR, at=now, contacts=[CONTACT]
        )
        await accept_links(conn, [link.value for link in _LINKS], now - timedelta(seconds=script.tested_s))
        lasts = timedelta(seconds=script.ends_s - script.start_s)
        await plan_shifts(
            conn, sites, devices, seed=script.seed, actor=OPERATOR, at=now, ahead=lasts + timedelta(days=1)
        )

    def end(self) -> None:
        for task in [*self._living, *self._lives.values()]:
            task.cancel()

    async def play(self) -> list[Happening]:
        """Carry out the script; what happened until its end."""
        for step in self._script.steps:
            await self._listen(step.at_s)
            await self._act(step)
        await self._listen(self._script.ends_s)
        async with self._connection() as conn:
            return await self._story.happenings(conn)

    async def _listen(self, until_s: float) -> None:
        """Let the district speak and time pass."""
        while self._watch.now_s < until_s or self._watch.found or self._watch.alarms or self._watch.reported:
            self._watch.listen(min(until_s, max(self._posts.next_s, self._watch.now_s)))
            alarms, self._watch.alarms = self._watch.alarms, []
            for message in alarms:
                self._send(message)
            await self._until(self._watch.now_s)
            await self._watch.commit()
            await self._report_posts()

    async def _report_posts(self) -> None:
        """The people at the guard posts tell who stands there."""
        if self._posts.fall_due(self._watch.now_s):
            with suppress(StorageError):
                async with self._connection() as conn:
                    await self._posts.report(conn, self._clock.now())

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self._clock.now().timestamp()))

    # -- acts ---------------------------------------------------------------------------------------------------------

    async def _act(self, step: Step) -> None:
        match step.act:
            case Order() as order:
                self._order(order, step)
            case LinkAct() as act:
                self._far.behave(
                    LinkBehaviour(
                        link=act.link,
                        mode=act.mode,
                        seconds=act.seconds,
                        person=act.person,
                        person_after_s=act.person_after_s,
                    )
                )
            case OperatorAct() as act:
                await self._operate(act)
            case MaintenanceAct() as act:
                await self._maintain(act)
            case ShelveAct() as act:
                await self._shelve(act)
            case ReportAct() as act:
                await self._report(act)
            case WarnAct() as act:
                await self._warn(act)
            case ReadAct() as act:
                await self._read_warning(act)
            case RestartAct() as act:
                await self._restart(act.process)
            case DatabaseAct() as act:
                await self._outage(away=act.away)
            case DutyAct() as act:
                await self._set_duty(present=act.present)
            case RosterAct() | SwapAct() | StandInAct():
                try:
                    async with self._connection() as conn, conn.transaction():
                        await change_roster(conn, step.act, now=self._clock.now())
                except DutyError as error:
                    self._story.failed_operator(f"roster: {error}")
            case AnswerAct() as act:
                await self._answer(act)
            case RegistryAct() as act:
                await self._change_registry(act)

    def _order(self, order: Order, step: Step) -> None:
        named = order if order.id else msgspec.structs.replace(order, id=f"line-{step.line}")
        messages, _ = self._interventions.apply(named, step.at_s)
        for message in messages:
            if message.topic.endswith(_ALARM_TOPIC):
                self._send(message)
            else:
                self._watch.hear(message)

    def _send(self, message: Message) -> None:
        """To the alarm lane, which has it a moment later."""
        self._tasks.create_task(self._bring(message), name="rehearsal: an alarm on its way")

    async def _bring(self, message: Message) -> None:
        await self._until(message.due_s + TRAVEL_MS / 1000)
        self._walls.alarms.hand(message.topic, message.payload, self._clock.now())

    async def _operate(self, act: OperatorAct) -> None:
        """An operator at the wall: whoever comes too late, or to a database that is away, is told so."""
        try:
            async with self._connection() as conn:
                for incident_id in await incidents_to_handle(
                    conn, rule=act.rule, site_id=act.site, device_id=act.device
                ):
                    with suppress(IllegalTransition):
                        await self._desk.act(
                            conn,
                            incident_id,
                            IncidentAction(act.action.value),
                            actor=act.actor or OPERATOR,
                            note=act.note,
                            now=self._clock.now(),
                        )
                        return
            self._story.failed_operator(f"{act.action.value}: no incident of {act.rule} that allows it")
        except StorageError as error:
            self._story.failed_operator(f"{act.action.value}: {error}")

    async def _maintain(self, act: MaintenanceAct) -> None:
        now = self._clock.now()
        scope = Scope(
            site_id=act.site,
            device_id=act.device,
            rule=act.rule,
            device_kind=DeviceKind(act.kind) if act.kind else None,
        )
        try:
            async with self._connection() as conn:
                await Casework(self._desk).open_window(
                    conn,
                    scope,
                    starts_at=now,
                    ends_at=now + timedelta(seconds=act.seconds),
                    reason=act.reason,
                    actor=act.actor or OPERATOR,
                    now=now,
                )
        except (StorageError, IncidentError) as error:
            self._story.failed_operator(f"maintenance: {error}")

    async def _shelve(self, act: ShelveAct) -> None:
        now = self._clock.now()
        try:
            async with self._connection() as conn:
                for incident_id in await incidents_to_handle(
                    conn, rule=act.rule, site_id=act.site, device_id=act.device
                ):
                    with suppress(IncidentError):
                        await Casework(self._desk).shelve(
                            conn,
                            incident_id,
                            until=now + timedelta(seconds=act.seconds),
                            reason=act.reason,
                            actor=act.actor or OPERATOR,
                            now=now,
                        )
                        return
            self._story.failed_operator(f"shelve: no incident of {act.rule} that allows it")
        except StorageError as error:
            self._story.failed_operator(f"shelve: {error}")

    async def _report(self, act: ReportAct) -> None:
        now, actor = self._clock.now(), act.actor or OPERATOR
        try:
            async with self._connection() as conn:
                for incident_id in await incidents_to_handle(conn, rule=act.rule, site_id="", device_id=""):
                    match act.does:
                        case ReportStep.START:
                            await self._reports.start(
                                conn,
                                incident_id=incident_id,
                                site_id="",
                                subject="",
                                began_at=None,
                                reason="",
                                actor=actor,
                                now=now,
                            )
                        case ReportStep.WAIVE:
                            clock_id = clock_id_of(incident_id)
                            await self._reports.waive(conn, clock_id, actor=actor, reason="无需上报", now=now)
                        case _:
                            kind = ReportKind(act.does.value)
                            report_id = await self._reports.draft(
                                conn, clock_id_of(incident_id), kind, actor=actor, now=now
                            )
                            await self._reports.approve(conn, report_id, actor=actor, now=now)
                    return
            self._story.failed_operator(f"report: no incident of {act.rule}")
        except (StorageError, ReportError) as error:
            self._story.failed_operator(f"report: {error}")

    async def _warn(self, act: WarnAct) -> None:
        now = self._clock.now()
        wanted = Wanted(
            kind="weather",
            level=act.level,
            title_zh="暴雨",
            text_zh="请停止户外活动。",
            valid_from=now,
            valid_until=now + timedelta(seconds=act.seconds),
        )
        try:
            async with self._connection() as conn:
                for site in self._script.district.sites:
                    # Whom the school has told the bureau of, and who leads there from now on.
                    person_no = await put_person(conn, f"leader-{site.site_id}", SITE_LEADER, site_id=site.site_id)
                    await put_contacts(conn, person_no, [(DeliveryChannel.APPRISE, CONTACT)])
                    await put_shift(
                        conn,
                        person_no,
                        site_id=site.site_id,
                        role=DutyRole.LEADER,
                        starts_at=now,
                        ends_at=now + timedelta(days=31),
                    )
                await WarningDesk().issue(conn, wanted, actor=OPERATOR, now=now)
        except (StorageError, WarningRefused) as error:
            self._story.failed_operator(f"warn: {error}")

    async def _read_warning(self, act: ReadAct) -> None:
        try:
            async with self._connection() as conn:
                for warning in await early_warnings(conn, limit=1):
                    await WarningDesk().read(conn, warning.warning_id, act.site, actor=OPERATOR, now=self._clock.now())
                    return
            self._story.failed_operator("read: no early warning was issued")
        except (StorageError, UnknownWarning) as error:
            self._story.failed_operator(f"read: {error}")

    def _hear_person(self, link: LinkName, say: Say) -> None:
        self._tasks.create_task(self._speak(link, say), name=f"rehearsal: a person at {link.value}")

    async def _speak(self, link: LinkName, say: Say) -> None:
        """A person at the link answers, the way the web role takes it."""
        await asyncio.sleep(say.after_s)
        now = self._clock.now()
        headers, body = self._far.answer(link, say, now)
        try:
            answer = read_answer(headers, body, Seal(self._secrets[link]), now)
            async with self._connection() as conn:
                await take_answer(conn, link.value, answer)
        except (StorageError, LinkError) as error:
            self._story.failed_operator(f"answer of {link.value}: {error}")

    async def _change_registry(self, act: RegistryAct) -> None:
        """Whoever does so while the database is away is told so."""
        if act.op in (RegistryOp.UNREPORTED, RegistryOp.REPORTED_AGAIN):
            self._posts.be_quiet(act.site, act.subject, quiet=act.op is RegistryOp.UNREPORTED)
            return
        script, now = self._script, self._clock.now()
        register = build_register(
            script.seed, script.district.sites, script.district.devices, on=now.astimezone(CHINA_TIME).date()
        )
        try:
            async with self._connection() as conn:
                await change_registry(conn, act, register, actor=OPERATOR, at=now)
            await self._watch.meet_guards()
        except (StorageError, RegistryError) as error:
            self._story.failed_operator(f"{act.op.value}: {error}")

    async def _answer(self, act: AnswerAct) -> None:
        """Somebody who was told follows the link of his message."""
        answer = Answer.TAKE if act.take else Answer.DECLINE
        try:
            async with self._connection() as conn:
                token = await link_of(
                    conn, rule=act.rule, site_id=act.site, device_id=act.device, name=act.by, now=self._clock.now()
                )
                if token is not None:
                    await Answers(self._desk).follow(conn, token, answer, now=self._clock.now())
                    return
            self._story.failed_operator(f"{answer.value}: {act.by} was told of no incident of {act.rule}")
        except (StorageError, IllegalTransition, LinkRefused) as error:
            self._story.failed_operator(f"{answer.value}: {error}")

    async def _restart(self, process: Process) -> None:
        if process is Process.BULK:
            self._watch.die()
            self._watch = self._new_watch(self._watch)
            await self._watch.begin(self._clock.now().timestamp())
            return
        dying = self._lives[process]
        dying.cancel()
        with suppress(asyncio.CancelledError):
            await dying
        self._live(process)

    def _live(self, process: Process) -> None:
        around = replace(self._around, metrics=CollectorRegistry())
        life = _ROLES[process](around, self._walls)
        self._lives[process] = self._tasks.create_task(life, name=f"rehearsal: {process.value}")

    async def _outage(self, *, away: bool) -> None:
        # Whoever tries the database on the very second has its answer before that changes, always.
        await asyncio.sleep(GOES_AFTER_S if away else COMES_AFTER_S)
        admin = await connect(make_conninfo(self._dsn, dbname="postgres"), name="rehearsal")
        try:
            await (shut if away else reopen)(admin, self._dsn)
        finally:
            await admin.close()

    async def _set_duty(self, *, present: bool) -> None:
        now = self._clock.now()
        async with self._connection() as conn, conn.transaction():
            await end_district_shift(conn)
            if present:
                await replace_district_shift(
                    conn, LEADER, [CONTACT], language="zh", starts_at=now, ends_at=now + timedelta(days=366)
                )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One of its own: the pool may still hold some that an outage broke."""
        conn = await connect(self._dsn, name="rehearsal")
        try:
            async with wrapped_errors():
                yield conn
        finally:
            await conn.close()

    def _new_watch(self, before: Watch | None = None) -> Watch:
        return Watch(self._timetable, self._around.settings, self._pool, before=before)
