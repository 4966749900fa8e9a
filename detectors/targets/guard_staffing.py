"""Target 1: full-time guards (专职保安员配备). As many as enrolment and boarding ask for, each of whom counts.

A guard counts who serves now, full time, with a valid certificate (保安员证), was at most 50 when first hired and is at
most 60 now, both in whole years (周岁): sixty holds until the day before the sixty-first birthday. One who does not
count is a cause only where too few are left.

Figures: press summaries of GB/T 29315-2022; the law's text decides, so all of them are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec

from detectors.targets.measure import Measure, Parameters
from detectors.targets.moment import Moment, birthday
from domain.guard import Guard
from domain.site_facts import FactKind, SiteFacts
from domain.target import Evidence

_Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]
_Pupils = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
_Age = Annotated[int, msgspec.Meta(ge=18, le=99)]
_Minutes = Annotated[int, msgspec.Meta(ge=0, le=1440)]
_DAY = timedelta(days=1)


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From ``pupils`` on a site needs ``guards``."""

    pupils: _Pupils
    guards: _Count


class GuardStaffing(Parameters, frozen=True, kw_only=True):
    """``further_pupils`` beyond the last step need ``further_guards`` each time. ``boarding_guards`` come on top of it
    where anybody boards. Whoever is on shift has to have checked in ``check_in_minutes`` after it began, and may do so
    ``early_minutes`` before; ``check_in`` false = shifts are not looked at.
    """

    steps: tuple[Step, ...] = (
        Step(pupils=0, guards=1),
        Step(pupils=100, guards=2),
        Step(pupils=1000, guards=3),
    )
    further_pupils: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    further_guards: _Count = 1
    boarding_guards: _Count = 1
    hired_age: _Age = 50
    serving_age: _Age = 60
    check_in: bool = True
    check_in_minutes: _Minutes = 15
    early_minutes: _Minutes = 90

    def faults(self) -> list[str]:
        pupils = [step.pupils for step in self.steps]
        guards = [step.guards for step in self.steps]
        found = []
        if not pupils or pupils[0] != 0:
            found.append("steps: the first one has to begin at 0 pupils")
        if pupils != sorted(set(pupils)):
            found.append("steps: each has to begin at more pupils than the one before")
        if guards != sorted(guards):
            found.append("steps: more pupils cannot need fewer guards")
        if self.hired_age > self.serving_age:
            found.append("hired_age: nobody can be hired at an age at which nobody may serve (serving_age)")
        return found

    def required(self, pupils: int, boarders: int) -> int:
        steps = [step for step in self.steps if step.pupils <= pupils]
        needed = steps[-1].guards
        if len(steps) == len(self.steps):
            needed += (pupils - steps[-1].pupils) // self.further_pupils * self.further_guards
        return needed + (self.boarding_guards if boarders else 0)


class _Fault(NamedTuple):
    """``since`` None = it was never otherwise; ``until`` None = it does not end by itself."""

    what: str
    since: datetime | None
    until: datetime | None = None


class _Standing(NamedTuple):
    guard: Guard
    faults: tuple[_Fault, ...]
    until: datetime | None  # when this changes by itself


def look(facts: SiteFacts, figures: GuardStaffing, moment: Moment) -> list[Evidence]:
    standings = [_standing(guard, figures, moment) for guard in facts.guards]
    counted = sum(not one.faults for one in standings)
    if facts.pupils is None:
        yours = Evidence(
            requirement="enrolment", subject=facts.site_id, met=False, known=False, detail={"counted": counted}
        )
        return [yours, *(_guard(one, enough=True) for one in standings)]
    required = figures.required(facts.pupils, facts.boarders)
    enough = counted >= required
    staffing = Evidence(
        requirement="staffing",
        subject=facts.site_id,
        met=enough,
        since=None if enough else _since(standings),
        until=min((one.until for one in standings if one.until is not None), default=None),
        detail={"required": required, "counted": counted, "pupils": facts.pupils, "boarders": facts.boarders},
    )
    on_shift = list(_on_shift(facts, figures, moment)) if figures.check_in else []
    return [staffing, *(_guard(one, enough=enough) for one in standings), *on_shift]


def _guard(one: _Standing, *, enough: bool) -> Evidence:
    counts = not one.faults
    return Evidence(
        requirement="guard",
        subject=one.guard.guard_id,
        met=counts or enough,
        since=max((fault.since for fault in one.faults if fault.since is not None), default=None),
        until=one.until,
        detail={"name": one.guard.name, "counts": counts, "faults": [fault.what for fault in one.faults]},
    )


def _since(standings: list[_Standing]) -> datetime | None:
    """When too few were left: the last of their faults began then, as far as it is known."""
    return max((f.since for one in standings for f in one.faults if f.since is not None), default=None)


def _standing(guard: Guard, figures: GuardStaffing, moment: Moment) -> _Standing:
    faults = tuple(_faults(guard, figures, moment))
    changes = [fault.until for fault in faults if fault.until is not None]
    changes += [end for end in _ends(guard, figures, moment) if end > moment.at]
    return _Standing(guard, faults, min(changes, default=None))


def _ends(guard: Guard, figures: GuardStaffing, moment: Moment) -> Iterator[datetime]:
    """When what holds now will not hold any more."""
    if guard.certificate_until is not None:
        yield _after(guard.certificate_until, moment)
    if guard.serves_until is not None:
        yield _after(guard.serves_until, moment)
    yield moment.begin(birthday(guard.born_on, figures.serving_age + 1))


def _after(day: date, moment: Moment) -> datetime:
    """The first moment after a day that still counts."""
    return moment.begin(day + _DAY)


def _faults(guard: Guard, figures: GuardStaffing, moment: Moment) -> Iterator[_Fault]:
    today = moment.today
    if today < guard.serves_from:
        yield _Fault("not_serving_yet", None, moment.begin(guard.serves_from))
    if guard.serves_until is not None and today > guard.serves_until:
        yield _Fault("left", _after(guard.serves_until, moment))
    if not guard.full_time:
        yield _Fault("not_full_time", None)
    if not guard.certificate_no:
        yield _Fault("no_certificate", None)
    elif guard.certificate_from is not None and today < guard.certificate_from:
        yield _Fault("certificate_not_valid_yet", None, moment.begin(guard.certificate_from))
    elif guard.certificate_until is not None and today > guard.certificate_until:
        yield _Fault("certificate_expired", _after(guard.certificate_until, moment))
    if guard.first_hired_on >= birthday(guard.born_on, figures.hired_age + 1):
        yield _Fault("hired_too_old", None)
    too_old_on = birthday(guard.born_on, figures.serving_age + 1)
    if today >= too_old_on:
        yield _Fault("too_old", moment.begin(too_old_on))


def _on_shift(facts: SiteFacts, figures: GuardStaffing, moment: Moment) -> Iterator[Evidence]:
    """Where shifts are kept: of those who are on shift somebody has checked in. Between two shifts nothing is asked."""
    early, grace = timedelta(minutes=figures.early_minutes), timedelta(minutes=figures.check_in_minutes)
    coming = min((shift.starts_at for shift in facts.shifts if shift.starts_at > moment.at), default=None)
    running = [shift for shift in facts.shifts if shift.starts_at <= moment.at < shift.ends_at]
    if not running:
        if coming is not None:
            yield Evidence(requirement="check_in", subject=facts.site_id, met=True, until=coming)
        return
    ends = min(shift.ends_at for shift in running)
    until = ends if coming is None else min(ends, coming)
    for shift in running:
        seen = facts.check_ins.get(shift.guard_id)
        if seen is not None and shift.starts_at - early <= seen.at:
            yield Evidence(
                requirement="check_in",
                subject=shift.guard_id,
                met=True,
                since=seen.at,
                until=until,
                detail={"source": seen.source, "checked_in_at": seen.at.isoformat()},
            )
            return
    due = min(shift.starts_at for shift in running) + grace
    met = moment.at < due
    yield Evidence(
        requirement="check_in",
        subject=",".join(sorted(shift.guard_id for shift in running)),
        met=met,
        since=None if met else due,
        until=min(due, until) if met else until,
        detail={"due_at": due.isoformat()},
    )


GUARD_STAFFING = Measure(GuardStaffing, frozenset({FactKind.PEOPLE, FactKind.SITE}), look)
