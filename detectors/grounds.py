"""What rules go by beside what devices say: where devices stand, what kind of school it is, the calendar, the zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

import msgspec

from detectors.hours import DISTRICT_ZONE
from domain.bells import BELLS, Bells
from domain.school_calendar import USUAL, SchoolCalendar
from domain.site import SiteKind


class SiteFacts(NamedTuple):
    kind: SiteKind
    township: str


class Spot(NamedTuple):
    """Where a device stands, and what it is called."""

    place: str
    name: str


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """``sites`` by site_no, ``spots`` by device_no, ``bells`` by site_no for those that have their own.

    What is not known of a site or device is as if nothing were written down: a primary school, no place.
    """

    sites: Mapping[int, SiteFacts] = {}
    spots: Mapping[int, Spot] = {}
    bells: Mapping[int, Bells] = {}
    calendar: SchoolCalendar = USUAL
    zone: tzinfo = DISTRICT_ZONE

    def bells_of(self, site_no: int) -> Bells:
        if (own := self.bells.get(site_no)) is not None:
            return own
        return BELLS[self.site(site_no).kind]

    def site(self, site_no: int) -> SiteFacts:
        return self.sites.get(site_no, _UNKNOWN)

    def spot(self, device_no: int) -> Spot:
        return self.spots.get(device_no, _NOWHERE)


_UNKNOWN = SiteFacts(SiteKind.PRIMARY, "")
_NOWHERE = Spot("", "")
