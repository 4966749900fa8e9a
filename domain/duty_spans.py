"""The roster over a time: who is on duty from when to when, after swaps and overrides, and when nobody is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import msgspec

from domain.duty import DutyRequirement, DutyRole, Source
from domain.roster import Gap, Roster


class DutySpan(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is on duty without a break, and because of what."""

    role: DutyRole
    person_id: str
    name: str
    source: Source
    starts_at: datetime
    ends_at: datetime


def spans(roster: Roster, site_id: str, role: DutyRole, since: datetime, until: datetime) -> list[DutySpan]:
    """By beginning; cut to [``since``, ``until``)."""
    marks = sorted({since, until, *(at for at in roster.edges(site_id, role, since, until) if since < at < until)})
    found: list[DutySpan] = []
    running: dict[tuple[str, Source], int] = {}
    for begin, end in pairwise(marks):
        here: dict[tuple[str, Source], int] = {}
        for one in roster.who(begin, site_id, role):
            key = (one.person.person_id, one.source)
            place = running.get(key)
            if place is None:
                place = len(found)
                found.append(
                    DutySpan(
                        role=role,
                        person_id=one.person.person_id,
                        name=one.person.name,
                        source=one.source,
                        starts_at=begin,
                        ends_at=end,
                    )
                )
            else:
                found[place] = msgspec.structs.replace(found[place], ends_at=end)
            here[key] = place
        running = here
    return found


def gaps(
    roster: Roster,
    site_id: str,
    role: DutyRole,
    since: datetime,
    until: datetime,
    required: Iterable[DutyRequirement],
) -> list[Gap]:
    """When nobody is on duty who should be; where nothing says who should, always."""
    here = [one for one in required if (one.site_id, one.role) == (site_id, role)]
    return roster.gaps(site_id, role, since, until, here)
