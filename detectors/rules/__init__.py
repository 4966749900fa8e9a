"""The rules of each lane. Which there are, and how they are tuned, is data: `detectors.documents`."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.clocks import Clocks
from detectors.documents.form import RuleDocument
from detectors.grounds import Grounds
from detectors.rule import Rule
from detectors.rules.reported_alarm import ReportedAlarm
from detectors.rules.ruleset import RuleSet


def alarm_rules(clocks: Clocks | None = None) -> list[Rule]:
    """What the alarm lane decides: alarms that devices report themselves. ``clocks``: what is known of theirs."""
    return [ReportedAlarm(clocks)]


def bulk_rules(documents: Mapping[str, RuleDocument] | None = None, grounds: Grounds | None = None) -> list[Rule]:
    """What the bulk lane decides: all that has to be concluded from readings, events and silence.

    ``documents``: by name; without them those that ship.
    """
    return RuleSet(documents, grounds).rules
