"""A rule tried on what happened: what was stored goes through it once more, in the order in which it was received.

Only what the rule watches is read. Whether a message told of its moment or of the past is judged by what is read, as in
production by what is heard (`detectors.lives`). What was put aside, was over a limit, or is no longer kept is not in
it; and a time in which nothing was stored because we were away looks like silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from detectors.conditions.battery import BatteryLow
from detectors.conditions.change import ChangesFast
from detectors.conditions.threshold import Bound
from detectors.documents.form import (
    AlarmReported,
    AreaSilent,
    Battery,
    Change,
    Chattering,
    ClockOffBy,
    ComesAndGoes,
    Count,
    EventStands,
    HeartbeatsMissed,
    RuleDocument,
    Silent,
    SiteSilent,
    StateIs,
    Threshold,
    leaves_of,
)
from detectors.engine import Engine
from detectors.grounds import Grounds, SiteFacts, Spot
from detectors.hours import instant
from detectors.lives import LATE_S, Heard, Lives
from detectors.rule import Watcher
from detectors.rules.compiled import CompiledRule
from detectors.rules.reported_alarm import ReportedAlarm
from detectors.rules.ruleset import RuleSet
from detectors.watching import chosen, watched_kinds
from domain.device import DeviceKind, RegisteredDevice
from domain.errors import RuleRefused, UnknownSite
from domain.finding import Finding, FindingKind
from domain.observation import (
    Alarm,
    AlarmKind,
    Event,
    EventKind,
    Heartbeat,
    Observation,
    Reading,
    StateReport,
)
from storage.history import History, PastIncident, PastReport, Span

OnProgress = Callable[[float, int], None]

#: Time passes in such steps between messages.
TICK_S, QUIET_TICK_S = 1.0, 5.0
_PROGRESS_EVERY = 65_536
_EPOCH_US = 946_684_800_000_000
#: Troubles that are listed one by one.
_LISTED = 50
#: An incident and what would have been raised are the same where they begin within so long.
_SAME = timedelta(minutes=5)

_received_at = attrgetter("received_at")


class Trouble(msgspec.Struct, kw_only=True):
    """What the rule would have raised. ``known``: there was an incident of it. ``told``: how often in all."""

    key: str
    site_id: str
    device_id: str
    raised_at: datetime
    ended_at: datetime | None = None
    detail: dict[str, Any] = {}
    told: int = 1
    known: bool = False


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """``raised``: what it would have; ``missed``: incidents of this rule that it would not have raised."""

    rule: str
    since: datetime
    until: datetime
    site_id: str | None
    observations: int
    seconds: float
    raised: list[Trouble]
    incidents: int
    missed: list[PastIncident]


class Backtest:
    def __init__(
        self,
        dsn: str,
        document: RuleDocument,
        *,
        since: datetime,
        until: datetime,
        site_id: str | None,
        zone: ZoneInfo,
    ) -> None:
        if isinstance(document.when, Chattering):
            raise RuleRefused([f"{document.name}: cannot be tried, for what is over a limit is not stored"])
        if isinstance(document.when, SiteSilent | AreaSilent | ComesAndGoes):
            raise RuleRefused([f"{document.name}: cannot be tried alone, for it follows from what others find"])
        self._dsn = dsn
        self._document = document
        self._since, self._until, self._site_id, self._zone = since, until, site_id, zone
        leaves = leaves_of(document.when)
        self._needs_lives = any(isinstance(leaf, Silent | HeartbeatsMissed | ClockOffBy) for leaf in leaves)
        self._troubles: list[Trouble] = []
        self._standing: dict[str, Trouble] = {}
        self._count = 0

    def run(self, on_progress: OnProgress | None = None) -> Tried:
        """:raises UnknownSite: there is no such site."""
        began = time.monotonic()
        with History(self._dsn) as history:
            registered, grounds = self._grounds(history)
            span = self._span(registered, grounds)
            if span.device_nos is None or len(span.device_nos):
                self._play(history, span, registered, grounds, on_progress or (lambda part, count: None))
            seconds = time.monotonic() - began
            incidents = history.incidents(self._document.name, span, site_id=self._site_id)
        missed = self._compare(incidents)
        return Tried(
            rule=self._document.name,
            since=self._since,
            until=self._until,
            site_id=self._site_id,
            observations=self._count,
            seconds=round(seconds, 3),
            raised=self._troubles,
            incidents=len(incidents),
            missed=missed,
        )

    def _grounds(self, history: History) -> tuple[dict[int, RegisteredDevice], Grounds]:
        known = history.grounds()
        if self._site_id is not None:
            known = [ground for ground in known if ground.device.site_id == self._site_id]
            if not known:
                raise UnknownSite(f"no device of a site {self._site_id} is registered")
        return {ground.device.device_no: ground.device for ground in known}, Grounds(
            sites={number: SiteFacts(kind, township) for number, kind, township in history.sites()},
            spots={ground.device.device_no: Spot(ground.place, ground.name) for ground in known},
            zone=self._zone,
        )

    def _span(self, registered: dict[int, RegisteredDevice], grounds: Grounds) -> Span:
        """All that has to be read, and no device more. Whether one is offline is judged with its whole site in view."""
        watch = self._document.header.watch
        kinds, fits = watched_kinds(watch), chosen(watch, grounds)
        if self._needs_lives:
            kinds = fits = None
        if self._site_id is None and kinds is None and fits is None:
            return Span(self._since, self._until)
        return Span(
            self._since,
            self._until,
            [
                number
                for number, device in registered.items()
                if (kinds is None or device.kind in kinds) and (fits is None or fits(device))
            ],
        )

    # -- what is played -----------------------------------------------------------------------------------------------

    def _play(
        self,
        history: History,
        span: Span,
        registered: dict[int, RegisteredDevice],
        grounds: Grounds,
        on_progress: OnProgress,
    ) -> None:
        leaves = leaves_of(self._document.when)
        if any(isinstance(leaf, AlarmReported) for leaf in leaves):
            reported = ReportedAlarm()
            reported.use((self._document,), grounds)
            self._by_engine(Engine([reported]), self._streams(history, span, registered), registered, on_progress)
            return
        rules = RuleSet({self._document.name: self._document}, grounds)
        if self._needs_lives:
            self._by_engine(Engine(rules.rules), self._streams(history, span, registered), registered, on_progress)
            return
        (rule,) = (rule for rule in rules.rules if isinstance(rule, CompiledRule))
        rule.enrol(registered, self._since)
        metrics = {leaf.reading if isinstance(leaf, Threshold) else leaf.change_of for leaf in leaves
                   if isinstance(leaf, Threshold | Change)}  # fmt: skip
        if rule.is_about_devices and len(leaves) == len(metrics) == 1:
            (metric,) = metrics

            def reading(device: RegisteredDevice, said_s: float, heard_s: float, value: float) -> Observation:
                return Reading(device, instant(said_s), instant(heard_s), {metric: value})

            self._fast(rule, Reading, history.reading_blocks(metric, span), registered, reading, on_progress)
            return
        begun = self._begun(history, span, registered)
        if rule.is_about_devices and len(leaves) == 1 and isinstance(leaves[0], Battery) and begun.heartbeats_alone:
            self._fast(rule, Heartbeat, history.battery_blocks(span), registered, _heartbeat, on_progress)
        else:
            self._by_rule(rule, begun.said, on_progress)

    def _fast(
        self,
        rule: CompiledRule,
        what: type,
        blocks: Iterable[Iterable[tuple[Any, ...]]],
        registered: dict[int, RegisteredDevice],
        made: Callable[[RegisteredDevice, float, float, float], Observation],
        on_progress: OnProgress,
    ) -> None:
        """One condition on one quantity, of devices: no objects are made of values from which nothing follows.

        ``what`` they are told by, ``made``: how one of them is made.
        """
        (leaf,) = rule.leaves
        assert isinstance(leaf, Bound | ChangesFast | BatteryLow)
        lives = Lives()
        life_of, take, watchers = lives.get, leaf.take_value, {kind: rule.watcher(what, kind) for kind in DeviceKind}
        known = {number: device for number, device in registered.items() if watchers[device.kind] is not None}
        waits, next_tick_s, heard_s = rule.goes_by_time, self._since.timestamp(), self._since.timestamp()
        for block in blocks:
            for _, _, said, _, received, _, number, _, value, _, _ in block:
                self._count += 1
                said_s, heard_s = (said + _EPOCH_US) / 1e6, (received + _EPOCH_US) / 1e6
                if waits and heard_s >= next_tick_s:
                    self._note(rule.tick(instant(heard_s)))
                    next_tick_s = heard_s + TICK_S
                life = life_of(number)
                news = (
                    life is not None
                    and said_s > life.said_s
                    and not life.aside_heard_s
                    and heard_s - said_s - max(life.heard_s - life.said_s, 0.0) <= LATE_S
                )
                if not news or (waits and rule.is_waiting(number)):
                    # Whatever is not usual goes the way that it goes in production.
                    device = known.get(number)
                    if device is not None and (watcher := watchers[device.kind]) is not None:
                        one = made(device, said_s, heard_s, value)
                        self._note(watcher(one, lives.hear(one)))
                    continue
                assert life is not None
                life.said_s, life.heard_s = said_s, heard_s
                if did := take(number, value, said_s, heard_s, Heard.NEWS):
                    self._note(rule.follow(made(known[number], said_s, heard_s, value), leaf, did))
            _forget_marks(rule)
            on_progress(self._part(instant(heard_s)), self._count)
        self._note(rule.tick(self._until))

    def _by_rule(self, rule: CompiledRule, said: Iterable[Observation], on_progress: OnProgress) -> None:
        hear, watchers = Lives().hear, dict[tuple[type, DeviceKind], Watcher | None]()
        next_tick_s = self._since.timestamp()
        for one in said:
            self._count += 1
            received_at = one.received_at
            if rule.goes_by_time and received_at.timestamp() >= next_tick_s:
                self._note(rule.tick(received_at))
                next_tick_s = received_at.timestamp() + TICK_S
            key = (type(one), one.device.kind)
            if key not in watchers:
                watchers[key] = rule.watcher(*key)
            if (watcher := watchers[key]) is not None and (found := watcher(one, hear(one))):
                self._note(found)
            if self._count % _PROGRESS_EVERY == 0:
                _forget_marks(rule)
                on_progress(self._part(received_at), self._count)
        self._note(rule.tick(self._until))

    def _by_engine(
        self,
        engine: Engine,
        said: Iterable[Observation],
        registered: dict[int, RegisteredDevice],
        on_progress: OnProgress,
    ) -> None:
        """With the devices' lives, which want time to pass also where nobody speaks."""
        engine.enrol(registered.values(), self._since)
        tick = self._since
        self._note(engine.tick(tick))
        for one in said:
            self._count += 1
            while (one.received_at - tick).total_seconds() >= TICK_S:
                tick = min(tick + timedelta(seconds=QUIET_TICK_S), one.received_at)
                self._note(engine.tick(tick))
            if found := engine.observe(one):
                self._note(found)
            if self._count % _PROGRESS_EVERY == 0:
                engine.changes()
                on_progress(self._part(one.received_at), self._count)
        while tick < self._until:
            tick = min(tick + timedelta(seconds=QUIET_TICK_S), self._until)
            self._note(engine.tick(tick))

    def _part(self, at: datetime) -> float:
        return (at - self._since) / (self._until - self._since)

    def _streams(self, history: History, span: Span, registered: dict[int, RegisteredDevice]) -> Iterable[Observation]:
        return self._begun(history, span, registered).said

    def _begun(self, history: History, span: Span, registered: dict[int, RegisteredDevice]) -> _Begun:
        """What the rule watches, in the order of its receipt. Each stream has a connection of its own."""
        leaves = leaves_of(self._document.when)
        everything = any(isinstance(leaf, Silent | HeartbeatsMissed) for leaf in leaves)
        battery = any(isinstance(leaf, Battery) for leaf in leaves)
        metrics = {leaf.reading for leaf in leaves if isinstance(leaf, Threshold)}
        metrics |= {leaf.change_of for leaf in leaves if isinstance(leaf, Change)}
        kinds = {leaf.event for leaf in leaves if isinstance(leaf, EventStands)}
        kinds |= {leaf.count_of for leaf in leaves if isinstance(leaf, Count)}
        kinds |= {leaf.alarm for leaf in leaves if isinstance(leaf, AlarmReported)}
        channels = {"event"} if kinds else set()
        if any(isinstance(leaf, AlarmReported) for leaf in leaves):
            channels = {"alarm"}
        if any(isinstance(leaf, StateIs) for leaf in leaves):
            channels.add("state")
            kinds.add("state")
        if battery:
            metrics.add("battery_pct")
            kinds.add(EventKind.LOW_BATTERY.value)
            channels.add("event")
        streams: list[Iterator[Observation]] = []
        if everything or battery or any(isinstance(leaf, ClockOffBy) for leaf in leaves):
            only = battery and not everything
            streams.append(self._heartbeats(span, registered, with_battery=only))
        if everything:
            streams.append(self._reports(None, ("event", "state"), span, registered))
            streams.append(self._readings((), span, registered))
        else:
            if kinds:
                streams.append(self._reports(sorted(kinds), sorted(channels), span, registered))
            if metrics:
                streams.append(self._readings(sorted(metrics), span, registered))
        firsts = [(next(stream, None), stream) for stream in streams]
        begun = [chain((first,), stream) for first, stream in firsts if first is not None]
        said = begun[0] if len(begun) == 1 else merge(*begun, key=_received_at)
        of_heartbeats = [isinstance(first, Heartbeat) for first, _ in firsts if first is not None]
        return _Begun(said, battery and not everything and of_heartbeats == [True])

    def _heartbeats(
        self, span: Span, registered: dict[int, RegisteredDevice], *, with_battery: bool
    ) -> Iterator[Observation]:
        with History(self._dsn) as history:
            for said_s, received_s, number, battery_pct in history.heartbeats(span, with_battery=with_battery):
                if (device := registered.get(number)) is not None:
                    percent = None if battery_pct < 0.0 else battery_pct
                    yield Heartbeat(
                        device, datetime.fromtimestamp(said_s, UTC), datetime.fromtimestamp(received_s, UTC), percent
                    )

    def _readings(
        self, metrics: Sequence[str], span: Span, registered: dict[int, RegisteredDevice]
    ) -> Iterator[Observation]:
        """Values of one message as one. Without ``metrics``: of all."""
        from domain.metric import METRICS

        names = list(metrics) or list(METRICS)
        with History(self._dsn) as history:
            last: tuple[float, float, int] | None = None
            values: dict[str, float] = {}
            for said_s, received_s, number, value, metric in history.readings(names, span):
                this = (said_s, received_s, number)
                if this != last:
                    if last is not None and (one := _reading(last, values, registered)) is not None:
                        yield one
                    last, values = this, {}
                values[names[metric]] = value
            if last is not None and (one := _reading(last, values, registered)) is not None:
                yield one

    def _reports(
        self,
        kinds: Sequence[str] | None,
        channels: Sequence[str],
        span: Span,
        registered: dict[int, RegisteredDevice],
    ) -> Iterator[Observation]:
        with History(self._dsn) as history:
            for report in history.reports(kinds, channels, span):
                if (device := registered.get(report.device_no)) is not None:
                    yield _report(report, device)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def _note(self, findings: Sequence[Finding]) -> None:
        for one in findings:
            if one.rule != self._document.name:
                continue
            standing = self._standing.get(one.key)
            if one.kind is FindingKind.CLEARED:
                if standing is not None:
                    standing.ended_at = one.at
                    del self._standing[one.key]
            elif standing is not None:
                standing.told += 1
            else:
                self._standing[one.key] = trouble = Trouble(
                    key=one.key, site_id=one.site_id, device_id=one.device_id, raised_at=one.at, detail=one.detail
                )
                self._troubles.append(trouble)

    def _compare(self, incidents: Sequence[PastIncident]) -> list[PastIncident]:
        """Those that would not have been; the others are marked as known."""
        by_key: dict[str, list[Trouble]] = {}
        for trouble in self._troubles:
            by_key.setdefault(trouble.key, []).append(trouble)
        missed: list[PastIncident] = []
        for incident in incidents:
            same = [one for one in by_key.get(incident.key, ()) if _same(one, incident)]
            for one in same:
                one.known = True
            if not same:
                missed.append(incident)
        return missed


class _Begun(NamedTuple):
    """``said`` has begun. ``heartbeats_alone``: there is nothing else in it."""

    said: Iterable[Observation]
    heartbeats_alone: bool


def _heartbeat(device: RegisteredDevice, said_s: float, heard_s: float, value: float) -> Observation:
    return Heartbeat(device, instant(said_s), instant(heard_s), value)


def _same(trouble: Trouble, incident: PastIncident) -> bool:
    if abs(trouble.raised_at - incident.raised_at) <= _SAME:
        return True
    before_its_end = incident.ended_at is None or trouble.raised_at <= incident.ended_at
    return before_its_end and (trouble.ended_at is None or trouble.ended_at >= incident.raised_at)


def _reading(
    of: tuple[float, float, int], values: dict[str, float], registered: dict[int, RegisteredDevice]
) -> Reading | None:
    said_s, received_s, number = of
    device = registered.get(number)
    if device is None:
        return None
    return Reading(device, datetime.fromtimestamp(said_s, UTC), datetime.fromtimestamp(received_s, UTC), values)


def _report(report: PastReport, device: RegisteredDevice) -> Observation:
    at, received_at = report.at.astimezone(UTC), report.received_at.astimezone(UTC)
    match report.channel:
        case "alarm":
            kind = AlarmKind(report.kind)
            return Alarm(
                device, at, received_at, report.uid, kind, report.active, report.test, report.drill, report.detail
            )
        case "event":
            return Event(device, at, received_at, report.uid, EventKind(report.kind), report.active, report.detail)
        case _:
            return StateReport(device, at, received_at, report.uid, report.detail)


def _forget_marks(rule: CompiledRule) -> None:
    """What is noted for a restart is needless here."""
    for leaf in rule.leaves:
        if isinstance(leaf, ChangesFast):
            leaf.marks(0)


def told(result: Tried, zone: ZoneInfo) -> list[str]:
    """In words, a line each."""

    def moment(at: datetime | None) -> str:
        return "-" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

    rate = result.observations / result.seconds if result.seconds else 0.0
    new = [one for one in result.raised if not one.known]
    lines = [
        f"{result.rule}: {result.observations:,} observations in {result.seconds:.1f} s ({rate:,.0f} a second)",
        f"would have raised {len(result.raised)}: {len(result.raised) - len(new)} that there were incidents of,"
        f" {len(new)} new",
        f"incidents of it at that time: {result.incidents}, of which it would not have raised {len(result.missed)}",
    ]
    for mark, some in (("+", new), ("=", [one for one in result.raised if one.known])):
        for trouble in some[:_LISTED]:
            detail = " ".join(f"{name}={value}" for name, value in trouble.detail.items() if name != "rule_title")
            ended = moment(trouble.ended_at)
            lines.append(f"{mark} {moment(trouble.raised_at)}  {ended:19}  {trouble.key}  {detail}".rstrip())
        if len(some) > _LISTED:
            lines.append(f"{mark} and {len(some) - _LISTED} more")
    for incident in result.missed[:_LISTED]:
        lines.append(f"- {moment(incident.raised_at)}  {moment(incident.ended_at):19}  {incident.key}")
    if len(result.missed) > _LISTED:
        lines.append(f"- and {len(result.missed) - _LISTED} more")
    return lines
