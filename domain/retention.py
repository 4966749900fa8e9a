"""Which records are kept for a time of their own (docs/operations.md, Retention)."""

from __future__ import annotations

from enum import StrEnum


class Kept(StrEnum):
    """What is kept for a time of its own. The settings have a field for each."""

    INCIDENTS = "incidents"  # with timeline, deliveries, answers, check-lists and attachments
    NOTICES = "notices"  # deliveries of no incident: early warnings, test messages
    ROSTERS = "rosters"  # shifts, swaps, stand-ins, hand-overs, patterns
    WARNINGS = "warnings"  # early warnings and who has read them
    WINDOWS = "windows"  # maintenance windows
    TARGETS = "targets"  # how sites stood to the targets, and warnings of expiries
    PREMISES = "premises"  # reports of posts, inspections of barriers
