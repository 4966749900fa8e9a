"""The graded response (分级响应): which incidents get which grade, and what each grade asks for. Data, in versions.

Grade I is the gravest. A plan is a list of cases, of which the first that fits gives the grade, and a table of grades.
`USUAL` is what holds where a district has made no plan of its own.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from domain.delivery import DeliveryChannel
from domain.duty import DutyRole
from domain.errors import ResponsePlanError
from domain.finding import Category, Severity

MOST_STEPS = 20
#: The soonest that a further step may follow the one before it.
SOONEST_STEP_S = 10.0


class Grade(IntEnum):
    I = 1  # noqa: E741 - that is what it is called
    II = 2
    III = 3
    IV = 4

    @property
    def words(self) -> tuple[str, str]:
        """Chinese and English."""
        return f"{'ⅠⅡⅢⅣ'[self - 1]}级", f"grade {self.name}"


#: Whose roster is asked.
PLACES = ("site", "bureau", "all_sites")


class Whom(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever is on duty in ``role`` at ``where`` (the incident's `site`, the `bureau`, `all_sites`), or a person by
    name of the list, or the ``safety_officers`` (安全干部) whom the registry names for the incident's site. Where
    ``categories`` are named, only of incidents of these.
    """

    role: DutyRole | None = None
    where: str = "site"
    person_id: str = ""
    safety_officers: bool = False
    categories: tuple[Category, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after_s`` counts from the beginning of the round. ``channels``: only these ways to a person, all where it is
    empty.
    """

    after_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    whom: tuple[Whom, ...]
    channels: tuple[DeliveryChannel, ...] = ()


class CheckItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the list that an operator works off."""

    item: str
    zh: str
    en: str


class GradePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a grade asks for.

    Steps are gone through until somebody takes it, again after ``repeat_s``, in ``rounds`` rounds in all. Who has taken
    it and of whom nothing more is heard for ``taken_for_s`` is taken to have left it (0 = never). ``links`` are told
    besides those that life safety tells at once.
    """

    steps: tuple[Step, ...] = ()
    repeat_s: Annotated[float, msgspec.Meta(ge=10, le=86_400)] = 300.0
    rounds: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    taken_for_s: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 0.0
    links: tuple[str, ...] = ()
    checklist: tuple[CheckItem, ...] = ()


class GradeCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is named must be so; what is empty or None may be anything."""

    grade: Grade
    rules: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    severities: tuple[Severity, ...] = ()
    life_safety: bool | None = None
    sites: tuple[str, ...] = ()


class Upgrade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many open incidents of these rules at one site, raised within so long a time, are of at least this grade."""

    grade: Grade
    rules: tuple[str, ...]
    count: Annotated[int, msgspec.Meta(ge=2, le=100)] = 2
    within_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0


class ResponsePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``grades`` holds all four, by their numbers."""

    cases: tuple[GradeCase, ...]
    grades: dict[int, GradePlan]
    upgrades: tuple[Upgrade, ...] = ()

    def grade_of(self, *, rule: str, category: Category, severity: Severity, life_safety: bool, site_id: str) -> Grade:
        """The first case that fits; the lowest grade where none does."""
        for case in self.cases:
            if (
                (not case.rules or rule in case.rules)
                and (not case.categories or category in case.categories)
                and (not case.severities or severity in case.severities)
                and case.life_safety in (None, life_safety)
                and (not case.sites or site_id in case.sites)
            ):
                return case.grade
        return Grade.IV


def checked(plan: ResponsePlan) -> ResponsePlan:
    """``plan``, where it can be carried out.

    :raises ResponsePlanError: lists every fault.
    """
    faults: list[str] = []
    if sorted(plan.grades) != [grade.value for grade in Grade]:
        faults.append("grades: expected 1, 2, 3 and 4")
    for number, grade in sorted(plan.grades.items()):
        faults += [f"grades.{number}.{fault}" for fault in _faults(grade)]
    if faults:
        raise ResponsePlanError("; ".join(faults))
    return plan


def _faults(grade: GradePlan) -> list[str]:
    faults: list[str] = []
    if len(grade.steps) > MOST_STEPS:
        faults.append(f"steps: more than {MOST_STEPS}")
    for number, step in enumerate(grade.steps):
        before = grade.steps[number - 1].after_s if number else 0.0
        if number and step.after_s - before < SOONEST_STEP_S:
            faults.append(f"steps[{number}].after_s: expected at least {SOONEST_STEP_S:g} s after the step before it")
        if not step.whom:
            faults.append(f"steps[{number}].whom: nobody is named")
        for who, whom in enumerate(step.whom):
            if [whom.role is not None, bool(whom.person_id), whom.safety_officers].count(True) != 1:
                faults.append(f"steps[{number}].whom[{who}]: expected a role, a person or safety_officers")
            if whom.safety_officers and whom.where != "site":
                faults.append(f"steps[{number}].whom[{who}].where: safety officers are those of the site")
            if whom.where not in PLACES:
                faults.append(f"steps[{number}].whom[{who}].where: expected one of {', '.join(PLACES)}")
        if DeliveryChannel.WEBHOOK in step.channels:
            faults.append(f"steps[{number}].channels: webhook is for links; expected apprise, people_webhook or voice")
    items = [item.item for item in grade.checklist]
    faults += [f"checklist: {item!r} is there twice" for item in sorted({one for one in items if items.count(one) > 1})]
    return faults


_LEADERS = (
    Whom(role=DutyRole.LEADER, where="site"),
    Whom(role=DutyRole.LEADER, where="bureau"),
)
_OFFICERS = (
    Whom(role=DutyRole.OFFICER, where="site"),
    Whom(role=DutyRole.OFFICER, where="bureau"),
)

#: Who looks after the targets of a school hears at once that it has dropped off from one.
_KEEPER = Whom(safety_officers=True, categories=(Category.COMPLIANCE,))


def _item(item: str, zh: str, en: str) -> CheckItem:
    return CheckItem(item=item, zh=zh, en=en)


_VERIFY = _item("verify", "电话或视频核实现场情况", "Verify by telephone or video")
_CALL_SITE = _item("call-site", "联系学校安全干部", "Call the school's safety officer")
_POLICE = _item("police", "确认公安已收到并出警", "Make sure that the police have it and are on their way")
_EVACUATE = _item("evacuate", "确认师生疏散到安全地点", "Make sure that everybody is in a safe place")
_REPORT = _item("report", "两小时内书面上报", "Report in writing within two hours")
_VIDEO = _item("video", "保存相关视频", "Keep the video")
_REPAIR = _item("repair", "通知维修并跟踪", "Call for repair and follow it up")

USUAL = ResponsePlan(
    cases=(
        GradeCase(grade=Grade.I, rules=("duress_alarm",)),
        GradeCase(grade=Grade.II, life_safety=True),
        GradeCase(grade=Grade.II, severities=(Severity.CRITICAL,)),
        GradeCase(grade=Grade.III, severities=(Severity.MAJOR,)),
    ),
    upgrades=(Upgrade(grade=Grade.I, rules=("one_key_alarm", "duress_alarm"), count=2, within_s=300.0),),
    grades={
        1: GradePlan(
            steps=(
                Step(whom=(*_LEADERS, *_OFFICERS)),
                Step(after_s=60, whom=(*_LEADERS, *_OFFICERS)),
            ),
            repeat_s=180,
            rounds=10,
            taken_for_s=1800,
            checklist=(_VERIFY, _POLICE, _EVACUATE, _CALL_SITE, _VIDEO, _REPORT),
        ),
        2: GradePlan(
            steps=(Step(whom=_LEADERS), Step(after_s=60, whom=_OFFICERS)),
            repeat_s=600,
            rounds=6,
            taken_for_s=3600,
            checklist=(_VERIFY, _POLICE, _CALL_SITE, _EVACUATE, _VIDEO),
        ),
        3: GradePlan(
            steps=(Step(whom=(*_LEADERS, _KEEPER)), Step(after_s=300, whom=_OFFICERS)),
            repeat_s=1800,
            rounds=3,
            checklist=(_VERIFY, _CALL_SITE, _REPAIR),
        ),
        4: GradePlan(
            steps=(Step(whom=(*_OFFICERS, _KEEPER)),),
            repeat_s=3600,
            rounds=1,
            checklist=(_REPAIR,),
        ),
    },
)


# -- what people answer -----------------------------------------------------------------------------------------------


class Answer(StrEnum):
    TAKE = "take"  # 我来处理
    DECLINE = "decline"  # 无法处理


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What the page behind a message's link shows."""

    incident_id: UUID
    name: str
    title: str
    text: str
    language: str
    used_for: str | None
