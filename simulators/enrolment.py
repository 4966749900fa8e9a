"""How many pupils a made-up school has, how many board, and how many guards that asks for."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from domain.site import Site, SiteKind

#: Fewest and most pupils, and the share of them that boards (fewest, most).
_PUPILS: Final[dict[SiteKind, tuple[int, int, float, float]]] = {
    SiteKind.KINDERGARTEN: (110, 420, 0.0, 0.0),
    SiteKind.PRIMARY: (420, 2200, 0.0, 0.0),
    SiteKind.MIDDLE: (500, 1600, 0.1, 0.3),
    SiteKind.HIGH: (900, 2600, 0.4, 0.8),
    SiteKind.NINE_YEAR: (800, 2400, 0.0, 0.0),
    SiteKind.VOCATIONAL: (800, 2400, 0.4, 0.8),
    SiteKind.SPECIAL: (60, 160, 0.0, 0.0),
    SiteKind.TEACHING_POINT: (24, 95, 0.0, 0.0),
}
_KEY_SHARE: Final = 0.06
_FEWEST_GUARDS: Final = 2  # day and night


def enrolled(site: Site, chance: Random) -> Site:
    fewest, most, least_boards, most_boards = _PUPILS[site.kind]
    pupils = chance.randint(fewest, most)
    boarders = int(pupils * chance.uniform(least_boards, most_boards))
    return msgspec.structs.replace(site, pupils=pupils, boarders=boarders, key_site=chance.random() < _KEY_SHARE)


def guards_of(site: Site) -> int:
    """Of a site whose enrolment nobody said, none. The figures are those of GB/T 29315-2022 as the press has them."""
    if site.pupils is None:
        return 0
    required = 1 if site.pupils < 100 else 2 if site.pupils < 1000 else 3 + (site.pupils - 1000) // 500
    return max(_FEWEST_GUARDS, required + (1 if site.boarders else 0))
