"""Alarms that a device reports itself: one-key alarm, duress, smoke, heat, manual call point, gas, intrusion.

Stateless on purpose: every report is a finding, and the *incident* is what latches. So nothing is forgotten when a
process dies, a device may repeat itself as often as it likes, and the reset by a person is seen by everybody at once.

A report that is older than `LATE_AFTER` is no alarm of now (a gateway sends yesterday's after an outage); it is not
dropped either, for the device's clock may be what is wrong: it becomes a doubtful alarm, for people to verify. A clock
that is known to be off (`detectors.clocks`) leaves no doubt: the press is of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from detectors.clocks import Clocks
from detectors.lives import Heard
from detectors.rule import NOTHING, Rule, Watcher
from detectors.rules.doubtful_alarm import late_alarm
from domain.device import DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.observation import Alarm, AlarmKind

#: An alarm that took longer to reach us is not raised as if it were now.
LATE_AFTER = timedelta(minutes=15)


class AlarmRule(NamedTuple):
    rule: str
    category: Category
    severity: Severity
    life_safety: bool


ALARM_RULES: dict[AlarmKind, AlarmRule] = {
    AlarmKind.PANIC: AlarmRule("one_key_alarm", Category.PANIC, Severity.CRITICAL, True),
    AlarmKind.DURESS: AlarmRule("duress_alarm", Category.PANIC, Severity.CRITICAL, True),
    AlarmKind.SMOKE: AlarmRule("smoke_alarm", Category.FIRE, Severity.CRITICAL, True),
    AlarmKind.HEAT: AlarmRule("heat_alarm", Category.FIRE, Severity.CRITICAL, True),
    AlarmKind.MANUAL_CALL_POINT: AlarmRule("manual_call_point", Category.FIRE, Severity.CRITICAL, True),
    AlarmKind.GAS: AlarmRule("gas_alarm", Category.FIRE, Severity.CRITICAL, True),
    AlarmKind.INTRUSION: AlarmRule("intrusion_alarm", Category.INTRUSION, Severity.MAJOR, False),
}

#: The end of these is never believed from the device: a panic device cannot be disarmed and is reset by hand only
#: (GB 50394-2007). The end of the others is noted; the incident still waits for a person where it is life safety.
_LATCHING = frozenset({AlarmKind.PANIC, AlarmKind.DURESS, AlarmKind.MANUAL_CALL_POINT})


class ReportedAlarm(Rule):
    """What a device says on the alarm channel."""

    name = "reported_alarm"

    def __init__(self, clocks: Clocks | None = None) -> None:
        self._clocks = clocks or Clocks()

    def watcher(self, observation: type, kind: DeviceKind) -> Watcher | None:
        return self._observe if observation is Alarm else None

    def _observe(self, alarm: Alarm, heard: Heard) -> Sequence[Finding]:
        late = self._clocks.late_s(alarm) > LATE_AFTER.total_seconds()
        if not alarm.active:
            if alarm.alarm in _LATCHING or late:
                return NOTHING
            return (self._report(FindingKind.CLEARED, alarm),)
        if late:
            return (late_alarm(alarm),)
        return (self._report(FindingKind.RAISED, alarm),)

    def _report(self, kind: FindingKind, alarm: Alarm) -> Finding:
        rule = ALARM_RULES[alarm.alarm]
        device = alarm.device
        # A test or a drill is a trouble of its own, so that it never hides the real one behind it.
        mark = "/test" if alarm.test else "/drill" if alarm.drill else ""
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
            at=self._clocks.at(alarm),
            found_at=alarm.received_at,
            test=alarm.test,
            drill=alarm.drill,
            detail=alarm.detail or {},
        )
