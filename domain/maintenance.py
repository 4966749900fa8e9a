"""Maintenance windows and shelving: what is held back, by whom, why, and until when. Pure.

Both end by time, and neither is ever for life safety: a window over a site, a device or a kind of device holds back its
equipment faults and lets every life-safety alarm of it through.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum

import msgspec

from domain.device import DeviceKind
from domain.errors import WindowRefused
from domain.finding import Finding

#: Longer is no maintenance any more but a device to be taken out of service (retired).
LONGEST_WINDOW = timedelta(days=31)
#: A shelf that outlives the shift is forgotten by the one who made it (IEC 62682: shelving is time-limited).
LONGEST_SHELVING = timedelta(hours=24)

#: Rules that no window may name. The database refuses the same ones (migration 0033).
NEVER_HELD = frozenset(
    {
        "one_key_alarm",
        "duress_alarm",
        "smoke_alarm",
        "heat_alarm",
        "manual_call_point",
        "gas_alarm",
        "doubtful_alarm",
    }
)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a window is about; empty = any, and all that is given must fit. A device is named with its site."""

    site_id: str = ""
    device_id: str = ""
    rule: str = ""
    device_kind: DeviceKind | None = None


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True):
    window_no: int
    scope: Scope
    starts_at: datetime
    ends_at: datetime
    reason: str
    author: str
    made_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def holds_at(self, moment: datetime) -> bool:
        return self.ended_at is None and self.starts_at <= moment < self.ends_at


class HeldState(StrEnum):
    STANDING = "standing"
    CLEARED = "cleared"  # over before the window was: nobody was disturbed
    RAISED = "raised"  # stood at the end, and is an incident since


def may_be_held(finding: Finding) -> bool:
    """Whether a window may hold it back at all."""
    return not finding.life_safety and finding.rule not in NEVER_HELD


def check_window(
    scope: Scope, *, starts_at: datetime, ends_at: datetime, reason: str, author: str, now: datetime
) -> None:
    """:raises WindowRefused: it has no scope, end, reason or author, is too long or over, or is for life safety."""
    if scope == Scope():
        raise WindowRefused("a window needs a site, a device, a rule or a kind of device")
    if scope.device_id and not scope.site_id:
        raise WindowRefused("a device is named together with its site")
    if scope.rule in NEVER_HELD:
        raise WindowRefused(f"{scope.rule} is life safety and is never held back")
    if not reason.strip() or not author.strip():
        raise WindowRefused("a window needs a reason and an author")
    if ends_at <= starts_at:
        raise WindowRefused("a window ends after it starts")
    if ends_at <= now:
        raise WindowRefused("the window is over already")
    if ends_at - starts_at > LONGEST_WINDOW:
        raise WindowRefused(f"a window lasts at most {LONGEST_WINDOW.days} days; take a device out of service instead")


def check_rule(rule: str, known: Collection[str]) -> None:
    """:raises WindowRefused: no rule has this name; which names are near it."""
    if rule in known:
        return
    near = get_close_matches(rule, sorted(known), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise WindowRefused(f"there is no rule {rule!r}, so the window would hold nothing back{hint}")


def check_shelf(*, life_safety: bool, until: datetime, reason: str, now: datetime) -> None:
    """:raises WindowRefused: for life safety, without a reason, over already or too long."""
    if life_safety:
        raise WindowRefused("life safety is never shelved")
    if not reason.strip():
        raise WindowRefused("shelving needs a reason")
    if until <= now:
        raise WindowRefused("the end of the shelving is over already")
    if until - now > LONGEST_SHELVING:
        raise WindowRefused(f"shelving lasts at most {LONGEST_SHELVING // timedelta(hours=1)} hours")
