"""The alarm role: alarms alone, from their own MQTT session straight to the links. Nothing else runs here."""

from __future__ import annotations

import asyncio
import secrets
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram

from alerting.alarm_path import AlarmPath
from alerting.carrier import MOST_KEPT
from alerting.courier import Courier, Outcome
from alerting.desk import Desk
from alerting.open_cases import OpenCases
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.roles.journals import watch_journal
from campuswatch.roles.outside import Outside, World
from campuswatch.roles.places import journal_directory, state_directory
from campuswatch.roles.registry import FirstRegistry, lane_decoder
from campuswatch.roles.snapshot import Snapshot
from campuswatch.roles.surroundings import Surroundings
from campuswatch.rulebook import Rulebook, read_alarm_rules
from detectors.clocks import Clocks
from detectors.engine import Engine
from detectors.house import session_forgotten
from detectors.rules.doubtful_alarm import doubtful_message, retained_alarm
from detectors.rules.reported_alarm import ReportedAlarm
from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from domain.finding import Finding
from domain.observation import Alarm, Channel, Observation
from domain.quarantine import Rejected
from ingest.alarm_lane import JOURNAL_BYTES, LANE, MOST_ALARM_BYTES, AlarmLane
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Share
from ingest.spool import Spool
from storage.device_states import load_clocks
from storage.incidents import open_cases
from storage.notices import NoticeChannel
from storage.pool import Connection

log = structlog.get_logger("campuswatch.alarm")

#: Seconds that a start waits for the database before it goes by the snapshot.
DATABASE_PATIENCE_S = 3.0


class AlarmDoubts:
    """Which doubts become an incident for people to verify (docs/adr/0006)."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def rejected(self, rejected: Rejected, site_no: int, *, retained: bool) -> Finding | None:
        # A message on our own alarm channel may have been a pressed button; a maker's odd reading is none.
        if rejected.channel != Channel.ALARM:
            return None
        registered = self._decoder.registry.device(rejected.site_id, rejected.device_id) is not None
        return doubtful_message(rejected, site_no=site_no, registered=registered, retained=retained)

    def retained(self, observation: Observation) -> Finding | None:
        if isinstance(observation, Alarm) and observation.active and observation.at == observation.received_at:
            return retained_alarm(observation)
        return None


async def run(around: Surroundings, outside: Outside | None = None) -> None:
    """:param outside: None = the world."""
    settings, clock, outside = around.settings, around.clock, outside or World(around)
    dsn = settings.database_url()
    profiles = load_profiles(settings.ingest.profiles)
    decoder = lane_decoder(settings, profiles, most_bytes=MOST_ALARM_BYTES)
    meters = LaneMeters(around.metrics, LANE)
    gazetteer = RegistryGazetteer()
    cases = OpenCases()
    clocks = Clocks()
    reported, book = ReportedAlarm(clocks), Rulebook(around.zone)
    first = FirstRegistry()
    holder, process = f"{settings.mqtt.client_id}-alarm/", secrets.token_hex(8)
    snapshot = Snapshot(state_directory(settings) / "snapshot" / settings.mqtt.client_id)

    async def reload(conn: Connection) -> None:
        registry = await load_registry(conn)
        await gazetteer.load(conn)
        decoder.use(registry)
        await look_at_clocks(conn)
        await look_at_rules(conn)
        # What the process before this one had been carrying when it died is the dispatcher's now, or ours by now.
        if given_back := await path.settle(conn, holder=holder, process=holder + process):
            log.warning("deliveries of an earlier process given back", deliveries=given_back)
        if not first.loaded:
            # Before the first message is heard: an open incident that we did not know of would be told anew.
            await refresh_cases(conn)
        first.done(len(registry))
        await asyncio.to_thread(snapshot.save_registry, registry, gazetteer)

    async def look_at_clocks(conn: Connection) -> None:
        clocks.use(await load_clocks(conn))

    async def look_at_rules(conn: Connection) -> None:
        await read_alarm_rules(conn, book, reported, clock.now())

    async def refresh_cases(conn: Connection) -> None:
        step = cases.step
        cases.refresh(await open_cases(conn), asked_at_step=step)
        path.keep_soon()

    async def make_do() -> None:
        """Start from the snapshot where the database does not answer: a restart must not silence the buttons."""
        try:
            async with asyncio.timeout(DATABASE_PATIENCE_S):
                await first.wait()
        except TimeoutError:
            registry = await asyncio.to_thread(snapshot.load_registry, gazetteer)
            if not first.loaded:
                path.resume()
            if registry is not None and not first.loaded:
                log.warning("database away at the start; going by the snapshot", devices=len(registry))
                decoder.use(registry)
                first.done(len(registry))
        await first.wait()

    session = outside.session(
        client_id=f"{settings.mqtt.client_id}-alarm",
        filters=["campus/v1/+/+/alarm", *profiles.alarm_filters],
        on_connection=meters.connection,
        on_forgotten=lambda: lane.report([session_forgotten(LANE, clock.now())]),
    )
    async with (
        outside.pool(name="alarm", max_size=4) as pool,
        outside.links("alarm") as links,
        Journal(
            Spool(journal_directory(settings, LANE), most_bytes=JOURNAL_BYTES), most_payload=MOST_ALARM_BYTES + 1
        ) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        path = AlarmPath(
            # Whoever comes to help is told first.
            desk=Desk(
                gazetteer=gazetteer,
                link_ids=sorted(links, key="police".__ne__),
                drill_links=outside.drill_links,
                zone=around.zone,
                holder=holder + process,
            ),
            courier=Courier(links),
            cases=cases,
            pool=pool,
            clock=clock,
            tasks=tasks,
            keep=snapshot.save_standing,
            on_outcome=_Meter(around),
            chance=outside.chance,
        )
        _count_waiting(around, path)
        path.inherit(await asyncio.to_thread(snapshot.load_standing))
        known = {
            NoticeChannel.REGISTRY: reload,
            NoticeChannel.CLOCK: look_at_clocks,
            # Bells and calendar are looked at with the registry every five minutes: a guard's swipe is no work here.
            NoticeChannel.RULES: look_at_rules,
        }
        tasks.create_task(outside.react(known, name="alarm registry"), name="registry")
        # Often, and by itself: the registry is too large to be read again every few seconds.
        cases_changed = {NoticeChannel.INCIDENT: refresh_cases}
        # A reset is heard at once: the database may be gone before it can be asked.
        ended = {NoticeChannel.ENDED: lambda incident_id: cases.end(UUID(incident_id))}
        watching = outside.react(cases_changed, name="alarm cases", poll_s=5.0, pause_s=0.5, ears=ended)
        tasks.create_task(watching, name="cases")
        lane = AlarmLane(
            session=session,
            dsn=dsn,
            journal=journal,
            decoder=decoder,
            share=Share(alarms=True, both=profiles.alarm_names),
            detector=Engine([reported]),
            handler=path,
            doubts=AlarmDoubts(decoder),
            clock=clock,
            meters=meters,
            is_open=cases.__contains__,
            is_known=path.remembers,
        )
        watched = watch_journal(journal, lane=LANE, settings=settings, clock=clock, meters=meters, report=lane.report)
        outside.chore(tasks, watched, name="journal")
        await make_do()
        async with session:
            await lane.run()


def _count_waiting(around: Surroundings, path: AlarmPath) -> None:
    waiting = Gauge(
        "campuswatch_alarm_undelivered",
        "Alarms for links that no link has taken yet",
        registry=around.metrics,
    )
    waiting.set_function(lambda: path.waiting)
    beyond = Gauge(
        "campuswatch_alarm_undelivered_beyond_disk",
        "Of these, the ones that a restart without the database would not know of, because they are too many",
        registry=around.metrics,
    )
    beyond.set_function(lambda: max(0, path.waiting - MOST_KEPT))


class _Meter:
    def __init__(self, around: Surroundings) -> None:
        self._tries = Counter(
            "campuswatch_alarm_deliveries",
            "Tries to deliver an alarm to a link",
            ["recipient", "outcome"],
            registry=around.metrics,
        )
        self._seconds = Histogram(
            "campuswatch_alarm_to_receipt_seconds",
            "From an alarm's arrival to the link's receipt",
            ["recipient"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
            registry=around.metrics,
        )

    def __call__(self, outcome: Outcome, seconds: float) -> None:
        recipient = outcome.delivery.recipient
        self._tries.labels(recipient, "receipt" if outcome.taken else "failure").inc()
        if outcome.taken:
            self._seconds.labels(recipient).observe(seconds)
