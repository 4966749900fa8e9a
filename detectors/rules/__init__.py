"""The shipped rules, in one table for each lane."""

from __future__ import annotations

from detectors.clocks import Clocks
from detectors.rule import Rule
from detectors.rules.chattering import ChatteringDevice, ChatteringSite
from detectors.rules.clock_off import ClockOff
from detectors.rules.heartbeat_lost import HeartbeatLost
from detectors.rules.high_temperature import HighTemperature
from detectors.rules.low_battery import LowBattery
from detectors.rules.reported_alarm import ReportedAlarm
from detectors.rules.tamper import Tamper
from detectors.rules.temperature_rise import TemperatureRise


def alarm_rules(clocks: Clocks | None = None) -> list[Rule]:
    """What the alarm lane decides: alarms that devices report themselves. ``clocks``: what is known of theirs."""
    return [ReportedAlarm(clocks)]


def bulk_rules() -> list[Rule]:
    """What the bulk lane decides: all that has to be concluded from readings, events and silence."""
    lost = HeartbeatLost()
    return [
        lost,
        HighTemperature(),
        TemperatureRise(),
        LowBattery(),
        Tamper(),
        ClockOff(lost.lives),
        ChatteringDevice(),
        ChatteringSite(),
    ]
