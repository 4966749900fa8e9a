"""The bulk role: heartbeats, readings, events and states in batches; what has to be concluded from them and from
silence. It hands its findings to alerting through the database.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import structlog

from campuswatch.roles.journals import watch_journal
from campuswatch.roles.listening import react
from campuswatch.roles.places import journal_directory
from campuswatch.roles.registry import FirstRegistry, lane_decoder
from campuswatch.roles.session_mark import marked_session
from campuswatch.roles.surroundings import Surroundings
from campuswatch.rulebook import BulkRules
from detectors.house import session_forgotten
from detectors.rules.chattering import limited
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from ingest.bulk_lane import LANE, BulkLane
from ingest.fairness import Allowance, Fairness
from ingest.hearing import Hearing
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Share
from ingest.spool import Spool
from storage.detector_marks import load_marks, load_retired
from storage.device_states import load_liveness, load_rule_states
from storage.notices import NoticeChannel
from storage.pool import Connection, open_pool

log = structlog.get_logger("campuswatch.bulk")

#: How far back proofs of life are looked for where there are no marks; older ones are in device_state.
PROOFS = timedelta(hours=1)


async def run(around: Surroundings) -> None:
    settings, clock = around.settings, around.clock
    dsn = settings.database_url()
    profiles = load_profiles(settings.ingest.profiles)
    decoder = lane_decoder(settings, profiles)
    rules = BulkRules(around.zone)
    engine = rules.engine
    ingest = settings.ingest
    fairness = Fairness(
        device=Allowance(ingest.device_rate_per_s, ingest.device_burst),
        site=Allowance(ingest.site_rate_per_s, ingest.site_burst),
    )
    meters = LaneMeters(around.metrics, LANE)
    first = FirstRegistry()

    async def reload(conn: Connection) -> None:
        registry = await load_registry(conn)
        now = clock.now()
        await rules.read(conn, now)
        engine.enrol(registry, now)
        if not first.loaded:
            marks = await load_marks(conn)
            # Without marks (an older version wrote none) what is known is read from what was stored.
            liveness = () if marks else await load_liveness(conn, proofs_since=now - PROOFS)
            states, retired = await load_rule_states(conn), await load_retired(conn)
            engine.restore(liveness, states, now, marks=marks, retired=retired)
            chattering = limited(rules.rules.rules)
            fairness.resume(chattering.devices, chattering.sites, now)
        decoder.use(registry)
        first.done(len(registry))

    async def look_at_rules(conn: Connection) -> None:
        if first.loaded:
            now = clock.now()
            await rules.read(conn, now)
            engine.enrol(decoder.registry, now)

    channels = ("heartbeat", "reading", "event", "state")
    client_id = f"{settings.mqtt.client_id}-bulk"
    session = marked_session(
        settings,
        client_id=client_id,
        # A maker's topic that can carry an alarm goes to both lanes: alarms there, everything else here.
        filters=[
            *(f"campus/v1/+/+/{channel}" for channel in channels),
            *profiles.bulk_filters,
            *profiles.alarm_filters,
        ],
        on_connection=meters.connection,
        on_forgotten=lambda: lane.report([session_forgotten(LANE, clock.now())]),
    )
    async with (
        open_pool(dsn, name="bulk", max_size=2) as pool,
        Journal(Spool(journal_directory(settings, LANE))) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        # Rules go by the school calendar and by sites' bells.
        known = {
            NoticeChannel.REGISTRY: reload,
            NoticeChannel.RULES: look_at_rules,
            NoticeChannel.PREMISES: look_at_rules,
        }
        tasks.create_task(react(dsn, known, name="bulk registry", pause_s=0.2), name="registry")
        lane = BulkLane(
            session=session,
            pool=pool,
            journal=journal,
            decoder=decoder,
            share=Share(alarms=False, both=profiles.alarm_names),
            detector=engine,
            clock=clock,
            meters=meters,
            fairness=fairness,
            hearing=Hearing(client_id, secrets.token_hex(4)),
            most=settings.ingest.batch_messages,
            age_s=settings.ingest.batch_age_s,
        )
        watched = watch_journal(journal, lane=LANE, settings=settings, clock=clock, meters=meters, report=lane.report)
        tasks.create_task(watched, name="journal")
        # Without the registry every device would be unknown: first the registry, then the first message.
        await first.wait()
        async with session:
            await lane.run()
