"""The safety officer of a school (安全干部): who is told of its drop-offs and sees its hazards."""

from __future__ import annotations

import msgspec


class SafetyOfficer(msgspec.Struct, frozen=True, kw_only=True):
    """One of a site's. ``contacts`` are Apprise URLs and secrets; ``name`` tells the officers of a site apart."""

    site_id: str
    name: str
    phone: str = ""
    contacts: tuple[str, ...] = ()
    language: str = "zh"
