"""How an escalation goes on. Pure: plan, roster, people and time come in as arguments.

::

    step 0 ──after_s──► step 1 ──► … ──► last step ──repeat_s──► step 0 of the next round ──► … ──► nobody answered
       └─ nobody there, or nobody who can be reached, or «I can't» ─► the next step at once
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from msgspec.structs import replace

from domain.duty import BUREAU, Contact, DutyRole, Person
from domain.finding import Category
from domain.response import GradePlan, Step
from domain.roster import Roster
from storage.responses import Response, ResponseState

#: After so many failed tries a way counts as one on which nobody is reached, though it is tried on.
TRIES = 3


def step_key(response: Response) -> str:
    """Names the step that ``response`` does next: ``run/round/step``."""
    return f"{response.run}/{response.round}/{response.step}"


def send_id(incident_id: UUID, key: str, person: Person, contact: Contact | None) -> UUID:
    """Of what is sent to one person in one step over one way: the same in every process and at every try."""
    return uuid5(incident_id, f"step|{key}|{person.person_id}|{contact.contact_no if contact else 'shift'}")


def again_id(incident_id: UUID, key: str, way: str) -> UUID:
    """Of what is sent in a step to whoever had taken the incident before, over one of the ways to him."""
    return uuid5(incident_id, f"step|{key}|again|{way}")


def addressees(
    step: Step,
    *,
    roster: Roster,
    named: Mapping[str, Person],
    site_id: str,
    sites: Iterable[str],
    at: datetime,
    category: Category,
    officers: Sequence[Person] = (),
) -> list[Person]:
    """Whom the step is for, each once. ``named``: people by id; ``sites``: all of them; ``officers``: the site's safety
    officers.
    """
    found: dict[str, Person] = {}
    for whom in step.whom:
        if whom.categories and category not in whom.categories:
            continue
        if whom.safety_officers:
            people = list(officers)
        elif whom.person_id:
            people = [named[whom.person_id]] if whom.person_id in named else []
        else:
            role = whom.role or DutyRole.LEADER
            places = {"site": (site_id,), "bureau": (BUREAU,)}.get(whom.where) or tuple(sorted(sites))
            people = [
                one.person
                for place in places
                # What happens at no site is for the bureau.
                if place or whom.where == "bureau"
                for one in roster.who(at, place, role)
            ]
        for person in people:
            found.setdefault(person.person_id, person)
    return list(found.values())


def ways(person: Person, step: Step) -> Sequence[Contact | None]:
    """The ways over which ``step`` tells somebody; None stands for those that his shift or the registry names."""
    if person.brings_own_ways:
        return (None,)
    return [contact for contact in person.contacts if not step.channels or contact.channel in step.channels]


def reaches(person: Person, step: Step) -> bool:
    """Whether there is a way that did not fail its last test. Who has no such way is told all the same, where there is
    any; but nobody waits for him.
    """
    return any(way is None or way.test_ok is not False for way in ways(person, step))


def advanced(response: Response, plan: GradePlan, *, now: datetime, reached: bool) -> Response:
    """``response`` after its step was done; the next one waits only for people who were ``reached``."""
    following = response.step + 1
    if following < len(plan.steps):
        wait_s = plan.steps[following].after_s - plan.steps[response.step].after_s if reached else 0.0
        return replace(response, step=following, next_at=now + timedelta(seconds=wait_s))
    return replace(response, step=0, round=response.round + 1, next_at=now + timedelta(seconds=plan.repeat_s))


def used_up(response: Response, plan: GradePlan) -> bool:
    """Whether all rounds were gone through."""
    return not plan.steps or response.round >= plan.rounds


def taken_until(response: Response, plan: GradePlan, *, heard: datetime | None) -> datetime | None:
    """Until when the incident counts as taken, with the last word ``heard`` of anybody; None = for good."""
    if not plan.taken_for_s or response.taken_at is None:
        return None
    return max(response.taken_at, heard or response.taken_at) + timedelta(seconds=plan.taken_for_s)


def anew(response: Response, *, now: datetime) -> Response:
    """From the first step on, as if nobody had been told."""
    return replace(
        response,
        run=response.run + 1,
        state=ResponseState.RUNNING,
        step=0,
        round=0,
        began_at=now,
        next_at=now,
        taken_by=None,
        taken_at=None,
        taken_before=None,
    )
