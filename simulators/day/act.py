"""An act: one thing of a day that a device reports once, such as a door that opens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from domain.bells import BELLS, Bells
from domain.device import Device, DeviceKind
from domain.observation import Channel, EventKind
from domain.school_calendar import DayKind, day_kind
from domain.site import Site
from simulators.chance import key_of, unit
from simulators.enrolment import guards_of
from simulators.message import CHINA_TIME, event, state

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS


class Act(msgspec.Struct, frozen=True, gc=False):
    """``due_ms`` since 1970; ``act_id`` is the same whenever it is worked out. ``told`` is shared and never changed."""

    due_ms: int
    device_no: int
    act_id: str
    event: EventKind | None
    told: dict[str, Any]

    @property
    def channel(self) -> Channel:
        return Channel.STATE if self.event is None else Channel.EVENT

    def payload(self, said_s: float) -> bytes:
        """``said_s``: what the device's clock shows."""
        if self.event is None:
            return state(said_s, self.act_id, self.told)
        return event(said_s, self.act_id, self.event, detail=self.told)


class SiteDay:
    """One site on one date: what the acts of a day are worked out from."""

    __slots__ = ("_ids", "_key", "_keys", "_numbered", "bells", "date", "guards", "kind", "midnight_ms", "site_id")

    def __init__(self, seed: int, site: Site, day: date, numbered: Sequence[tuple[int, Device]]) -> None:
        """:param numbered: the site's devices with their numbers in the district."""
        self.site_id = site.site_id
        self.date = day
        self.kind: DayKind = day_kind(day)
        self.bells: Bells = BELLS[site.kind]
        self.guards = guards_of(site)
        self.midnight_ms = round(datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME).timestamp() * 1000)
        self._key = key_of(seed, site.site_id, day.isoformat())
        self._keys: dict[str, int] = {}
        self._ids: dict[str, str] = {}
        self._numbered = numbered

    def devices(self, kind: DeviceKind) -> list[tuple[int, Device]]:
        return [numbered for numbered in self._numbered if numbered[1].kind is kind]

    def chance(self, what: str, number: int = 0) -> float:
        """A number in [0, 1) for this site, date, matter and counter."""
        key = self._keys.get(what)
        if key is None:
            key = self._keys[what] = key_of(self._key, what)
        return unit(key, number)

    def say(
        self, device_no: int, minute: float, name: str, told: dict[str, Any], event: EventKind | None = None
    ) -> Act:
        """``minute`` after midnight; never on another date."""
        due_ms = self.midnight_ms + min(DAY_MS - 1, max(0, int(minute * MINUTE_MS)))
        act_id = self._ids.get(name)
        if act_id is None:
            act_id = self._ids[name] = f"{self.date:%Y%m%d}-{name}"
        return Act(due_ms, device_no, act_id, event, told)
