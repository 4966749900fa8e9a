"""Every condition of a document, and what works it out."""

from __future__ import annotations

from detectors.conditions.battery import BatteryLow
from detectors.conditions.change import ChangesFast
from detectors.conditions.counting import CountInWindow, TooFewADay
from detectors.conditions.leaf import Leaf
from detectors.conditions.offline import Offline
from detectors.conditions.reports import EventReported, StateReported
from detectors.conditions.threshold import Bound
from detectors.conditions.times import Time
from detectors.deafness import Deafness
from detectors.documents import form
from detectors.grounds import Grounds
from detectors.lives import Lives


def made(condition: form.Leaf, grounds: Grounds, deafness: Deafness, lives: Lives) -> Leaf:
    match condition:
        case form.Threshold():
            return Bound(condition)
        case form.Change():
            return ChangesFast(condition)
        case form.Battery():
            return BatteryLow(condition)
        case form.EventStands():
            return EventReported(condition)
        case form.StateIs():
            return StateReported(condition)
        case form.Count():
            return CountInWindow(condition, deafness) if condition.per is None else TooFewADay(condition, grounds)
        case form.Silent():
            return Offline(condition, lives)
        case form.Schedule() | form.Weekly():
            return Time(condition, grounds)
        case _:
            raise TypeError(f"{condition.head} is no condition of a compiled rule")
