from __future__ import annotations

from datetime import timedelta

import pytest

from detectors.engine import Engine
from detectors.rules.heartbeat_lost import HeartbeatLost
from domain.finding import FindingKind
from domain.liveness import ClockChange, Connectivity, LivenessChange, Reason
from storage.device_states import (
    load_clocks,
    load_liveness,
    load_rule_states,
    store_clocks,
    store_liveness,
    store_rule_states,
)
from storage.observations import store_heartbeats, store_readings
from storage.pool import Connection
from tests.unit.detectors.sayings import SENSOR, at, device, heartbeat, reading


async def _device(conn: Connection) -> int:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', '学校', 'primary')")
    cursor = await conn.execute(
        "INSERT INTO device (site_no, device_id, kind) SELECT site_no, 'tmp-01', 'temperature' FROM site"
        " RETURNING device_no"
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


def _change(device_no: int, connectivity: Connectivity, seconds: float) -> LivenessChange:
    return LivenessChange(device_no=device_no, connectivity=connectivity, since=at(seconds), last_seen_at=at(seconds))


async def test_of_several_changes_of_one_device_the_last_stands(conn: Connection) -> None:
    number = await _device(conn)
    await store_liveness(conn, [_change(number, Connectivity.ONLINE, 0)])
    await store_liveness(conn, [_change(number, Connectivity.OFFLINE, 90), _change(number, Connectivity.ONLINE, 100)])
    assert await load_liveness(conn, proofs_since=at(0)) == [_change(number, Connectivity.ONLINE, 100)]


async def test_why_nobody_can_tell_is_kept_until_somebody_can(conn: Connection) -> None:
    number = await _device(conn)
    behind = LivenessChange(
        device_no=number,
        connectivity=Connectivity.UNKNOWN,
        since=at(90),
        last_seen_at=at(0),
        reason=Reason.BEHIND,
        behind_no=number,
    )
    await store_liveness(conn, [behind])
    assert await load_liveness(conn, proofs_since=at(0)) == [behind]
    await store_liveness(conn, [_change(number, Connectivity.ONLINE, 200)])
    assert await load_liveness(conn, proofs_since=at(0)) == [_change(number, Connectivity.ONLINE, 200)]


async def test_what_was_stored_since_brings_liveness_up_to_date(conn: Connection) -> None:
    number = await _device(conn)
    who = device(number)
    await store_liveness(conn, [_change(number, Connectivity.ONLINE, 0)])
    async with conn.transaction():
        await store_heartbeats(conn, [heartbeat(300, said_s=60, of=who), heartbeat(330, said_s=90, of=who)])
        await store_readings(conn, [reading(340, 20.0, said_s=100, of=who)])
    (known,) = await load_liveness(conn, proofs_since=at(0))
    assert (known.since, known.last_seen_at, known.said_at) == (at(0), at(340), at(100))
    (older,) = await load_liveness(conn, proofs_since=at(1000))
    assert (older.last_seen_at, older.said_at) == (at(0), None)


@pytest.mark.parametrize("skew_s", [-240, 0, 240])
async def test_a_device_with_a_wrong_clock_is_online_over_a_restart(conn: Connection, skew_s: int) -> None:
    number = await _device(conn)
    who = device(number)
    said = [heartbeat(seconds, said_s=seconds + skew_s, of=who) for seconds in range(0, 120, 30)]
    await store_liveness(conn, [_change(number, Connectivity.ONLINE, 0)])
    async with conn.transaction():
        await store_heartbeats(conn, said)
    engine = Engine([HeartbeatLost()])
    engine.enrol([who], at(100))
    engine.restore(await load_liveness(conn, proofs_since=at(100) - timedelta(hours=1)), [], at(100))
    for seconds in range(120, 900, 30):
        assert engine.observe(heartbeat(seconds, said_s=seconds + skew_s, of=who)) == ()
        assert [found for moment in range(seconds, seconds + 30, 5) for found in engine.tick(at(moment))] == []
    found = [found for moment in range(900, 2000, 5) for found in engine.tick(at(moment))]
    assert [one.kind for one in found] == [FindingKind.RAISED]


async def test_rule_states_are_replaced_and_forgotten(conn: Connection) -> None:
    await store_rule_states(conn, [("high_temperature", 1, {"peak_c": 60.5}), ("low_battery", SENSOR.device_no, {})])
    await store_rule_states(conn, [("high_temperature", 1, {"peak_c": 71.0}), ("low_battery", 1, None)])
    assert await load_rule_states(conn) == [("high_temperature", 1, {"peak_c": 71.0})]


async def test_a_state_that_came_and_went_in_one_batch_is_gone(conn: Connection) -> None:
    await store_rule_states(conn, [("low_battery", 1, {})])
    await store_rule_states(conn, [("low_battery", 1, None), ("low_battery", 2, None)])
    assert await load_rule_states(conn) == []


async def test_a_clock_is_remembered_until_it_is_right_and_leaves_life_alone(conn: Connection) -> None:
    number = await _device(conn)
    await store_liveness(conn, [_change(number, Connectivity.ONLINE, 0)])
    changes = [ClockChange(device_no=number, offset_s=offset_s, at=at(9)) for offset_s in (None, -28_800.5)]
    await store_clocks(conn, changes)
    assert await load_clocks(conn) == {number: -28_800.5}
    await store_liveness(conn, [_change(number, Connectivity.OFFLINE, 90)])
    assert await load_clocks(conn) == {number: -28_800.5}
    await store_clocks(conn, [ClockChange(device_no=number, offset_s=None, at=at(99))])
    assert await load_clocks(conn) == {}
    (life,) = await load_liveness(conn, proofs_since=at(0))
    assert life.connectivity is Connectivity.OFFLINE


async def test_who_was_only_heard_with_a_wrong_clock_is_still_unknown(conn: Connection) -> None:
    number = await _device(conn)
    await store_clocks(conn, [ClockChange(device_no=number, offset_s=720.0, at=at(9))])
    (life,) = await load_liveness(conn, proofs_since=at(0))
    assert (life.connectivity, life.last_seen_at) == (Connectivity.UNKNOWN, None)
