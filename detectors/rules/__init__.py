"""The shipped rules, in one table for each lane."""

from __future__ import annotations

from detectors.rule import Rule
from detectors.rules.heartbeat_lost import HeartbeatLost
from detectors.rules.high_temperature import HighTemperature
from detectors.rules.low_battery import LowBattery
from detectors.rules.reported_alarm import ReportedAlarm
from detectors.rules.tamper import Tamper
from detectors.rules.temperature_rise import TemperatureRise


def alarm_rules() -> list[Rule]:
    """What the alarm lane decides: alarms that devices report themselves."""
    return [ReportedAlarm()]


def bulk_rules() -> list[Rule]:
    """What the bulk lane decides: all that has to be concluded from readings, events and silence."""
    return [HeartbeatLost(), HighTemperature(), TemperatureRise(), LowBattery(), Tamper()]
