"""From a well-formed scenario to a `Script`: times become exact, names are looked up in the district, and what could
not happen there is said now instead of in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.early_warning import WarningLevel
from simulators.addressees import FOR_ALL, Addressees
from simulators.errors import OrderRefused
from simulators.far_ends import LinkName, Mode, Person
from simulators.interventions import Interventions
from simulators.scenarios import format as form
from simulators.scenarios import script as made
from simulators.scenarios.happening import HappeningKind
from simulators.scenarios.orders import order_of
from simulators.scenarios.places import Places, Way
from simulators.scenarios.problems import Problem, way_text
from simulators.scenarios.source import Node
from simulators.scenarios.times import (
    After,
    Instant,
    Moment,
    TimeOfDay,
    clock,
    midnight_s,
    minute_clock,
    next_time_s,
    short_clock,
)

#: A duty without an end goes on after the scenario: no gap is near.
_BEYOND_S = 30 * 86_400.0


def compiled(
    name: str, header: form.Header, steps: Sequence[form.Step | None], root: Node, file: str
) -> tuple[made.Script, list[Problem]]:
    """The script, which is one only where there are no problems. None stands for a step that is not well-formed."""
    work = _Compiler(header, root, file)
    for number, step in enumerate(steps):
        if step is None:
            work.pass_over()
        else:
            work.take(step, ("steps", number))
    work.end()
    script = made.Script(
        name=name,
        title=made.Words(header.title.zh, header.title.en),
        about=made.Words(header.about.zh, header.about.en),
        seed=header.seed,
        start_s=header.start,
        ends_s=header.start + header.lasts,
        district=work.district,
        supervised=header.supervised,
        tested_s=header.tested,
        limits=header.limits.model_dump(exclude_none=True),
        steps=tuple(sorted(work.steps, key=lambda step: step.at_s)),
        wants=tuple(work.wants),
        quiets=tuple(work.quiets),
    )
    return script, work.problems


class _Compiler:
    """Takes one step after the other. ``now``: of the last step; ``since``: of the last action, with its line."""

    def __init__(self, header: form.Header, root: Node, file: str) -> None:
        self._root = root
        self._file = file
        self.problems: list[Problem] = []
        self.steps: list[made.Step] = []
        self.wants: list[made.Want] = []
        self.quiets: list[made.Quiet] = []
        self._start_s, self._ends_s = header.start, header.start + header.lasts
        self._now_s, self._now_line = self._start_s, root.line_of(("start",))
        self._acted = False
        self._away: Way = ()
        if not 0 < header.lasts <= form.LONGEST_S:
            self._wrong(("lasts",), "expected longer than nothing and at most 31d")
        if header.tested > form.LONGEST_TESTED_S:
            self._wrong(("tested",), "expected at most 400d")
        self._places = Places(header, self._wrong)
        self.district = self._places.district
        self._addressees = Addressees(self.district.devices, self.district.sites)
        self._interventions = Interventions(self.district.devices, self.district.sites)

    def take(self, step: form.Step, way: Way) -> None:
        [named] = step.model_fields_set - {"at"}
        way = (*way, named)
        said = getattr(step, named)
        if isinstance(said, form.Want):
            self._want(said, way)
        elif isinstance(said, form.Quiet):
            self._quiet(said, way)
        else:
            self._acted = True
            at_s = self._at(step.at, (*way[:-1], "at"))
            if at_s is None:
                return
            self._now_s, self._now_line = at_s, self._line(way)
            self._act(named, said, way)

    def pass_over(self) -> None:
        """A step that is not well-formed: it may be the action that a want is counted from."""
        self._acted = True

    def end(self) -> None:
        if self._away:
            self._wrong(self._away, "expected `database: back` later on; it never comes back")

    # -- actions ------------------------------------------------------------------------------------------------------

    def _act(self, named: str, said: object, way: Way) -> None:
        match said:
            case form.Target():
                self._order(named, said, way)
            case form.Link():
                self._link(said, way)
            case form.Guard() | form.Barrier() | form.Post() | form.Enrolment():
                self._change_registry(said, way)
            case form.Operate():
                site, device = self._places.find(said.site, said.device, way)
                action = made.OperatorAction(named)
                self._add(
                    way,
                    made.OperatorAct(
                        action=action,
                        rule=said.incident,
                        site=site,
                        device=device,
                        actor=said.actor,
                        note=said.note,
                    ),
                )
            case form.Maintenance():
                site, device = self._places.find(said.site, said.device, way)
                act = made.MaintenanceAct(
                    site=site,
                    device=device,
                    rule=said.rule or "",
                    kind=said.kind or "",
                    seconds=said.lasts,
                    reason=said.reason,
                    actor=said.actor,
                )
                self._add(way, act)
            case form.Reporting():
                act_ = made.ReportAct(rule=said.incident, does=made.ReportStep(said.does), actor=said.actor)
                self._add(way, act_)
            case form.Issue():
                self._add(way, made.WarnAct(level=WarningLevel(said.level), seconds=said.lasts))
            case str() if named == "read":
                site, _ = self._places.find(said, None, way)
                self._add(way, made.ReadAct(site=site))
            case form.Shelve():
                site, device = self._places.find(said.site, said.device, way)
                self._add(
                    way,
                    made.ShelveAct(
                        rule=said.incident,
                        site=site,
                        device=device,
                        seconds=said.lasts,
                        reason=said.reason,
                        actor=said.actor,
                    ),
                )
            case form.Roster():
                self._roster(said, way)
            case form.Swap():
                self._add(way, made.SwapAct(first=said.first, second=said.second))
            case form.StandIn():
                site, _ = self._places.find(said.site, None, way)
                stand_in = made.StandInAct(
                    person=said.person,
                    instead_of=said.instead_of,
                    seconds=said.lasts,
                    role=said.role,
                    site=site,
                )
                self._add(way, stand_in)
            case form.AnswerLink():
                site, device = self._places.find(said.site, said.device, way)
                answer = made.AnswerAct(take=named == "take", rule=said.incident, site=site, device=device, by=said.by)
                self._add(way, answer)
            case str() if named in ("enable", "disable"):
                op = made.RegistryOp.ENABLED if named == "enable" else made.RegistryOp.DISABLED
                self._add(way, made.RegistryAct(op=op, subject=said))
            case "away" | "back" if named == "database":
                self._database(said == "away", way)
            case str() if named == "restart":
                self._add(way, made.RestartAct(process=made.Process(said)))
            case _:
                self._add(way, made.DutyAct(present=said == "leader"))

    def _order(self, named: str, said: form.Target, way: Way) -> None:
        township = said.township if isinstance(said, form.Cut) else None
        if township and (said.site or said.device):
            self._wrong(way, "expected a township, or a site or a device, not both")
            return
        before = len(self.problems)
        site, device = self._places.find(said.site, said.device, way)
        if len(self.problems) > before:
            return
        order = order_of(named, said, site="" if township else site or self.district.sites[0].site_id, device=device)
        try:
            chosen = self._addressees.chosen(order)
            if not device and order.op not in FOR_ALL:
                order = msgspec.structs.replace(order, device=self.district.devices[chosen[0]].device_id)
            self._interventions.apply(order, self._now_s)
        except OrderRefused as error:
            part = ("township",) if township else ("device",) if said.device else ()
            more = self._places.sites_for(township) if township else ""
            self._wrong((*way, *part), f"{error}{more}")
            return
        self._add(way, order)

    def _change_registry(self, said: form.Guard | form.Barrier | form.Post | form.Enrolment, way: Way) -> None:
        site, _ = self._places.find(said.site, None, way)
        site = site or self.district.sites[0].site_id
        match said:
            case form.Guard():
                op, word, named, there = said.act, "guard", said.guard, self._places.guards(site)
            case form.Barrier():
                op, word, named, there = said.act, "barrier", said.barrier, self._places.barriers(site)
            case form.Post():
                op, word, named, there = _post_op(said), "post", said.post, self._places.posts(site)
            case form.Enrolment():
                if said.boarders > said.pupils:
                    self._wrong((*way, "boarders"), f"expected at most {said.pupils}, which are all of them")
                enrolled = made.RegistryOp.ENROLLED
                self._add(way, made.RegistryAct(op=enrolled, site=site, count=said.pupils, boarders=said.boarders))
                return
        if named is not None and named not in there:
            self._wrong((*way, word), f"no {word} {named!r} at {site}; there are {', '.join(there)}")
        elif there:
            present = (said.present or 0) if isinstance(said, form.Post) else 0
            subject = there[0] if named is None else named
            self._add(way, made.RegistryAct(op=made.RegistryOp(op), site=site, subject=subject, count=present))

    def _roster(self, said: form.Roster, way: Way) -> None:
        people: list[made.OnRoster] = []
        for number, one in enumerate(said.people):
            place = (*way, "people", number)
            site, _ = self._places.find(one.site, None, place)
            since_s = self._limit(one.since, (*place, "from"), self._now_s)
            until_s = self._limit(one.until, (*place, "until"), self._ends_s + _BEYOND_S)
            if since_s is None or until_s is None:
                continue
            if since_s >= until_s:
                self._wrong((*place, "until"), f"expected after from ({short_clock(since_s)})")
            people.append(
                made.OnRoster(
                    person=one.person,
                    role=one.role,
                    site=site,
                    days=tuple(one.days),
                    starts_s=since_s,
                    ends_s=until_s,
                    reachable=one.reachable,
                )
            )
        self._add(way, made.RosterAct(people=tuple(people)))

    def _link(self, said: form.Link, way: Way) -> None:
        link, mode = LinkName(said.link), Mode(said.mode)
        if link is LinkName.PHONE and mode is Mode.WRONG_RECEIPT:
            self._wrong((*way, "mode"), "a telephone answers no receipt; expected another mode")
        if "seconds" in said.model_fields_set and mode not in (Mode.SLOW, Mode.HANG):
            self._wrong((*way, "seconds"), "expected only with slow and hang, which take so long")
        person = Person(said.person)
        if link is LinkName.PHONE and person is not Person.SILENT:
            self._wrong((*way, "person"), "a telephone has no such person; acknowledge is what a leader does")
        self._add(
            way,
            made.LinkAct(link=link, mode=mode, seconds=said.seconds, person=person, person_after_s=said.person_after),
        )
        if said.lasts is None:
            return
        well_s = self._now_s + said.lasts
        if mode is Mode.OK:
            self._wrong((*way, "for"), "expected only with a mode that is not ok")
        elif well_s > self._ends_s:
            self._wrong((*way, "for"), f"expected to be over inside the scenario, which ends at {self._shown_end()}")
        else:
            act = made.LinkAct(link=link, mode=Mode.OK, person=person, person_after_s=said.person_after)
            self.steps.append(made.Step(at_s=well_s, line=self._line(way), act=act))

    def _database(self, away: bool, way: Way) -> None:
        if away is bool(self._away):
            self._wrong(way, f"expected {'back' if away else 'away'}; it is {'away' if away else 'there'} already")
        self._away = way if away else ()
        self._add(way, made.DatabaseAct(away=away))

    def _add(self, way: Way, act: made.Act) -> None:
        self.steps.append(made.Step(at_s=self._now_s, line=self._line(way), act=act))

    # -- what is wanted -----------------------------------------------------------------------------------------------

    def _want(self, said: form.Want, way: Way) -> None:
        if not self._acted:
            self._wrong(way, "expected an action before it; a want is counted from the last one")
            return
        since_s = self._limit(said.not_before, (*way, "not_before"), self._now_s)
        by_s = self._limit(said.by, (*way, "by"), self._ends_s)
        site, device = self._places.find(said.site, said.device, way)
        if since_s is None or by_s is None:
            return
        if since_s > by_s:
            self._wrong((*way, "not_before"), f"expected not after by ({short_clock(by_s)})")
            return
        kind = next(kind for kind in HappeningKind if getattr(said, kind.value) is not None)
        self.wants.append(
            made.Want(
                kind=kind,
                what=getattr(said, kind.value),
                of=said.of or "",
                site=site,
                device=device,
                severity=said.severity or "",
                standing=said.standing or "",
                cause=said.cause or "",
                proof=said.proof or {},
                to=said.to or "",
                test=said.test,
                drill=said.drill,
                times=said.times,
                since_s=since_s,
                by_s=by_s,
                line=self._line(way),
            )
        )

    def _quiet(self, said: form.Quiet, way: Way) -> None:
        until_s = self._limit(said.until, (*way, "until"), self._ends_s)
        site, _ = self._places.find(said.site, None, way)
        if until_s is None:
            return
        self.quiets.append(
            made.Quiet(
                since_s=self._now_s,
                until_s=until_s,
                site=site,
                only=frozenset(said.only),
                but=frozenset(said.but),
                line=self._line(way),
            )
        )

    # -- times --------------------------------------------------------------------------------------------------------

    def _at(self, moment: Moment | None, way: Way) -> float | None:
        if moment is None:
            return self._now_s
        return self._resolved(moment, way, f"line {self._now_line}'s {minute_clock(self._now_s)}; times never go back")

    def _limit(self, moment: Moment | None, way: Way, default_s: float) -> float | None:
        if moment is None:
            return default_s
        named = f"its action (line {self._now_line})" if self._acted else "the beginning"
        return self._resolved(moment, way, f"{named} at {minute_clock(self._now_s)}")

    def _resolved(self, moment: Moment, way: Way, earlier_than: str) -> float | None:
        """Seconds since 1970; None, and a problem, where that is before what it follows or outside the scenario."""
        match moment:
            case After(seconds):
                at_s = self._now_s + seconds
            case Instant(at_s):
                pass
            case TimeOfDay():
                at_s = next_time_s(moment, self._now_s)
        if at_s < self._now_s:
            self._wrong(way, f"{self._shown(at_s)} is before {earlier_than}")
        elif at_s <= self._ends_s:
            return at_s
        elif isinstance(moment, TimeOfDay) and next_time_s(moment, self._start_s) <= self._ends_s:
            self._wrong(way, f"{minute_clock(at_s)} is before {earlier_than}")
        elif isinstance(moment, TimeOfDay) and midnight_s(at_s) > midnight_s(self._ends_s):
            meant, end = (minute_clock(seconds, day=True) for seconds in (at_s, self._ends_s))
            self._wrong(
                way, f"{minute_clock(at_s)} is before the beginning, so it means {meant}, after the end ({end})"
            )
        else:
            self._wrong(way, f"expected inside the scenario, which ends at {self._shown_end()}")
        return None

    def _shown(self, at_s: float) -> str:
        return minute_clock(at_s, day=midnight_s(at_s) != midnight_s(self._now_s))

    def _shown_end(self) -> str:
        same_day = clock(self._start_s, day=True)[:10] == clock(self._ends_s, day=True)[:10]
        return short_clock(self._ends_s) if same_day else clock(self._ends_s, day=True).removesuffix(".000")

    def _line(self, way: Way) -> int:
        return self._root.line_of(way)

    def _wrong(self, way: Way, expected: str) -> None:
        self.problems.append(Problem(self._file, self._line(way), way_text(way), expected))


def _post_op(said: form.Post) -> made.RegistryOp:
    if said.reported is None:
        return made.RegistryOp.REPORTED
    return made.RegistryOp.REPORTED_AGAIN if said.reported else made.RegistryOp.UNREPORTED
