"""The audit of the roster: when nobody is on duty, who cannot be reached, whose contact failed its test. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from domain.duty import DutyRequirement, DutyRole, Person
from domain.roster import Roster


class RosterFaultKind(StrEnum):
    GAP = "gap"  # nobody is on duty
    NO_CONTACT = "no_contact"  # somebody on the roster cannot be told anything
    TEST_FAILED = "test_failed"  # a way to him failed its last test


class RosterFault(msgspec.Struct, frozen=True, kw_only=True):
    """``site_id`` is "" for the bureau. ``zh`` and ``en`` say it to people."""

    kind: RosterFaultKind
    site_id: str
    role: DutyRole | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    person: str = ""
    contact_no: int | None = None
    zh: str
    en: str


ROLE_WORDS = {DutyRole.LEADER: ("带班领导", "leader"), DutyRole.OFFICER: ("值班员", "officer")}


def audited(
    roster: Roster,
    kept: Iterable[tuple[str, DutyRole]],
    required: Sequence[DutyRequirement],
    *,
    starts_at: datetime,
    ends_at: datetime,
) -> list[RosterFault]:
    """What is wrong between the two times with the rosters that are ``kept`` (site and role)."""
    faults: list[RosterFault] = []
    for site_id, role, part in roster.parts(kept):
        wanted = [one for one in required if (one.site_id, one.role) == (site_id, role)]
        for gap in part.gaps(site_id, role, starts_at, ends_at, wanted):
            faults.append(_gap(site_id, role, gap.starts_at, gap.ends_at, roster.zone))
    for person in sorted(_listed(roster, starts_at, ends_at), key=lambda one: one.person_id):
        faults.extend(_of_person(person))
    return faults


def _listed(roster: Roster, starts_at: datetime, ends_at: datetime) -> list[Person]:
    """Everybody who may come on duty in that time."""
    numbers = {
        *(s.person_no for s in roster.shifts if s.starts_at < ends_at and s.ends_at > starts_at),
        *(o.person_no for o in roster.overrides if o.starts_at < ends_at and o.ends_at > starts_at),
        *(p.person_no for p in roster.patterns if p.last_day >= starts_at.astimezone(roster.zone).date()),
    }
    return [roster.people[number] for number in numbers if number is not None and number in roster.people]


def _gap(site_id: str, role: DutyRole, starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> RosterFault:
    since, until = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (starts_at, ends_at))
    zh, en = ROLE_WORDS[role]
    return RosterFault(
        kind=RosterFaultKind.GAP,
        site_id=site_id,
        role=role,
        starts_at=starts_at,
        ends_at=ends_at,
        zh=f"{since} 至 {until} 无{zh}",
        en=f"no {en} on duty from {since} to {until}",
    )


def _of_person(person: Person) -> list[RosterFault]:
    if not person.contacts:
        return [
            RosterFault(
                kind=RosterFaultKind.NO_CONTACT,
                site_id=person.site_id,
                person=person.name,
                zh=f"{person.name} 没有联系方式",
                en=f"{person.name} has no contact",
            )
        ]
    return [
        RosterFault(
            kind=RosterFaultKind.TEST_FAILED,
            site_id=person.site_id,
            person=person.name,
            contact_no=contact.contact_no,
            zh=f"{person.name} 的联系方式（{contact.channel.value}）测试未通过",
            en=f"a contact of {person.name} ({contact.channel.value}) failed its test",
        )
        for contact in person.contacts
        if contact.test_ok is False
    ]
