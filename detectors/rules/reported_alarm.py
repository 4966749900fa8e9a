"""Alarms that a device reports itself: one-key alarm, duress, smoke, heat, manual call point, gas, intrusion.

Stateless on purpose: every report is a finding, and the *incident* is what latches. So nothing is forgotten when a
process dies, a device may repeat itself as often as it likes, and the reset by a person is seen by everybody at once.

How grave each is and what it is called is told by documents (`detectors.documents`); those that ship hold for every
kind of alarm that no other document is about, so nothing that people change, and no database that is away, can silence
one.

A report that is older than `LATE_AFTER` is no alarm of now (a gateway sends yesterday's after an outage); it is not
dropped either, for the device's clock may be what is wrong: it becomes a doubtful alarm, for people to verify. A clock
that is known to be off (`detectors.clocks`) leaves no doubt: the press is of now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from detectors.clocks import Clocks
from detectors.conditions.times import Time
from detectors.documents.form import AlarmReported, AllOf, Not, RuleDocument, Schedule, Weekly, leaves_of
from detectors.documents.shipped import shipped
from detectors.grounds import Grounds
from detectors.lives import Heard
from detectors.rule import NOTHING, Rule, Watcher
from detectors.rules.doubtful_alarm import late_alarm
from detectors.watching import chosen, watched_kinds
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.observation import Alarm, AlarmKind
from domain.vocabulary import RULE_WORDS

#: An alarm that took longer to reach us is not raised as if it were now.
LATE_AFTER = timedelta(minutes=15)


class AlarmRule(NamedTuple):
    """``hours``: when it counts (none = always); ``unless``: not where the report's detail says so."""

    rule: str
    category: Category
    severity: Severity
    life_safety: bool
    watched: Callable[[RegisteredDevice], bool] | None = None
    hours: tuple[tuple[Time, bool], ...] = ()
    unless: Mapping[str, Any] = {}
    #: Of a rule that people have added: what it is called, for the finding's detail.
    title: Mapping[str, Any] = {}

    def counts(self, alarm: Alarm, at_s: float) -> bool:
        device = alarm.device
        if self.watched is not None and not self.watched(device):
            return False
        if self.unless and any((alarm.detail or {}).get(field) == value for field, value in self.unless.items()):
            return False
        return all(time.holds(device.site_no, at_s) is wanted for time, wanted in self.hours)


def alarm_table(documents: Iterable[RuleDocument], grounds: Grounds) -> dict[AlarmKind, tuple[AlarmRule, ...]]:
    """Of each kind of alarm: the rules that it may be. Life safety that no document is about goes by what ships."""
    table: dict[AlarmKind, tuple[AlarmRule, ...]] = {}
    given = {document.name: document for document in documents}
    for document in {**shipped(), **given}.values():
        for leaf in leaves_of(document.when):
            if isinstance(leaf, AlarmReported) and (document.enabled or document.header.life_safety):
                kind = AlarmKind(leaf.alarm)
                table[kind] = (*table.get(kind, ()), _rule(document, leaf, grounds))
    return table


def _rule(document: RuleDocument, leaf: AlarmReported, grounds: Grounds) -> AlarmRule:
    header = document.header
    kinds, fits = watched_kinds(header.watch), chosen(header.watch, grounds)

    def watched(device: RegisteredDevice) -> bool:
        return (kinds is None or device.kind in kinds) and (fits is None or fits(device))

    return AlarmRule(
        document.name,
        Category(header.category),
        Severity(header.severity),
        header.life_safety,
        None if kinds is None and fits is None else watched,
        tuple(
            (Time(time, grounds), wanted)
            for part in (document.when.parts if isinstance(document.when, AllOf) else ())
            for time, wanted in (((part.part, False),) if isinstance(part, Not) else ((part, True),))
            if isinstance(time, Schedule | Weekly)
        ),
        leaf.unless,
        {} if document.name in RULE_WORDS else {"rule_title": {"zh": header.title.zh, "en": header.title.en}},
    )


#: The end of these is never believed from the device: a panic device cannot be disarmed and is reset by hand only
#: (GB 50394-2007). The end of the others is noted; the incident still waits for a person where it is life safety.
_LATCHING = frozenset({AlarmKind.PANIC, AlarmKind.DURESS, AlarmKind.MANUAL_CALL_POINT})


class ReportedAlarm(Rule):
    """What a device says on the alarm channel."""

    name = "reported_alarm"

    def __init__(self, clocks: Clocks | None = None) -> None:
        self._clocks = clocks or Clocks()
        self._table = alarm_table((), Grounds())

    def use(self, documents: Iterable[RuleDocument], grounds: Grounds) -> None:
        """Go on with ``documents``, those of other lanes among them."""
        self._table = alarm_table(documents, grounds)

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation is Alarm else None

    def _observe(self, alarm: Alarm, heard: Heard) -> Sequence[Finding]:
        late = self._clocks.late_s(alarm) > LATE_AFTER.total_seconds()
        if not alarm.active:
            if alarm.alarm in _LATCHING or late:
                return NOTHING
            # An end is an end at any time.
            return [self._report(FindingKind.CLEARED, alarm, rule) for rule in self._table.get(alarm.alarm, ())]
        at_s = self._clocks.at(alarm).timestamp()
        rules = [rule for rule in self._table.get(alarm.alarm, ()) if rule.counts(alarm, at_s)]
        if late and rules:
            return (late_alarm(alarm),)
        return [self._report(FindingKind.RAISED, alarm, rule) for rule in rules]

    def _report(self, kind: FindingKind, alarm: Alarm, rule: AlarmRule) -> Finding:
        device = alarm.device
        at = self._clocks.at(alarm)
        # A test or a drill is a trouble of its own, so that it never hides the real one behind it.
        mark = "/test" if alarm.test else "/drill" if alarm.drill else ""
        if alarm.test and alarm.alarm in _LATCHING:
            # What nobody has reset is no reason for the links not to hear the next test: each day's is one of its own.
            mark += f"/{at:%Y-%m-%d}"
        return Finding(
            finding_id=finding_id(rule.rule, device.key, kind.value, str(alarm.uid)),
            kind=kind,
            rule=rule.rule,
            key=f"{rule.rule}/{device.key}{mark}",
            category=rule.category,
            severity=rule.severity,
            life_safety=rule.life_safety,
            site_no=device.site_no,
            site_id=device.site_id,
            device_no=device.device_no,
            device_id=device.device_id,
            at=at,
            found_at=alarm.received_at,
            test=alarm.test,
            drill=alarm.drill,
            detail={**(alarm.detail or {}), **rule.title} if rule.title else alarm.detail or {},
        )
