"""The rules of the bulk lane as one set: made of documents, and changed while it works.

A changed rule is built anew and takes up what the old one remembers in the way that a restart does. What only code can
do (`detectors.documents.form.NATIVE`) stays the same object and is tuned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from detectors.deafness import Deafness
from detectors.documents.form import (
    NATIVE,
    AlarmReported,
    AreaSilent,
    Chattering,
    ClockOffBy,
    ComesAndGoes,
    HeartbeatsMissed,
    RuleDocument,
    SiteSilent,
    leaves_of,
)
from detectors.documents.shipped import shipped
from detectors.engine import Engine
from detectors.grounds import Grounds
from detectors.rule import Rule
from detectors.rules.chattering import ChatteringDevice, ChatteringSite
from detectors.rules.clock_off import ClockOff
from detectors.rules.compiled import CompiledRule
from detectors.rules.flapping import Flapping, Tolerance
from detectors.rules.heartbeat_lost import HeartbeatLost
from detectors.rules.silence import Doubt
from domain.finding import Category, Severity

#: Shipped rules come in this order, then all others by name: findings of one message are told in it.
ORDER = ("high_temperature", "temperature_rise", "low_battery", "tamper")


class RuleSet:
    """``rules`` are for an `Engine`."""

    def __init__(self, documents: Mapping[str, RuleDocument] | None = None, grounds: Grounds | None = None) -> None:
        """:param documents: by name; None = those that ship."""
        self._grounds = grounds or Grounds()
        self._lost = HeartbeatLost()
        self._deafness = Deafness()
        self._natives: dict[str, Rule] = {
            "heartbeat_lost": self._lost,
            "clock_off": ClockOff(self._lost.lives),
            "chattering_device": ChatteringDevice(),
            "chattering_site": ChatteringSite(),
            "flapping": Flapping(),
        }
        self._compiled: dict[str, CompiledRule] = {}
        self._lost.concerned.append(self._turned)
        self._documents: dict[str, RuleDocument] = {}
        self.use(shipped() if documents is None else documents)

    @property
    def rules(self) -> list[Rule]:
        """Whoever keeps the lives comes first."""
        lost, *others = self._natives.values()
        return [lost, self._deafness, *self._compiled.values(), *others]

    @property
    def turned(self) -> bool:
        """Whether devices went online or offline and nobody has collected it yet."""
        return self._lost.turned

    @property
    def documents(self) -> Mapping[str, RuleDocument]:
        """Those in force in this lane."""
        return self._documents

    def use(self, documents: Mapping[str, RuleDocument]) -> list[str]:
        """Go on with ``documents``; the names of the rules that are others now. Afterwards call `settle`."""
        mine = {name: document for name, document in documents.items() if not _of_the_alarm_lane(document)}
        changed = [name for name, document in mine.items() if self._documents.get(name) != document]
        compiled: dict[str, CompiledRule] = {}
        for name in sorted(mine, key=_place):
            document = mine[name]
            if isinstance(document.when, NATIVE):
                self._tune(document)
            elif name in changed:
                compiled[name] = CompiledRule(document, self._grounds, self._deafness, self._lost.lives)
            else:
                compiled[name] = self._compiled[name]
        self._compiled, self._documents = compiled, mine
        self._deafness.concerned = [*compiled.values(), self._natives["flapping"]]
        self._wanting_turns = [rule for rule in compiled.values() if rule.wants_turns]
        return changed

    def settle(self, engine: Engine, now: datetime) -> None:
        """Let ``engine`` go on with `rules`."""
        engine.use(self.rules, now)

    def stand_on(self, grounds: Grounds) -> None:
        """Go by other places, bells, another calendar; before `Engine.enrol`."""
        self._grounds = grounds
        for rule in self._compiled.values():
            rule.use(grounds)

    def _tune(self, document: RuleDocument) -> None:
        rule = self._natives.get(document.name)
        category, severity = Category(document.header.category), Severity(document.header.severity)
        if rule is None:
            self._lost.outages.gravity[document.name] = category, severity
        else:
            rule.category, rule.severity = category, severity
        match document.when:
            case HeartbeatsMissed(heartbeats_missed=many):
                self._lost.wait_for(many)
            case ClockOffBy() as bounds:
                assert isinstance(rule, ClockOff)
                rule.raise_s, rule.clear_s = bounds.clock_off_by, bounds.clear
            case Chattering() as times:
                assert isinstance(rule, ChatteringDevice | ChatteringSite)
                rule.clear_after_s, rule.tell_again_s = times.clear_after, times.tell_again
            case SiteSilent() as silence:
                self._lost.outages.hold_s = silence.site_silent_for
                self._lost.doubt = Doubt(wait_s=silence.doubt_at_most, least=silence.least_devices)
            case AreaSilent() as silence:
                self._lost.outages.area_window_s = silence.sites_silent_within
                self._lost.outages.tell_again_s = silence.tell_again
            case ComesAndGoes() as times:
                assert isinstance(rule, Flapping)
                rule.tune(
                    Tolerance(
                        too_often=tuple((one.times, one.within) for one in times.comes_and_goes),
                        silences=times.silences,
                        silence_intervals=times.silence_intervals,
                        calm_s=times.calm,
                        tell_again_s=times.tell_again,
                    )
                )
            case _:
                raise TypeError(f"{document.name} is not tuned")

    def _turned(self, device_no: int) -> None:
        for rule in self._wanting_turns:
            rule.turned(device_no)


def alarm_documents(documents: Iterable[RuleDocument]) -> list[RuleDocument]:
    """Those that the alarm lane decides by."""
    return [document for document in documents if _of_the_alarm_lane(document)]


def _of_the_alarm_lane(document: RuleDocument) -> bool:
    return any(isinstance(leaf, AlarmReported) for leaf in leaves_of(document.when))


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name), name) if name in ORDER else (len(ORDER), name)
