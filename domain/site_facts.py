"""What is known of one site, as far as the targets ask for it: what a verdict rests on, and nothing else."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec

from domain.bells import Bells, SiteBells, bells_on
from domain.device import DeviceKind
from domain.guard import Guard, GuardCheckIn, GuardPost, GuardShift, PostReport
from domain.liveness import Connectivity
from domain.premises import Barrier, Gate
from domain.school_calendar import USUAL, SchoolCalendar
from domain.site import SiteKind


class FactKind(StrEnum):
    """What can change, for whoever has to know which verdicts rest on it."""

    PEOPLE = "people"  # guards, shifts, check-ins, posts and their reports
    PREMISES = "premises"  # gates, barriers, inspections
    DEVICES = "devices"  # life of devices, how gates and barriers stand, receipts of police and education
    LINKS = "links"
    SITE = "site"  # the site itself, its calendar and bells


class LinkProof(msgspec.Struct, frozen=True, kw_only=True):
    """The newest alarm of a device that the other side of ``link_id`` has receipted; mostly a test."""

    link_id: str
    proved_at: datetime
    receipt_id: str = ""
    test: bool = True


class LinkFact(msgspec.Struct, frozen=True, kw_only=True):
    """A link to police or education: ``alive`` None = nobody knows yet. ``since`` is when it began to be so;
    ``proved_at`` is when it receipted the newest test alarm of its own, ``watched_since`` since when it is supervised.
    """

    link_id: str
    alive: bool | None = None
    since: datetime | None = None
    proved_at: datetime | None = None
    watched_since: datetime | None = None


class DeviceFact(msgspec.Struct, frozen=True, kw_only=True):
    """A device that a target asks for. ``networked``: it has to be, with police and education. ``behind`` says
    why nobody can tell how the device is: a dead one that it hangs on by its id, or a word of `domain.liveness.Reason`.

    ``condition`` is what it last reported of itself ("door", "barrier"), ``condition_since`` since when it is so.
    """

    device_no: int
    device_id: str
    kind: DeviceKind
    registered_at: datetime
    name: str = ""
    place: str = ""
    networked: bool = False
    connectivity: Connectivity = Connectivity.UNKNOWN
    since: datetime | None = None
    last_seen_at: datetime | None = None
    behind: str = ""
    condition: dict[str, Any] = {}
    condition_since: datetime | None = None
    proofs: tuple[LinkProof, ...] = ()


class SiteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """``pupils`` None = nobody has said how many. ``devices`` by their id. ``check_ins``: the newest of each guard."""

    site_no: int
    site_id: str
    kind: SiteKind
    pupils: int | None = None
    boarders: int = 0
    guards: tuple[Guard, ...] = ()
    shifts: tuple[GuardShift, ...] = ()
    check_ins: dict[str, GuardCheckIn] = {}
    posts: tuple[GuardPost, ...] = ()
    post_reports: tuple[PostReport, ...] = ()
    gates: tuple[Gate, ...] = ()
    barriers: tuple[Barrier, ...] = ()
    devices: dict[str, DeviceFact] = {}
    links: tuple[LinkFact, ...] = ()
    calendar: SchoolCalendar = USUAL
    own_bells: tuple[SiteBells, ...] = ()

    def bells(self, day: date) -> Bells:
        return bells_on(day, self.kind, self.own_bells)


#: Which fields tell of what.
_FIELDS: dict[FactKind, tuple[str, ...]] = {
    FactKind.PEOPLE: ("guards", "shifts", "check_ins", "posts", "post_reports"),
    FactKind.PREMISES: ("gates", "barriers"),
    FactKind.DEVICES: ("devices",),
    FactKind.LINKS: ("links",),
    FactKind.SITE: ("kind", "pupils", "boarders", "calendar", "own_bells"),
}


def differing(before: SiteFacts, after: SiteFacts) -> set[FactKind]:
    """What kinds of facts changed."""
    return {
        kind for kind, names in _FIELDS.items() if any(getattr(before, name) != getattr(after, name) for name in names)
    }
