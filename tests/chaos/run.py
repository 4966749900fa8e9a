"""One run: the room comes up, traffic flows, faults come and go, everything settles, and the account is drawn."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import psycopg

from simulators.district import build_district
from tests.chaos.account import Account, Part, account
from tests.chaos.books import Books, read_books, records_in_journals
from tests.chaos.people import ALARM_KINDS, Callers, Operator
from tests.chaos.plan import Stretch
from tests.chaos.publisher import Publisher
from tests.chaos.room import Room
from tests.chaos.sent import Sent, Speech
from tests.chaos.traffic import Traffic

#: Registered schools. Whatever may raise an alarm also says that it lives; the first schools' other devices do so too.
SITES, SPEAKING_SITES = 8, 4
#: What the broker had acknowledged so shortly before its kill may never have reached its disk (docs/reliability.md).
BROKER_FORGETS_S = 1.0
#: Incidents by which the house says that it suffers, and rightly so.
TOLERATED = ("journal_filling", "link_silent")
#: Row of what devices say while everything settles.
AFTERWARDS = "afterwards"
_LOOK_EVERY_S = 1.0
#: For what devices said while everything else settled, and for the operator's last resets.
_LAST_WORDS_S = 20.0
#: After everything is there, so long again for what should not come.
_AFTERMATH_S = 3.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    seed: int
    seconds: float
    settled_s: float
    account: Account

    @property
    def passed(self) -> bool:
        return not self.account.faults


class Run:
    """``directory``: other accounts may pass through it, for the database server gives up root's rights.
    ``patience_s``: how long after the last fault messages and alarms may still be on their way.
    """

    def __init__(
        self, stretches: Sequence[Stretch], *, seed: int, directory: Path, patience_s: float, say: Say
    ) -> None:
        self._stretches = stretches
        self._seed = seed
        self._patience_s = patience_s
        self._say = say
        self._room = Room(directory, sites=SITES)
        self._speech = Speech()
        self._parts: list[Part] = []
        self._publishers: tuple[Publisher, ...] = ()

    async def outcome(self) -> Outcome:
        """What came of it. SIGTERM ends it like Ctrl-C: no server is left behind."""
        began = time.monotonic()
        this = asyncio.current_task()
        assert this is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        room = self._room
        async with room.open():
            self._say(f"everything is up after {time.monotonic() - began:.0f} s")
            with Publisher(room.broker.url, "gateway") as gateway, Publisher(room.broker.url, "buttons") as buttons:
                self._publishers = (gateway, buttons)
                settled_s = await self._live(gateway, buttons)
            books = await asyncio.to_thread(read_books, room.postgres.dsn)
        drawn = self._account(books, len(self._parts), journalled=records_in_journals(room.data))
        drawn.faults += room.complaints()
        return Outcome(seed=self._seed, seconds=time.monotonic() - began, settled_s=settled_s, account=drawn)

    async def _live(self, gateway: Publisher, buttons: Publisher) -> float:
        """Everything that happens; the seconds that it took to settle."""
        room, district = self._room, build_district(1, SITES)
        speakers = [
            device
            for device in district.devices
            if device.site_id <= f"s{SPEAKING_SITES:03d}" or device.kind in ALARM_KINDS
        ]
        traffic = Traffic(speakers, gateway, self._speech, Random(f"traffic/{self._seed}"))
        callers = Callers(district.devices, buttons, self._speech, Random(f"callers/{self._seed}"))
        operator = Operator(room.client, room.far_end, callers)
        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(traffic.run(), name="traffic")
            calling = tasks.create_task(callers.run(), name="callers")
            operating = tasks.create_task(operator.run(), name="operator")
            await self._inject()
            calling.cancel()
            self._say("all faults are mended; waiting until everything has settled")
            began = time.monotonic()
            self._enter(AFTERWARDS)  # devices go on to live, or they would rightly be missed
            await self._settle(len(self._parts) - 1, self._patience_s)
            speaking.cancel()
            operating.cancel()
        await self._settle(len(self._parts), _LAST_WORDS_S)
        settled_s = time.monotonic() - began
        await asyncio.sleep(_AFTERMATH_S)
        await room.far_end.look()
        return settled_s

    def _enter(self, name: str) -> None:
        self._speech.stretch = len(self._parts)
        self._parts.append(Part(name, time.time()))

    async def _inject(self) -> None:
        for number, stretch in enumerate(self._stretches):
            self._say(f"{number + 1}/{len(self._stretches)} {stretch.name} ({stretch.lasts_s:.1f} s)")
            self._enter(stretch.name)
            async with asyncio.TaskGroup() as tasks:
                for fault in stretch.faults:
                    chance = Random(f"{self._seed}/{number}/{fault.name}")
                    tasks.create_task(fault.inject(self._room, chance, stretch.lasts_s), name=fault.name)
            await asyncio.sleep(stretch.rests_s)

    async def _settle(self, parts: int, patience_s: float) -> None:
        """Until nothing of the first ``parts`` is on its way any more, or the patience is at its end."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError, httpx.HTTPError):
                await self._room.far_end.look()
                books = await asyncio.to_thread(read_books, self._room.postgres.dsn)
                if not books.findings_waiting and not self._account(books, parts).unsettled:
                    return
            await asyncio.sleep(_LOOK_EVERY_S)

    def _account(self, books: Books, parts: int, *, journalled: Collection[bytes] = ()) -> Account:
        """Of what was sent in the first ``parts``."""
        sent = [one for publisher in self._publishers for one in publisher.sent if one.stretch < parts]
        return account(
            self._parts,
            sent,
            books,
            list(self._room.far_end.books.values()),
            journalled=journalled,
            forgotten={message.name for message in sent if self._forgotten_by_broker(message)},
            tolerated=TOLERATED,
        )

    def _forgotten_by_broker(self, message: Sent) -> bool:
        """The broker took it in the last moment before its kill, and no role has ever acknowledged it."""
        at_s = message.acknowledged_s
        if at_s is None or not any(0 <= killed_s - at_s < BROKER_FORGETS_S for killed_s in self._room.broker_killed_s):
            return False
        return message.payload not in self._room.acknowledged


def run(
    stretches: Sequence[Stretch], *, seed: int, directory: Path, keep_logs_in: Path, patience_s: float, say: Say
) -> Outcome:
    """One run in ``directory``; what the roles said is kept.

    :raises SystemExit: it was ended by SIGTERM.
    """
    one = Run(stretches, seed=seed, directory=directory, patience_s=patience_s, say=say)
    try:
        return asyncio.run(one.outcome())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        keep_logs_in.mkdir(parents=True, exist_ok=True)
        for log in (directory / "log").glob("*.log"):
            shutil.copy(log, keep_logs_in)
