"""The faults: each is injected, lasts, and is mended again by itself. One visible table, `FAULTS`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from simulators.far_ends import Mode
from tests.chaos.far_end import LINKS
from tests.chaos.room import Room

#: What a fault does for so many seconds.
Inject = Callable[[Room, Random, float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """``touches``: two faults that touch the same part are never injected at once."""

    name: str
    touches: frozenset[str]
    inject: Inject


async def _nothing(room: Room, chance: Random, seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _kill(role: str, room: Room, chance: Random, seconds: float) -> None:
    """At once, and again at some moment of its second life."""
    again_s = chance.uniform(0.2, 1.0) * seconds
    room.kill(role)
    await asyncio.sleep(again_s)
    room.kill(role)
    await asyncio.sleep(seconds - again_s)


async def _hang_postgres(room: Room, chance: Random, seconds: float) -> None:
    room.signal_postgres(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        room.signal_postgres(signal.SIGCONT)


async def _stop_postgres(room: Room, chance: Random, seconds: float) -> None:
    await room.postgres.stop()
    try:
        await asyncio.sleep(seconds)
    finally:
        await room.postgres.start()


async def _kill_postgres(room: Room, chance: Random, seconds: float) -> None:
    room.signal_postgres(signal.SIGKILL)
    try:
        await asyncio.sleep(seconds)
    finally:
        await room.postgres.stop()  # only takes note that it is gone
        await room.postgres.start()


async def _kill_broker(room: Room, chance: Random, seconds: float) -> None:
    await room.kill_broker()
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(room.broker.start)


async def _misbehave(mode: Mode, room: Room, chance: Random, seconds: float) -> None:
    """One of the links, or both."""
    victims = chance.choice([LINKS, LINKS[:1], LINKS[1:]])
    waits_s = 3.0 if mode is Mode.SLOW else 30.0
    try:
        for link in victims:
            await room.far_end.behave(link, mode, waits_s)
        await asyncio.sleep(seconds)
    finally:
        for link in victims:
            await room.far_end.behave(link, Mode.OK)


def _full_disk(room: Room, chance: Random) -> AbstractContextManager[None]:
    """Either nothing at all can be written, or a record is cut in two."""
    return room.full_disk(chance.choice([0, 300, 4000]))


async def _fill_disk(room: Room, chance: Random, seconds: float) -> None:
    with _full_disk(room, chance):
        await asyncio.sleep(seconds)


async def _fill_disk_without_database(room: Room, chance: Random, seconds: float) -> None:
    """First the database goes, so that the bulk lane writes its journal; then the disk. Either comes back first."""
    async with AsyncExitStack() as database:
        await room.postgres.stop()
        database.push_async_callback(room.postgres.start)
        await asyncio.sleep(0.3 * seconds)
        with _full_disk(room, chance):
            await asyncio.sleep(0.4 * seconds)
            if chance.random() < 0.5:
                await database.aclose()
            await asyncio.sleep(0.3 * seconds)


async def _cut(silently: bool, server: str, room: Room, chance: Random, seconds: float) -> None:
    relay = room.to_broker if server == "broker" else room.to_database
    cut = relay.hold if silently else relay.reset
    cut()
    try:
        await asyncio.sleep(seconds)
    finally:
        relay.mend()


def _fault(name: str, inject: Inject, *touches: str) -> Fault:
    return Fault(name, frozenset(touches), inject)


CALM = _fault("nothing", _nothing)

FAULTS = (
    *(_fault(f"{role} killed", partial(_kill, role), role) for role in ("alarm", "bulk", "alerting", "web")),
    _fault("PostgreSQL hangs", _hang_postgres, "database"),
    _fault("PostgreSQL stopped", _stop_postgres, "database"),
    _fault("PostgreSQL killed", _kill_postgres, "database"),
    _fault("broker killed", _kill_broker, "broker"),
    _fault("links slow", partial(_misbehave, Mode.SLOW), "links"),
    _fault("links refuse", partial(_misbehave, Mode.REFUSE), "links"),
    _fault("links hang", partial(_misbehave, Mode.HANG), "links"),
    _fault("links answer 500", partial(_misbehave, Mode.ERROR500), "links"),
    _fault("wrong receipt", partial(_misbehave, Mode.WRONG_RECEIPT), "links"),
    _fault("receipt lost", partial(_misbehave, Mode.LOSE), "links"),
    _fault("disk full", _fill_disk, "disk", "alarm", "bulk"),
    _fault("disk full, no database", _fill_disk_without_database, "disk", "database", "alarm", "bulk"),
    _fault("broker unreachable", partial(_cut, True, "broker"), "broker"),
    _fault("broker cut off", partial(_cut, False, "broker"), "broker"),
    _fault("database unreachable", partial(_cut, True, "database"), "database"),
    _fault("database cut off", partial(_cut, False, "database"), "database"),
)

BY_NAME = {fault.name: fault for fault in (CALM, *FAULTS)}
#: What the tests run: quick to come and to go.
SHORT = ("alarm killed", "bulk killed", "PostgreSQL killed", "broker killed", "receipt lost", "disk full, no database")
