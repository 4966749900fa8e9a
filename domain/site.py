"""A site: one school, branch campus or teaching point (学校、分校、分园、办学点)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SiteKind(StrEnum):
    KINDERGARTEN = "kindergarten"
    PRIMARY = "primary"
    MIDDLE = "middle"
    HIGH = "high"
    NINE_YEAR = "nine_year"
    VOCATIONAL = "vocational"
    SPECIAL = "special"
    TEACHING_POINT = "teaching_point"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One school site. ``site_id`` is the one used in topics: ``[a-z0-9-]``, at most 32 characters.

    Longitude and latitude are degrees, WGS 84. ``pupils`` is the enrolment (None: nobody said), ``boarders`` how many
    of them live there; ``key_site``: a key site of counter-terrorism (反恐重点单位).
    """

    site_id: str
    name: str
    name_en: str = ""
    kind: SiteKind = SiteKind.PRIMARY
    township: str = ""
    address: str = ""
    longitude: float | None = None
    latitude: float | None = None
    contact_name: str = ""
    contact_phone: str = ""
    pupils: int | None = None
    boarders: int = 0
    key_site: bool = False
