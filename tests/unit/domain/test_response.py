from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from domain.delivery import DeliveryChannel
from domain.duty import DutyRole
from domain.errors import ResponsePlanError
from domain.finding import Category, Severity
from domain.response import USUAL, CheckItem, Grade, GradeCase, GradePlan, ResponsePlan, Step, Whom, checked
from storage.responses import plan_of

LEADER = Whom(role=DutyRole.LEADER)


def _grade(
    rule: str = "intrusion_alarm",
    *,
    category: Category = Category.INTRUSION,
    severity: Severity = Severity.MAJOR,
    life_safety: bool = False,
    site_id: str = "s001",
    plan: ResponsePlan = USUAL,
) -> Grade:
    return plan.grade_of(rule=rule, category=category, severity=severity, life_safety=life_safety, site_id=site_id)


def test_the_usual_plan_can_be_carried_out_and_survives_the_database() -> None:
    assert checked(USUAL) is USUAL
    assert plan_of(msgspec.json.decode(msgspec.json.encode(USUAL))) == USUAL


def test_the_usual_grades() -> None:
    critical = Severity.CRITICAL
    assert _grade("duress_alarm", category=Category.PANIC, severity=critical, life_safety=True) is Grade.I
    assert _grade("one_key_alarm", category=Category.PANIC, severity=critical, life_safety=True) is Grade.II
    assert _grade("doubtful_alarm", category=Category.SYSTEM, severity=critical) is Grade.II
    assert _grade() is Grade.III
    assert _grade("low_battery", category=Category.DEVICE, severity=Severity.MINOR) is Grade.IV


def test_the_first_case_that_fits_gives_the_grade() -> None:
    plan = replace(
        USUAL,
        cases=(
            GradeCase(grade=Grade.I, sites=("s002",), categories=(Category.INTRUSION,)),
            GradeCase(grade=Grade.II, rules=("intrusion_alarm",), life_safety=False),
            GradeCase(grade=Grade.III),
        ),
    )
    assert _grade(plan=plan, site_id="s002") is Grade.I
    assert _grade(plan=plan) is Grade.II
    assert _grade("tamper", category=Category.DEVICE, plan=plan) is Grade.III


@pytest.mark.parametrize(
    ("grade", "fault"),
    [
        (GradePlan(steps=(Step(whom=(LEADER,)), Step(after_s=9, whom=(LEADER,)))), "at least 10 s after"),
        (GradePlan(steps=(Step(whom=()),)), "nobody is named"),
        (GradePlan(steps=(Step(whom=(Whom(),)),)), "expected a role, a person or safety"),
        (
            GradePlan(steps=(Step(whom=(Whom(role=DutyRole.LEADER, person_id="p1"),)),)),
            "expected a role, a person or safety",
        ),
        (GradePlan(steps=(Step(whom=(Whom(role=DutyRole.LEADER, where="town"),)),)), "site, bureau, all_sites"),
        (GradePlan(steps=(Step(whom=(LEADER,), channels=(DeliveryChannel.WEBHOOK,)),)), "webhook is for links"),
        (GradePlan(checklist=(CheckItem(item="a", zh="甲", en="A"),) * 2), "'a' is there twice"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_says_why(grade: GradePlan, fault: str) -> None:
    with pytest.raises(ResponsePlanError, match=fault):
        checked(replace(USUAL, grades={**USUAL.grades, 2: grade}))


def test_a_plan_names_all_four_grades() -> None:
    with pytest.raises(ResponsePlanError, match="expected 1, 2, 3 and 4"):
        checked(replace(USUAL, grades={1: GradePlan()}))


@pytest.mark.parametrize("document", [{}, [], {"cases": [], "grades": {}, "typo": 1}, {"cases": 1, "grades": {}}])
def test_what_is_no_plan_is_refused_with_its_place(document: object) -> None:
    with pytest.raises(ResponsePlanError):
        plan_of(document)
