"""Sites that fell silent as a whole, and several of them at once: a cable, a power cut over a township.

::

    found ──half a minute──► alone: one incident `site_silent`
      │                  └─► with others, or near an area that grows: one incident `area_silent` that lists them
      │
      └── more than half is back ──► returning ──everybody is back or had his time──► over

Whether a site is silent is found by `detectors.rules.heartbeat_lost`; here is decided what people are told of it. An
outage that is over before it was told was none. Times are epoch seconds. The figures are those that ship: the rules
`site_silent` and `area_silent` tune them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec

from domain.finding import Category, Finding, FindingKind, Severity, finding_id

SITE_SILENT = "site_silent"
AREA_SILENT = "area_silent"

#: So long after a site was found silent people are told: the rest of it and its neighbours have fallen silent by then.
HOLD_S = 30.0
#: Sites that were found silent within so long of each other have one cause.
AREA_WINDOW_S = 300.0
#: That sites of an area are back is told once in so long.
TELL_AGAIN_S = 60.0


class Outage(msgspec.Struct, kw_only=True):
    """One site. ``told``: people know, by ``area`` (0 = by an incident of its own). ``returned_s``: since when half of
    it is back (0 = it is not). ``root``: the one device that all the silent hang on, where there is one.
    """

    site_no: int
    site_id: str
    found_s: float
    silent_s: float
    told: bool = False
    area: int = 0
    returned_s: float = 0.0
    devices: int = 0
    kinds: dict[str, int] = {}
    root: str = ""


class Area(msgspec.Struct, kw_only=True):
    """Sites that fell silent together, by number with their ids; ``joined_s``: when the last of them did."""

    began_s: float
    joined_s: float
    told_s: float
    sites: dict[int, str]
    back: list[int] = []


class Outages:
    """All outages by ``site_no``, and the areas that they make up."""

    def __init__(self) -> None:
        self.hold_s, self.area_window_s, self.tell_again_s = HOLD_S, AREA_WINDOW_S, TELL_AGAIN_S
        #: Of the rules `SITE_SILENT` and `AREA_SILENT`.
        self.gravity = dict.fromkeys((SITE_SILENT, AREA_SILENT), (Category.DEVICE, Severity.MAJOR))
        self.sites: dict[int, Outage] = {}
        self._areas: dict[int, Area] = {}
        self._changed: set[int] = set()

    def found(self, outage: Outage) -> None:
        self.sites[outage.site_no] = outage
        self.changed(outage)

    def changed(self, outage: Outage) -> None:
        """It has to be written down."""
        self._changed.add(outage.site_no)

    def end(self, site_no: int, now_s: float) -> list[Finding]:
        """The site is back, but for those that stay dead."""
        outage = self.sites.pop(site_no)
        self._changed.add(site_no)
        if outage.area:
            area = self._areas.get(outage.area)
            if area is not None:
                area.back.append(site_no)
                self._changed.add(-outage.area)
        elif outage.told:
            return [self._of_site(FindingKind.CLEARED, outage, now_s, {"silent_s": round(now_s - outage.silent_s)})]
        return []

    def tick(self, now_s: float) -> list[Finding]:
        """Tell what is ripe."""
        found: list[Finding] = []
        fresh = [one for one in self.sites.values() if not one.told and not one.returned_s]
        if any(now_s >= one.found_s + self.hold_s for one in fresh):
            found += self._tell(sorted(fresh, key=lambda one: one.site_no), now_s)
        for number, area in sorted(self._areas.items()):
            found += self._look_at(number, area, now_s)
        return found

    def next_s(self) -> float:
        """With an outage any second may tell something."""
        return -inf if self.sites or self._areas else inf

    def _tell(self, fresh: list[Outage], now_s: float) -> list[Finding]:
        for outage in fresh:
            outage.told = True
            self._changed.add(outage.site_no)
        first_s = min(one.found_s for one in fresh)
        for number, area in sorted(self._areas.items()):
            if first_s - area.joined_s <= self.area_window_s:
                self._join(number, area, fresh)
                area.told_s = now_s
                return [
                    self._of_area(FindingKind.UPDATED, number, area, self.sites, now_s),
                    *self._beside(area, now_s),
                ]
        alone = [one for one in self.sites.values() if one.told and one not in fresh and not one.area]
        beside = [one for one in alone if first_s - one.found_s <= self.area_window_s]
        if len(fresh) + len(beside) < 2:
            return [self._of_site(FindingKind.RAISED, fresh[0], now_s, _account(fresh))]
        # The first may be told already: its incident stands and ends by itself; the area names it all the same.
        together = [*beside, *fresh]
        began_s = min(one.silent_s for one in together)
        number = fresh[0].site_no
        while number in self._areas:
            number += 1_000_000
        area = self._areas[number] = Area(began_s=began_s, joined_s=first_s, told_s=now_s, sites={})
        for one in beside:
            area.sites[one.site_no] = one.site_id
        self._join(number, area, fresh)
        return [self._of_area(FindingKind.RAISED, number, area, self.sites, now_s), *self._beside(area, now_s)]

    def _beside(self, area: Area, now_s: float) -> list[Finding]:
        """What has an incident of its own says, as the area grows, which sites fell silent with it."""
        return [
            self._of_site(
                FindingKind.UPDATED, one, now_s, {**_account([one]), "silent_sites": sorted(area.sites.values())}
            )
            for one in sorted(self.sites.values(), key=lambda one: one.site_no)
            if one.told and not one.area and one.site_no in area.sites
        ]

    def _join(self, number: int, area: Area, outages: list[Outage]) -> None:
        for outage in outages:
            outage.area = number
            area.sites[outage.site_no] = outage.site_id
            area.back = [one for one in area.back if one != outage.site_no]
            area.joined_s = max(area.joined_s, outage.found_s)
        self._changed.add(-number)

    def _look_at(self, number: int, area: Area, now_s: float) -> list[Finding]:
        if not any(one.area == number for one in self.sites.values()):
            del self._areas[number]
            self._changed.add(-number)
            return [self._of_area(FindingKind.CLEARED, number, area, {}, now_s)]
        if area.back and now_s - area.told_s >= self.tell_again_s:
            back, area.told_s, area.back = area.back, now_s, []
            self._changed.add(-number)
            return [self._of_area(FindingKind.UPDATED, number, area, self.sites, now_s, back=back)]
        return []

    def clock_set_back(self, now_s: float) -> None:
        for outage in self.sites.values():
            outage.found_s, outage.silent_s = min(outage.found_s, now_s), min(outage.silent_s, now_s)
            outage.returned_s = min(outage.returned_s, now_s)
            self.changed(outage)
        for number, area in self._areas.items():
            area.told_s, area.joined_s = min(area.told_s, now_s), min(area.joined_s, now_s)
            self._changed.add(-number)

    # -- what people are told ------------------------------------------------------------------------------------------

    def _of_site(self, kind: FindingKind, outage: Outage, now_s: float, detail: dict[str, Any]) -> Finding:
        at = outage.silent_s if kind is FindingKind.RAISED else now_s
        return self._finding(SITE_SILENT, kind, outage.site_id, at, now_s, detail, outage.site_no, outage.site_id)

    def _of_area(
        self,
        kind: FindingKind,
        number: int,
        area: Area,
        sites: Mapping[int, Outage],
        now_s: float,
        back: Iterable[int] = (),
    ) -> Finding:
        detail: dict[str, Any] = {"silent_sites": sorted(area.sites.values())}
        away = [one for one in sites.values() if one.area == number]
        if away:
            detail |= _account(away)
            detail.pop("behind", None)
        if returned := sorted(area.sites[site_no] for site_no in back):
            detail["sites_back"] = returned
        if kind is FindingKind.CLEARED:
            detail["silent_s"] = round(now_s - area.began_s)
        at = area.began_s if kind is FindingKind.RAISED else now_s
        return self._finding(AREA_SILENT, kind, f"{number}/{_instant(area.began_s).isoformat()}", at, now_s, detail)

    def _finding(
        self,
        rule: str,
        kind: FindingKind,
        what: str,
        at_s: float,
        now_s: float,
        detail: dict[str, Any],
        site_no: int = 0,
        site_id: str = "",
    ) -> Finding:
        at, key = _instant(at_s), f"{rule}/{what}"
        category, severity = self.gravity[rule]
        return Finding(
            finding_id=finding_id(key, kind.value, _instant(now_s).isoformat()),
            kind=kind,
            rule=rule,
            key=key,
            category=category,
            severity=severity,
            life_safety=False,
            site_no=site_no,
            site_id=site_id,
            device_no=None,
            device_id="",
            at=at,
            found_at=_instant(now_s),
            detail=detail,
        )

    # -- what survives a restart --------------------------------------------------------------------------------------

    def restore(self, number: int, state: dict[str, Any]) -> None:
        """``number``: of a site, or below zero of an area."""
        if number < 0:
            self._areas[-number] = msgspec.convert(state, Area, strict=False)
        else:
            self.sites[number] = msgspec.convert(state, Outage, strict=False)

    def states(self) -> list[tuple[int, dict[str, Any] | None]]:
        """What changed since the last call; None is over."""
        found: list[tuple[int, dict[str, Any] | None]] = []
        for number in sorted(self._changed):
            kept = self._areas.get(-number) if number < 0 else self.sites.get(number)
            found.append((number, None if kept is None else msgspec.to_builtins(kept, str_keys=True)))
        self._changed.clear()
        return found


def _account(outages: Iterable[Outage]) -> dict[str, Any]:
    """How many devices of which kind are silent."""
    kinds: dict[str, int] = {}
    devices, root = 0, ""
    for outage in outages:
        devices += outage.devices
        root = outage.root
        for kind, count in outage.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    account: dict[str, Any] = {"devices": devices, "kinds": dict(sorted(kinds.items()))}
    return account | {"behind": root} if root else account


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
