"""Who finds room in the alarm lane's journal. Pure: nothing here reads a clock or a disk.

The journal is bounded, and a full one holds up acknowledgements. So nobody may use up the room of a call for help:

- What nobody can read, or nobody registered sent, has a quarter of it; from the second message of a sender on, an
  eighth, and each sender a part of that.
- Repeats of an alarm that is open already have half of it, and each device so many an hour.
- A call that is new always has a place, whoever else fills the journal.

What is beyond is not kept: it is *counted* (`ingest.turned_away`), and booked as rejected. Of alarms that is done to
the very one that was committed already, and, where the repeats' half is full, to one whose equal still waits for the
database: that one latches the incident, in memory and on disk. Any other one over its bound is *limited*: kept until
its incident has heard of it, and not stored. For a new press may hide among a thousand old ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from domain.finding import Finding, FindingKind
from ingest.books import hour_of
from mqtt.packets import Inbound

#: Alarms of one device in an hour that are stored: the most impatient finger presses less.
MOST_REPEATS = 1000
#: Parts of the journal: everything unreadable; what is not the first of its sender; one sender of it; repeats.
JUNK, JUNK_FLOOD, JUNK_OF_ONE, REPEATS = 1 / 4, 1 / 8, 1 / 64, 1 / 2
#: A device whose alarms are limited leaves one of them in the quarantine so often.
EVIDENCE_EVERY = timedelta(minutes=1)
#: What a record takes besides topic and payload.
_RECORD_BYTES = 40


class Place(Enum):
    KEPT = auto()  # in the journal, and stored as what it is
    LIMITED = auto()  # in the journal and heard; booked as rejected
    COUNTED = auto()  # as a number alone
    NONE = auto()  # it holds nothing for this lane


class Stay(NamedTuple):
    """Bytes in the journal that are charged to somebody: to a sender of junk, or (None) to the repeats."""

    sender: int | None
    size: int


class Admission:
    """For one journal of ``most_bytes``.

    :param is_open: whether the incident of a key is open, as far as this process knows.
    :param is_known: whether this very finding was committed, as far as this process knows: it will change nothing.
    """

    def __init__(
        self,
        most_bytes: int,
        *,
        is_open: Callable[[str], bool] = lambda key: False,
        is_known: Callable[[Finding], bool] = lambda finding: False,
    ) -> None:
        self._most_bytes = most_bytes
        self._is_known = is_known
        self._is_open = is_open
        self._waiting: dict[str, tuple[int, bool]] = {}  # key → findings that wait, and whether the last one raises
        self._junk: Counter[int] = Counter()
        self._junk_bytes = 0
        self._repeat_bytes = 0
        self._hour: datetime | None = None
        self._said: Counter[int] = Counter()
        self._evidence: dict[int, datetime] = {}

    # -- coming -------------------------------------------------------------------------------------------------------

    def place(
        self, message: Inbound, devices: Mapping[int, int], findings: Sequence[Finding], stays: list[Stay]
    ) -> Place:
        """Where a readable ``message`` goes; what it is charged is added to ``stays``. ``devices``: how many alarms of
        each are in it, for a gateway's message may hold a thousand.
        """
        self._count(devices, message.received_at)
        size = _size(message)
        fresh = [finding for finding in findings if not self._is_known(finding)]
        raised = [finding.key for finding in fresh if finding.kind is FindingKind.RAISED]
        if any(key not in self._waiting and not self._is_open(key) for key in raised):
            return Place.KEPT
        room = self._repeat_bytes + size <= self._most_bytes * REPEATS
        place = Place.LIMITED
        if room and any(self._said[device] <= MOST_REPEATS for device in devices):
            place = Place.KEPT
        elif not fresh or (not room and all(self.waits(finding) for finding in fresh)):
            evidence = room and any(self._evidence_due(device, message.received_at) for device in devices)
            if not evidence:
                return Place.COUNTED
        self._charge(Stay(None, size), stays)
        return place

    def place_unreadable(self, message: Inbound, sender: int, stays: list[Stay]) -> Place:
        """The same for one that holds nothing readable. ``sender``: its device_no; else its site_no, below zero."""
        size, known = _size(message), sender in self._junk
        part = JUNK_FLOOD if known else JUNK
        if self._junk_bytes + size > self._most_bytes * part:
            return Place.COUNTED
        if known and self._junk[sender] + size > self._most_bytes * JUNK_OF_ONE:
            return Place.COUNTED
        self._charge(Stay(sender, size), stays)
        return Place.KEPT

    def take_up(self, message: Inbound, devices: Mapping[int, int], sender: int, stays: list[Stay]) -> None:
        """An earlier process had kept ``message``; without ``devices`` it is unreadable."""
        self._count(devices, message.received_at)
        self._charge(Stay(None if devices else sender, _size(message)), stays)

    def over(self, devices: Collection[int]) -> set[int]:
        """Those of ``devices`` that have said more than their share. Their message may be kept for another's sake."""
        return {device for device in devices if self._said[device] > MOST_REPEATS}

    def evidence(self, device: int, at: datetime) -> bool:
        """Whether this one of a limited device is put into the quarantine; then no other one is for a while."""
        if due := self._evidence_due(device, at):
            self._evidence[device] = at
        return due

    def wait(self, findings: Sequence[Finding]) -> list[str]:
        """These wait for the database from now on: the keys to give to `in_hand`, one for each that will tell it
        anything new.
        """
        keys = []
        for finding in findings:
            if not self._is_known(finding):
                count, _ = self._waiting.get(finding.key, (0, False))
                self._waiting[finding.key] = (count + 1, finding.kind is FindingKind.RAISED)
                keys.append(finding.key)
        return keys

    def waits(self, finding: Finding) -> bool:
        """Whether one that raises the same incident does, and nothing behind it that says otherwise."""
        return self._waiting.get(finding.key, (0, False))[1]

    # -- going --------------------------------------------------------------------------------------------------------

    def in_hand(self, keys: Sequence[str]) -> None:
        """Findings of these keys are being committed: what comes now may come after a reset that they come before."""
        for key in keys:
            count, raised = self._waiting.pop(key, (0, False))
            if count > 1:
                self._waiting[key] = (count - 1, raised)

    def leave(self, stays: Sequence[Stay]) -> None:
        """These are struck from the journal."""
        for sender, size in stays:
            if sender is None:
                self._repeat_bytes -= size
                continue
            self._junk_bytes -= size
            self._junk[sender] -= size
            if self._junk[sender] <= 0:
                del self._junk[sender]

    # -----------------------------------------------------------------------------------------------------------------

    def _charge(self, stay: Stay, stays: list[Stay]) -> None:
        if stay.sender is None:
            self._repeat_bytes += stay.size
        else:
            self._junk[stay.sender] += stay.size
            self._junk_bytes += stay.size
        stays.append(stay)

    def _count(self, devices: Mapping[int, int], at: datetime) -> None:
        hour = hour_of(at)
        if hour != self._hour:
            self._hour = hour
            self._said.clear()
            self._evidence.clear()
        self._said.update(devices)

    def _evidence_due(self, device: int, at: datetime) -> bool:
        before = self._evidence.get(device)
        return before is None or not before <= at < before + EVIDENCE_EVERY


def _size(message: Inbound) -> int:
    return len(message.topic) + len(message.payload) + _RECORD_BYTES
