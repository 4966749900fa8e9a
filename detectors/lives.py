"""What is known of each device's life and clock, and what a message is worth by it.

A message tells of *now* or of *then*. Its own time alone cannot say which: a gateway sends yesterday's readings after
an outage, and a device whose clock is two hours slow says nothing else all day. What tells them apart:

- **newer than all that the device said before, and at most a quarter of an hour later than is usual for it**: news.
  What is usual is the lateness of its last news, so a clock may be wrong by any amount;
- **not newer, or far too late, but the second in a row that goes on as fast as our clock does**: news as well. The
  clock was set back, or is slow and heard for the first time. A backfill does not do that: it sends hours within
  seconds, or takes turns with live messages, and each of those breaks the row;
- **at most a quarter of an hour later than usual**, but not newer: recent. A second message of the same moment, two
  that overtook each other, a repetition. It tells of now and proves nothing;
- everything else is past: stored, and no rule takes it for now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec

from detectors.packing import MANY, packed, unpacked
from domain.device import RegisteredDevice
from domain.liveness import Connectivity, Reason
from domain.observation import Misdated, Observation

#: Later than is usual for the device by at most so much, a message is still of now (network, broker, our own backlog).
LATE_S = 900.0
#: Two messages go on as our clock does when they differ from it by at most a second and a tenth of the time between
#: them, and never by more than `PACE_MOST_S`: networks are uneven, clocks are not.
PACE_S = 1.0
PACE_PART = 0.1
PACE_MOST_S = 10.0
#: Messages closer together say nothing about a clock.
SPAN_S = 5.0
#: Longer silence than so many heartbeat intervals breaks the row: whoever speaks after it has come back.
UNBROKEN_INTERVALS = 1.5

#: Of a device that is online and goes on: its number, ``said_s``, ``heard_s``, ``since_s``.
_NEWS_WIDTH = 4


class Heard(Enum):
    """What a message is worth; see the module's docstring."""

    NEWS = "news"
    RECENT = "recent"
    PAST = "past"


class Life(msgspec.Struct, gc=False):
    """One device. Times are epoch seconds: ``said_s`` by its own clock, ``heard_s`` by ours, of its last news; 0 =
    never. ``since_s``: since when it is offline or unknown; of one that is online, since when it speaks unbroken.

    ``aside_*``: the last message that was no news and may be the first of a row. ``slot``: where it waits for its
    deadline (0 = nowhere). ``marked``: the generation of marks in which it was last written down.
    """

    connectivity: Connectivity = Connectivity.UNKNOWN
    since_s: float = 0.0
    said_s: float = 0.0
    heard_s: float = 0.0
    aside_said_s: float = 0.0
    aside_heard_s: float = 0.0
    slot: int = 0
    marked: int = 0
    reason: Reason = Reason.NONE
    #: Of the engine, and only while it is online: whose messages go the short way, the place of their kind in its table
    #: of watchers, and how long a silence breaks the row.
    device: RegisteredDevice | None = None
    kind: int = 0
    unbroken_s: float = 0.0


class Lives:
    """All devices' lives by ``device_no``. ``news`` and ``generation`` are open to `detectors.engine`, which takes the
    usual message down itself.
    """

    def __init__(self) -> None:
        self._lives: dict[int, Life] = {}
        self.get: Callable[[int], Life | None] = self._lives.get
        self._changed: set[int] = set()
        self.news: list[float] = []
        self.generation = 0

    def __len__(self) -> int:
        return len(self._lives)

    def __contains__(self, device_no: int) -> bool:
        return device_no in self._lives

    def items(self) -> Iterator[tuple[int, Life]]:
        return iter(self._lives.items())

    @property
    def device_nos(self) -> list[int]:
        return list(self._lives)

    def hear(self, observation: Observation | Misdated) -> Heard:
        """Take note of a message; what it is worth."""
        device_no = observation.device.device_no
        said_s, heard_s = observation.at.timestamp(), observation.received_at.timestamp()
        life = self._lives.get(device_no)
        if life is None:
            life = self._lives[device_no] = Life()
        late_s, usual_s = heard_s - said_s, life.heard_s - life.said_s
        if usual_s > 0.0:
            late_s -= usual_s
        if said_s > life.said_s and late_s <= LATE_S:
            return self._take_news(observation.device, life, said_s, heard_s)
        if said_s != life.said_s:
            if not _goes_on(life, said_s, heard_s):
                life.aside_said_s, life.aside_heard_s = said_s, heard_s
                self._changed.add(device_no)
            elif heard_s - life.aside_heard_s >= SPAN_S:
                return self._take_news(observation.device, life, said_s, heard_s)
        return Heard.RECENT if late_s <= LATE_S else Heard.PAST

    def _take_news(self, device: RegisteredDevice, life: Life, said_s: float, heard_s: float) -> Heard:
        device_no = device.device_no
        gap_s = heard_s - life.heard_s
        life.said_s, life.heard_s = said_s, heard_s
        life.aside_said_s = life.aside_heard_s = 0.0
        if life.connectivity is Connectivity.ONLINE:
            if gap_s > UNBROKEN_INTERVALS * device.heartbeat_s:
                life.since_s = heard_s
            life.marked = self.generation
            self.news.extend((device_no, said_s, heard_s, life.since_s))
        else:
            self._changed.add(device_no)
        return Heard.NEWS

    def changed(self, device_no: int) -> None:
        """Its connectivity has changed: it has to be written down."""
        self._changed.add(device_no)

    def forget(self, device_no: int) -> None:
        if self._lives.pop(device_no, None) is not None:
            self._changed.add(device_no)

    # -- marks --------------------------------------------------------------------------------------------------------

    def marks(self, generation: int) -> list[tuple[Any, ...]]:
        """What changed since the last call, as rows that `recall` understands; (device_no,) is one forgotten.

        Of who was heard and changed otherwise as well, the row of its own comes last and says how it stands.
        """
        rows: list[tuple[Any, ...]] = []
        if self.news:
            rows.append(packed(self.news))
            self.news.clear()
        # News from now on may be of the next generation already: then it is written down once more, never too seldom.
        self.generation = generation
        for device_no in self._changed:
            life = self._lives.get(device_no)
            if life is None:
                rows.append((device_no,))
                continue
            life.marked = generation
            row = (device_no, life.said_s, life.heard_s, life.connectivity, life.since_s)
            if life.reason:
                rows.append((*row, life.aside_said_s, life.aside_heard_s, life.reason))
            else:
                rows.append((*row, life.aside_said_s, life.aside_heard_s) if life.aside_heard_s else row)
        self._changed.clear()
        return rows

    def mark(self, device_nos: Iterable[int], generation: int) -> None:
        """Whatever of them was not written down in ``generation`` yet has changed, as far as `marks` is concerned."""
        lives = self._lives
        self._changed.update(
            no for no in device_nos if (life := lives.get(no)) is not None and life.marked != generation
        )

    def recall(self, row: list[Any], generation: int, devices: Mapping[int, RegisteredDevice]) -> None:
        """``devices``: those that are registered; a number is kept once in memory, not once more for each rule."""
        if row[0] == MANY:
            self._recall_news(row, generation, devices)
            return
        device_no, *told = row
        if not told:
            self._lives.pop(device_no, None)
            return
        said_s, heard_s, connectivity, since_s, *more = told
        if (device := devices.get(device_no)) is not None:
            device_no = device.device_no
        life = self._lives[device_no] = Life(Connectivity(connectivity), since_s, said_s, heard_s, marked=generation)
        if more:
            life.aside_said_s, life.aside_heard_s = more[:2]
            life.reason = Reason(more[2]) if len(more) > 2 else Reason.NONE

    def _recall_news(self, row: list[Any], generation: int, devices: Mapping[int, RegisteredDevice]) -> None:
        lives = self._lives
        for number, said_s, heard_s, since_s in unpacked(row, _NEWS_WIDTH):
            life = lives.get(number)
            if life is None:
                device_no = int(number)
                if (device := devices.get(device_no)) is not None:
                    device_no = device.device_no
                life = lives[device_no] = Life()
            life.connectivity, life.since_s, life.reason = Connectivity.ONLINE, since_s, Reason.NONE
            life.said_s, life.heard_s = said_s, heard_s
            life.aside_said_s = life.aside_heard_s = 0.0
            life.marked = generation

    def seed(self, device_no: int, life: Life) -> None:
        """What is known of a device from elsewhere; marks are better where there are any."""
        self._lives.setdefault(device_no, life)


def _goes_on(life: Life, said_s: float, heard_s: float) -> bool:
    """Whether as much time has passed for the device as for us since the message that was set aside."""
    if not life.aside_heard_s:
        return False
    passed_s, span_s = said_s - life.aside_said_s, heard_s - life.aside_heard_s
    return passed_s > 0.0 and abs(span_s - passed_s) <= min(PACE_S + PACE_PART * span_s, PACE_MOST_S)
