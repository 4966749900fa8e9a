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
