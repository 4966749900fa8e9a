"""The bulk role: heartbeats, readings, events and states in batches; what has to be concluded from them and from
silence. It hands its findings to alerting through the database.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from campuswatch.roles.listening import react
from campuswatch.roles.places import journal_directory
from campuswatch.roles.registry import FirstRegistry, lane_decoder
from campuswatch.roles.surroundings import Surroundings
from detectors.engine import Engine
from detectors.rules import bulk_rules
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from ingest.bulk_lane import LANE, BulkLane
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.parcel import Share
from ingest.session import BrokerAddress, BrokerSession
from ingest.spool import Spool
from storage.device_states import load_liveness, load_rule_states
from storage.notices import NoticeChannel
from storage.pool import Connection, open_pool

log = structlog.get_logger("campuswatch.bulk")

#: How far back proofs of life are looked for at a restart; older ones are in device_state.
PROOFS = timedelta(hours=1)


async def run(around: Surroundings) -> None:
    settings, clock = around.settings, around.clock
    dsn = settings.database_url()
    profiles = load_profiles(settings.ingest.profiles)
    decoder = lane_decoder(settings, profiles)
    engine = Engine(bulk_rules())
    meters = LaneMeters(around.metrics, LANE)
    first = FirstRegistry()

    async def reload(conn: Connection) -> None:
        registry = await load_registry(conn)
        now = clock.now()
        engine.enrol(registry, now)
        if not first.loaded:
            engine.restore(await load_liveness(conn, proofs_since=now - PROOFS), await load_rule_states(conn), now)
        decoder.use(registry)
        first.done(len(registry))

    channels = ("heartbeat", "reading", "event", "state")
    session = BrokerSession(
        BrokerAddress.parse(settings.mqtt_url()),
        client_id=f"{settings.mqtt.client_id}-bulk",
        # A maker's topic that can carry an alarm goes to both lanes: alarms there, everything else here.
        filters=[
            *(f"campus/v1/+/+/{channel}" for channel in channels),
            *profiles.bulk_filters,
            *profiles.alarm_filters,
        ],
        on_connection=meters.connection,
    )
    async with (
        open_pool(dsn, name="bulk", max_size=2) as pool,
        Journal(Spool(journal_directory(settings, LANE))) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(react(dsn, {NoticeChannel.REGISTRY: reload}, name="bulk registry"), name="registry")
        # Without the registry every device would be unknown: first the registry, then the first message.
        await first.wait()
        async with session:
            lane = BulkLane(
                session=session,
                pool=pool,
                journal=journal,
                decoder=decoder,
                share=Share(alarms=False, both=profiles.alarm_names),
                detector=engine,
                clock=clock,
                meters=meters,
                most=settings.ingest.batch_messages,
                age_s=settings.ingest.batch_age_s,
            )
            await lane.run()
