"""Full-time guards (专职保安员) and the posts that they stand at (护学岗), as far as the targets ask for them."""

from __future__ import annotations

from datetime import date, datetime

import msgspec


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """One guard of one site. ``guard_id`` is unique in the district: ``[A-Za-z0-9-]``, at most 32 characters.

    Dates are the district's. ``certificate_no`` "" = none (保安员证); without ``certificate_until`` it does not expire.
    ``card`` is what the access control at the gate calls this guard by: its use is the check-in. ``serves_until`` None
    = still serving; the day named is the last one.
    """

    guard_id: str
    site_id: str
    name: str
    born_on: date
    first_hired_on: date
    serves_from: date
    serves_until: date | None = None
    full_time: bool = True
    certificate_no: str = ""
    certificate_from: date | None = None
    certificate_until: date | None = None
    company: str = ""
    phone: str = ""
    card: str = ""


class GuardShift(msgspec.Struct, frozen=True, kw_only=True):
    """When a guard has to be at the site (aware UTC)."""

    guard_id: str
    site_id: str
    starts_at: datetime
    ends_at: datetime


class GuardCheckIn(msgspec.Struct, frozen=True, kw_only=True):
    """A guard was seen: the card at the gate, a patrol checkpoint, or somebody's word (``source``)."""

    guard_id: str
    site_id: str
    at: datetime
    source: str


class GuardPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post at a gate while pupils come or go (护学岗): how many stand there, guards, teachers or police."""

    site_id: str
    post_id: str
    place: str
    required: int
    at_arrival: bool = True
    at_leaving: bool = True


class PostReport(msgspec.Struct, frozen=True, kw_only=True):
    """Who stood at a post, as reported: ``present`` people from ``at`` on."""

    site_id: str
    post_id: str
    at: datetime
    present: int
    reporter: str
