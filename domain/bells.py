"""The bells of a school day by kind of site, in minutes after midnight, the district's time.

::

    gate opens    lessons         noon           leaving        evening study    night
    ├─arrival─────┼───────────────┼──────────────┼──────────────┼────────────────┼──────────
    gate open      gate shut       gate shut      gate open      boarders only    lights out

The hours are the usual ones of the province, not those of any school; a site may have its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from domain.site import SiteKind


def _at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


class Bells(msgspec.Struct, frozen=True, kw_only=True):
    """``meals``: when the kitchen is busiest for each, and how busy, 0 to 1. ``leaving_to``: the gate shuts."""

    arrival: int
    lessons: int
    noon: int
    afternoon: int
    leaving: int
    leaving_to: int
    staff_leave: int
    evening_study: int | None = None
    lights_out: int | None = None
    meals: tuple[tuple[int, float], ...]
    staff: int

    @property
    def boarding(self) -> bool:
        return self.lights_out is not None


_DAY_MEALS: Final = ((_at(6, 30), 0.7), (_at(10, 30), 1.0))
_BOARDING_MEALS: Final = (*_DAY_MEALS, (_at(16, 40), 0.9))

_SMALL: Final = Bells(
    arrival=_at(7, 40), lessons=_at(8, 20), noon=_at(11, 40), afternoon=_at(14, 30), leaving=_at(16),
    leaving_to=_at(16, 40), staff_leave=_at(17, 10), meals=_DAY_MEALS, staff=26,
)  # fmt: skip
_PRIMARY: Final = Bells(
    arrival=_at(7, 30), lessons=_at(8, 10), noon=_at(11, 40), afternoon=_at(13, 30), leaving=_at(15, 50),
    leaving_to=_at(17, 40), staff_leave=_at(18), meals=_DAY_MEALS, staff=48,
)  # fmt: skip
_MIDDLE: Final = Bells(
    arrival=_at(7), lessons=_at(7, 40), noon=_at(11, 50), afternoon=_at(13, 40), leaving=_at(17),
    leaving_to=_at(17, 50), staff_leave=_at(18, 20), evening_study=_at(18, 30), lights_out=_at(21, 40),
    meals=_BOARDING_MEALS, staff=60,
)  # fmt: skip
_HIGH: Final = Bells(
    arrival=_at(6, 40), lessons=_at(7, 20), noon=_at(11, 55), afternoon=_at(13, 50), leaving=_at(17, 20),
    leaving_to=_at(18), staff_leave=_at(18, 40), evening_study=_at(18, 30), lights_out=_at(22, 20),
    meals=_BOARDING_MEALS, staff=84,
)  # fmt: skip

BELLS: Final[dict[SiteKind, Bells]] = {
    SiteKind.KINDERGARTEN: _SMALL,
    SiteKind.TEACHING_POINT: _SMALL,
    SiteKind.PRIMARY: _PRIMARY,
    SiteKind.SPECIAL: _PRIMARY,
    SiteKind.NINE_YEAR: _PRIMARY,
    SiteKind.MIDDLE: _MIDDLE,
    SiteKind.HIGH: _HIGH,
    SiteKind.VOCATIONAL: _HIGH,
}


class SiteBells(msgspec.Struct, frozen=True, kw_only=True):
    """The bells of one site from ``from_day`` on, in minutes after midnight; the rest is as its kind has it."""

    site_id: str
    from_day: date
    arrival: int
    lessons: int
    noon: int
    afternoon: int
    leaving: int
    leaving_to: int
    staff_leave: int
    evening_study: int | None = None
    lights_out: int | None = None

    def over(self, usual: Bells) -> Bells:
        """These bells, with meals and staff of ``usual``."""
        hours = msgspec.structs.asdict(self)
        del hours["site_id"], hours["from_day"]
        return msgspec.structs.replace(usual, **hours)


def bells_on(day: date, kind: SiteKind, own: Iterable[SiteBells] = ()) -> Bells:
    """What rings on ``day`` at a site of ``kind``: the newest of its ``own`` that had begun, or the usual ones."""
    begun = [bells for bells in own if bells.from_day <= day]
    if not begun:
        return BELLS[kind]
    return max(begun, key=lambda bells: bells.from_day).over(BELLS[kind])
