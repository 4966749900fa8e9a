"""Restarts over a real database: what the bulk lane writes in a commit is what the bulk role begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.rules import bulk_rules
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import FindingKind
from storage.detector_marks import load_marks, load_retired, store_marks
from storage.device_states import load_liveness, load_rule_states, store_liveness, store_rule_states
from storage.pool import Connection, connect
from tests.integration.storage.kept import empty
from tests.unit.detectors.histories import DEVICES, HISTORIES, Kept, Writer, live, memory
from tests.unit.detectors.sayings import at, heartbeat, reading

SITE = "INSERT INTO site (site_no, site_id, name, kind) OVERRIDING SYSTEM VALUE VALUES (1, 's001', '学校', 'primary')"
REGISTER = (
    "INSERT INTO device (device_no, site_no, device_id, kind, heartbeat_s) OVERRIDING SYSTEM VALUE"
    " SELECT %s, site_no, %s, %s, %s FROM site"
)


class KeptInDatabase:
    """As `Kept`, with the database in its place."""

    def __init__(self, runner: asyncio.Runner, conn: Connection) -> None:
        self._runner = runner
        self._conn = conn

    def begin(self) -> None:
        self._runner.run(self._begin())

    async def _begin(self) -> None:
        await empty(self._conn)
        await self._conn.execute(SITE)
        for one in DEVICES:
            await self._conn.execute(REGISTER, (one.device_no, one.device_id, one.kind.value, one.heartbeat_s))

    def commit(self, engine: Engine) -> None:
        self._runner.run(self._commit(engine))

    async def _commit(self, engine: Engine) -> None:
        changes = engine.changes()
        async with self._conn.transaction():
            await store_liveness(self._conn, changes.liveness)
            await store_rule_states(self._conn, changes.states)
            await store_marks(self._conn, changes.marks)

    def engine(self, registered: dict[int, RegisteredDevice], now_s: float) -> Engine:
        return self._runner.run(self._engine(registered, now_s))

    async def _engine(self, registered: dict[int, RegisteredDevice], now_s: float) -> Engine:
        conn, now = self._conn, at(now_s)
        await conn.execute(
            "UPDATE device SET retired_at = CASE WHEN device_no = ANY(%s) THEN NULL ELSE now() END",
            (list(registered),),
        )
        engine = Engine(bulk_rules())
        engine.enrol(registered.values(), now)
        marks = await load_marks(conn)
        liveness = () if marks else await load_liveness(conn, proofs_since=now)
        states, retired = await load_rule_states(conn), await load_retired(conn)
        engine.restore(liveness, states, now, marks=marks, retired=retired)
        return engine

    def states(self) -> dict[tuple[str, int], Any]:
        rows = self._runner.run(load_rule_states(self._conn))
        return {(rule, device_no): state for rule, device_no, state in rows}

    def connectivity(self) -> dict[int, tuple[str, object]]:
        known = self._runner.run(load_liveness(self._conn, proofs_since=at(10**7)))
        return {one.device_no: (one.connectivity, one.since) for one in known}


@pytest.fixture(scope="module")
def kept(kept_database: str) -> Iterator[KeptInDatabase]:
    with asyncio.Runner() as runner:
        conn = runner.run(connect(kept_database, name="test"))
        yield KeptInDatabase(runner, conn)
        runner.run(conn.close())


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # made smaller they would be for minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=HISTORIES, data=st.data())
def test_a_restart_over_the_database_changes_nothing(
    kept: KeptInDatabase, steps: list[Any], data: st.DataObject
) -> None:
    """Compared with an engine that was never restarted and touched no database."""
    kept.begin()
    batches = Writer().write(steps)
    places = st.sets(st.integers(0, len(batches) - 1), max_size=4)
    before, after = data.draw(places, "dies before"), data.draw(places, "dies after")
    never = live(batches, Kept())
    often = live(batches, kept, dies_before=before, dies_after=after)
    assert often.found == never.found
    assert kept.states() == never.kept.states
    told = {no: (change.connectivity, change.since) for no, change in never.kept.liveness.items()}
    assert kept.connectivity() == told
    assert memory(often) == memory(never)


def test_the_first_start_after_an_update_goes_by_what_was_stored(kept: KeptInDatabase) -> None:
    """A database of a version that wrote no marks: who was online is so still, and has three intervals to speak."""
    kept.begin()
    who = DEVICES[0]
    registered = {one.device_no: one for one in DEVICES}
    engine = Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    engine.observe(heartbeat(0, of=who))
    engine.observe(reading(1, 80, of=who))
    kept.commit(engine)
    kept._runner.run(_without_marks(kept._conn))
    again = kept.engine(registered, 20)
    found = [one for moment in range(20, 300, 5) for one in again.tick(at(moment))]
    assert [(one.rule, one.kind, one.found_at) for one in found] == [("heartbeat_lost", FindingKind.RAISED, at(110))]
    assert again.observe(reading(305, 90, of=who))[-1].kind is FindingKind.UPDATED, "the fire is known"


async def _without_marks(conn: Connection) -> None:
    await conn.execute("DELETE FROM detector_mark")


def test_a_device_that_was_retired_while_we_were_away_leaves_nothing_behind(kept: KeptInDatabase) -> None:
    kept.begin()
    who = next(one for one in DEVICES if one.kind is DeviceKind.TEMPERATURE)
    engine = Engine(bulk_rules())
    engine.enrol(DEVICES, at(0))
    engine.observe(reading(0, 80, of=who))
    for moment in range(0, 1000, 5):
        engine.tick(at(moment))
    kept.commit(engine)
    assert kept.connectivity()[who.device_no][0] == "offline"
    again = kept.engine({one.device_no: one for one in DEVICES if one is not who}, 1000)
    ended = {(one.rule, one.kind, one.device_id) for one in again.tick(at(1000))}
    assert ended == {(rule, FindingKind.CLEARED, who.device_id) for rule in ("heartbeat_lost", "high_temperature")}
    kept.commit(again)
    assert kept.states() == {}
    assert kept.connectivity()[who.device_no][0] == "unknown"
