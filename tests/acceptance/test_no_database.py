"""What still works, and still says the truth, when PostgreSQL is killed and the alarm role as well."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from simulators.far_ends import Mode
from tests.chaos.far_end import LINKS, Arrived
from tests.chaos.room import Room

#: What is promised is a second; ten times over, machines are shared. A role that starts waits 3 s for the database.
SOON_S, START_S = 10.0, 30.0
SMOKE, BUTTON = "s001/s001-smk-01", "s001/s001-btn-01"


@pytest.fixture
async def room(server_directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    directory = server_directory / request.node.name[:40]
    directory.mkdir(mode=0o755)
    room = Room(directory, sites=1)
    async with room.open():
        yield room


async def _publish(room: Room, device: str, **said: object) -> None:
    """Returns when the broker has acknowledged it."""
    port = room.broker.url.rpartition(":")[2]
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", f"campus/v1/{device}/alarm", "-s"]
    await asyncio.to_thread(subprocess.run, command, input=json.dumps(said).encode(), check=True, timeout=20)


async def _rows(room: Room, statement: str) -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(room.postgres.dsn, row_factory=dict_row) as conn:
        return await (await conn.execute(statement.encode())).fetchall()


async def _until_row(room: Room, statement: str, *, within_s: float = SOON_S) -> None:
    async with asyncio.timeout(within_s):
        while not await _rows(room, statement):  # noqa: ASYNC110 - the other side of it is a database
            await asyncio.sleep(0.05)


async def _until_told(room: Room, so: Callable[[list[Arrived]], bool], *, within_s: float = SOON_S) -> list[Arrived]:
    """What the links took, in the order of its arrival."""
    async with asyncio.timeout(within_s):
        while True:
            await room.far_end.look()
            taken = sorted(room.far_end.books.values(), key=lambda arrived: arrived.received_at)
            if so(taken):
                return taken
            await asyncio.sleep(0.05)


def _each(times: int) -> Callable[[list[Arrived]], bool]:
    """Each link took so many calls."""
    return lambda taken: all(sum(arrived.link == link for arrived in taken) == times for link in LINKS)


async def _kill_database(room: Room) -> None:
    room.signal_postgres(signal.SIGKILL)


async def _start_database(room: Room) -> None:
    await room.postgres.stop()  # only takes note that it is gone
    await room.postgres.start()


async def _restart_alarm_role(room: Room) -> None:
    starts = room.logs["alarm"].count("going by the snapshot")
    room.kill("alarm")
    async with asyncio.timeout(START_S):
        while room.logs["alarm"].count("going by the snapshot") == starts:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def _all_receipted(room: Room, count: int) -> None:
    await _until_row(
        room,
        f"SELECT FROM delivery WHERE channel = 'webhook' HAVING count(*) = {count} AND bool_and(state = 'received')",
        within_s=START_S,
    )


async def test_a_fire_that_comes_back_calls_again_without_the_database_and_after_a_restart_without_it(
    room: Room,
) -> None:
    await _publish(room, SMOKE, alarm="smoke")
    (first, *_) = await _until_told(room, _each(1))
    await _publish(room, SMOKE, alarm="smoke", active=False)
    await _until_row(room, "SELECT FROM incident WHERE state = 'returned'")
    await _all_receipted(room, 2)
    await _kill_database(room)
    await _publish(room, SMOKE, alarm="smoke")
    await _until_told(room, _each(2))
    await _publish(room, SMOKE, alarm="smoke", active=False)
    await _restart_alarm_role(room)
    await _publish(room, SMOKE, alarm="smoke")
    await _until_told(room, _each(3), within_s=START_S)
    await _start_database(room)
    await _all_receipted(room, 6)
    taken = await _until_told(room, _each(3))
    assert {arrived.incident_id for arrived in taken} == {first.incident_id}
    (incident,) = await _rows(room, "SELECT state, occurrences FROM incident WHERE rule = 'smoke_alarm'")
    assert (incident["state"], incident["occurrences"]) == ("raised", 3)
    assert not room.complaints()


async def test_an_alarm_that_the_police_have_not_taken_outlives_the_role_and_the_database(room: Room) -> None:
    await room.far_end.behave("police", Mode.ERROR500)
    await _publish(room, BUTTON, alarm="panic")
    await _until_told(room, lambda taken: [arrived.link for arrived in taken] == ["education"])
    await _until_row(room, "SELECT FROM delivery WHERE recipient = 'police' AND last_error IS NOT NULL")
    await _kill_database(room)
    await _restart_alarm_role(room)
    await room.far_end.behave("police", Mode.OK)
    taken = await _until_told(room, _each(1), within_s=START_S)
    await _start_database(room)
    await _all_receipted(room, 2)
    rows = await _rows(
        room,
        "SELECT 'msg_' || replace(delivery_id::text, '-', '') AS webhook_id FROM delivery WHERE channel = 'webhook'",
    )
    assert {arrived.webhook_id for arrived in taken} == {row["webhook_id"] for row in rows}
    assert [arrived.copies for arrived in await _until_told(room, _each(1))] == [1, 1]
    assert not room.complaints()


async def test_a_button_that_is_pressed_right_after_its_reset_calls_though_the_database_died_in_between(
    room: Room,
) -> None:
    await _publish(room, BUTTON, alarm="panic")
    (first, *_) = await _until_told(room, _each(1))
    await _all_receipted(room, 2)
    for action in ("acknowledge", "reset"):
        answer = await room.client.post(f"/incidents/{first.incident_id}/{action}", json={"actor": "值班员甲"})
        answer.raise_for_status()
    await _all_receipted(room, 4)
    await _kill_database(room)
    await _publish(room, BUTTON, alarm="panic")
    calls = "incident.raised"
    await _until_told(room, lambda taken: sum(arrived.type == calls for arrived in taken) == 4)
    await _start_database(room)
    await _until_row(room, "SELECT FROM incident HAVING count(*) = 2", within_s=START_S)
    await _all_receipted(room, 6)
    taken = await _until_told(room, _each(3))
    assert len({arrived.incident_id for arrived in taken}) == 2
    assert not room.complaints()
