"""Fairness: nobody speaks so much that others are heard late. Pure; its only clock is when messages reached us.

Each device has a token bucket, and each site another one for all that its devices may say together; what is
unregistered at a site shares one more. A message over a limit is counted and not stored. Alarms never come here: their
lane knows no limits (docs/adr/0010).

::

    message ──► bucket of its device ──► bucket of its site ──► stored
                    │ empty                 │ empty
                    └───────────────────────┴──► counted, and a few a minute kept as evidence

A speaker within its share has no bucket at all: what a batch brings is counted for all speakers at once, and only who
exceeds the share of the time that passed gets a bucket, charged with what was counted. So fairness costs a quiet
speaker next to nothing, and is exact to within the share of one window: a second, or the time that a batch spans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.device import RegisteredDevice
from domain.excess import Excess
from domain.observation import Alarm, Channel, Event, Heartbeat, Observation, Reading, StateReport
from domain.quarantine import Rejected

#: Seconds over which speakers are counted together before those that are quiet are forgotten.
WINDOW_S = 1.0
#: Messages over the limit that are kept as evidence, of each limited speaker and minute.
SAMPLES_PER_MIN = 10

_CHANNELS: dict[type, Channel] = {
    Heartbeat: Channel.HEARTBEAT,
    Reading: Channel.READING,
    Event: Channel.EVENT,
    StateReport: Channel.STATE,
    Alarm: Channel.ALARM,
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """``rate_per_s`` for ever, and ``burst`` at once after a time of silence."""

    rate_per_s: float
    burst: float


@dataclass(slots=True)
class Verdict:
    """What is over a limit, by position: ``over`` of the observations, ``aside`` of the rejected messages.

    Of ``over``, ``evidence`` is to be kept in the quarantine; ``aside`` is what the quarantine need not keep.
    """

    over: set[int] = field(default_factory=set)
    evidence: set[int] = field(default_factory=set)
    aside: set[int] = field(default_factory=set)
    excesses: list[Excess] = field(default_factory=list)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float
    rate_per_s: float = 0.0
    minute: int = 0
    kept: int = 0

    def refill(self, now_s: float, allowance: Allowance) -> None:
        """A clock that was set back gives nothing and takes nothing."""
        passed_s = now_s - self.at_s
        if passed_s > 0.0:
            self.tokens = min(allowance.burst, self.tokens + passed_s * allowance.rate_per_s)
        self.at_s = now_s

    def keeps(self, now_s: float) -> bool:
        """Whether what is over the limit now is one of the few that are kept."""
        minute = int(now_s // 60.0)
        if minute != self.minute:
            self.minute, self.kept = minute, 0
        self.kept += 1
        return self.kept <= SAMPLES_PER_MIN


class _Ring:
    """The buckets of one kind of speaker, and who spoke how often in this window."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.heard: Counter[int] = Counter()
        self.buckets: dict[int, _Bucket] = {}
        self._unseen = 0

    def louder(self, count: int, span_s: float) -> bool:
        """Whether anybody of those heard is over his share of the time. Looked at when so many were heard since the
        last look that one of them could be.
        """
        self._unseen += count
        share = self.allowance.rate_per_s * span_s
        if self._unseen <= share:
            return False
        self._unseen = 0
        return max(self.heard.values()) > share

    def fill(self, numbers: Sequence[int], span_s: float, started_s: float) -> None:
        """A bucket for each who is over his share, charged with what was heard of him before the batch ``numbers``."""
        share = self.allowance.rate_per_s * span_s
        loud = [number for number, heard in self.heard.items() if heard > share and number not in self.buckets]
        if not loud:
            return
        here = Counter(numbers)
        for number in loud:
            before = self.heard[number] - here[number]
            self.buckets[number] = _Bucket(self.allowance.burst - before, started_s)

    def settle(self, started_s: float, passed_s: float) -> None:
        """The end of a window: note how fast the limited speak; whose bucket is full needs none."""
        for number, bucket in list(self.buckets.items()):
            bucket.rate_per_s = self.heard[number] / passed_s
            if bucket.at_s < started_s + passed_s:
                bucket.refill(started_s + passed_s, self.allowance)
            if bucket.tokens >= self.allowance.burst:
                del self.buckets[number]
        self.heard = Counter()
        self._unseen = 0


@dataclass(slots=True)
class _Excess:
    number: int
    site_no: int
    site_id: str
    device: RegisteredDevice | None
    channel: str
    at: datetime
    over: int = 0


class Fairness:
    """The limits of a lane. `judge` every batch once, in the order of arrival."""

    def __init__(self, *, device: Allowance, site: Allowance) -> None:
        self._devices = _Ring(device)
        self._sites = _Ring(site)
        self._started_s = 0.0

    def resume(self, devices: Iterable[int], sites: Iterable[int], now: datetime) -> None:
        """After a restart: who was being limited has nothing saved up. Numbers as in `speaker`."""
        now_s = now.timestamp()
        for ring, numbers in ((self._devices, devices), (self._sites, sites)):
            ring.buckets.update({number: _Bucket(0.0, now_s) for number in numbers})

    def judge(
        self,
        said: Sequence[Observation],
        rejected: Sequence[Rejected],
        sites: Sequence[int],
        device_of: Callable[[int], RegisteredDevice | None],
    ) -> Verdict | None:
        """What of a batch is over a limit; None where nothing is.

        ``sites[i]`` is the site of ``rejected[i]``; ``device_of`` finds a device by its number.
        """
        if not said and not rejected:
            return None
        devices, of_sites = self._devices, self._sites
        last = said[-1].received_at if said else rejected[-1].received_at
        now_s = last.timestamp()
        passed_s = now_s - self._started_s
        if passed_s >= WINDOW_S or passed_s < 0.0:
            self._roll(now_s, passed_s, (said[0] if said else rejected[0]).received_at.timestamp())
            passed_s = now_s - self._started_s
        speakers = [one.device.device_no for one in said]
        places = [one.device.site_no for one in said]
        if rejected:
            speakers.extend(map(speaker, rejected, sites))
            places.extend(sites)
        devices.heard.update(speakers)
        of_sites.heard.update(places)
        span_s = max(passed_s, WINDOW_S)
        loud = devices.louder(len(speakers), span_s)
        loud = of_sites.louder(len(places), span_s) or loud
        if not loud and not devices.buckets and not of_sites.buckets:
            return None
        return self._measure(said, rejected, speakers, places, device_of, span_s)

    def _roll(self, now_s: float, passed_s: float, first_s: float) -> None:
        """Begin a new window with the batch whose first message came at ``first_s``."""
        if self._started_s and passed_s > 0.0:
            for ring in (self._devices, self._sites):
                ring.settle(self._started_s, max(first_s - self._started_s, WINDOW_S))
        else:
            self._devices.heard, self._sites.heard = Counter(), Counter()
        self._started_s = min(first_s, now_s)

    def _measure(
        self,
        said: Sequence[Observation],
        rejected: Sequence[Rejected],
        speakers: Sequence[int],
        places: Sequence[int],
        device_of: Callable[[int], RegisteredDevice | None],
        span_s: float,
    ) -> Verdict | None:
        """The arithmetic, for those alone who are loud or were so lately."""
        self._devices.fill(speakers, span_s, self._started_s)
        self._sites.fill(places, span_s, self._started_s)
        of_devices, of_sites = self._devices.buckets, self._sites.buckets
        verdict = Verdict()
        by_device: dict[int, _Excess] = {}
        by_site: dict[int, _Excess] = {}
        for position, (number, place) in enumerate(zip(speakers, places, strict=True)):
            own, site = of_devices.get(number), of_sites.get(place)
            if own is None and site is None:
                continue
            aside = position - len(said)
            one = said[position] if aside < 0 else rejected[aside]
            at_s = one.received_at.timestamp()
            # A device over its own limit takes nothing from what its neighbours at the site may say.
            if own is not None and not _take(own, at_s, self._devices.allowance):
                empty, found, key = own, by_device, number
                self._sites.heard[place] -= 1
            elif site is not None and not _take(site, at_s, self._sites.allowance):
                empty, found, key = site, by_site, place
            else:
                continue
            keeps = empty.keeps(at_s)
            if aside < 0:
                verdict.over.add(position)
                if keeps:
                    verdict.evidence.add(position)
            elif not keeps:
                verdict.aside.add(aside)
            excess = found.get(key)
            if excess is None:
                device = device_of(number) if found is by_device and number > 0 else None
                excess = found[key] = _Excess(number, place, _site_id(one), device, "", one.received_at)
            excess.over += 1
            excess.at = one.received_at
            excess.channel = one.channel if isinstance(one, Rejected) else channel_of(one)
        for ring, found in ((self._devices, by_device), (self._sites, by_site)):
            verdict.excesses.extend(
                Excess(
                    site_no=excess.site_no,
                    site_id=excess.site_id if excess.site_no else "",
                    device=excess.device,
                    unregistered=found is by_device and excess.device is None,
                    channel=excess.channel,
                    rate_per_s=round(max(ring.buckets[key].rate_per_s, ring.heard[key] / span_s), 1),
                    limit_per_s=ring.allowance.rate_per_s,
                    over=excess.over,
                    at=excess.at,
                )
                for key, excess in found.items()
            )
        return verdict if verdict.excesses else None


def channel_of(observation: Observation) -> str:
    return _CHANNELS[type(observation)].value


def speaker(rejected: Rejected, site_no: int) -> int:
    """Whose limit a rejected message counts against: its device's number, or minus its site's number, which all
    unregistered names of a site share. So made-up names gain nobody anything.
    """
    return rejected.device_no or -site_no


def _take(bucket: _Bucket, at_s: float, allowance: Allowance) -> bool:
    bucket.refill(at_s, allowance)
    if bucket.tokens < 1.0:
        return False
    bucket.tokens -= 1.0
    return True


def _site_id(one: Observation | Rejected) -> str:
    return one.site_id if isinstance(one, Rejected) else one.device.site_id
