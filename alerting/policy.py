"""Who is told of what. Pure, one visible table.

===========  ==========================  ==============================================
category     police and education links  duty leader
===========  ==========================  ==============================================
panic        yes                         yes
fire         when life safety            yes
intrusion    no                          yes
device       no                          when major or worse
system       no                          when major or worse
compliance   no                          when major or worse
===========  ==========================  ==============================================

A drill goes the same way, marked as a drill, to those links that it names (`links` in the alarm's detail) or else to
those that hear of drills by their settings. A test goes to the links, marked as a test (it proves that they are
networked), and disturbs no duty leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.finding import Category, Finding, Severity

_LINKED = frozenset({Category.PANIC, Category.FIRE})
_ALWAYS_LED = frozenset({Category.PANIC, Category.FIRE, Category.INTRUSION})


def tells_links(finding: Finding) -> bool:
    """Whether police and education hear of it."""
    return finding.life_safety and finding.category in _LINKED


def tells_duty_leader(finding: Finding) -> bool:
    """Whether the duty leader is disturbed by it."""
    if finding.test:
        return False
    return finding.category in _ALWAYS_LED or finding.severity.rank <= Severity.MAJOR.rank


#: What a person presses, besides one-key alarms and duress (`Category.PANIC`). No device's word ends these.
_PRESSED = frozenset({"manual_call_point"})
#: A finger that presses while the operator is just taking the call means the same one.
SAME_CALL = timedelta(seconds=10)


def calls_again(finding: Finding, acknowledged_at: datetime | None) -> bool:
    """Whether somebody presses for help anew, though the alarm was acknowledged: new danger, of which everybody hears.
    By our own clock, for that of a button may be off.
    """
    if acknowledged_at is None or not finding.life_safety:
        return False
    pressed = finding.category is Category.PANIC or finding.rule in _PRESSED
    return pressed and finding.found_at >= acknowledged_at + SAME_CALL


def links_told(
    link_ids: Sequence[str], drill_links: Sequence[str], *, drill: bool, detail: Mapping[str, Any]
) -> list[str]:
    """Which links hear of what links are told of. A drill alone can leave any out: whatever a real alarm or a
    test says of links changes nothing.
    """
    if not drill:
        return list(link_ids)
    wanted = detail.get("links")
    if isinstance(wanted, list):
        return [link_id for link_id in link_ids if link_id in wanted]
    return [link_id for link_id in link_ids if link_id in drill_links]
