"""Holding back: what a maintenance window covers opens no incident and waits for the window's end.

Detectors know nothing of it: their state goes on, and what they conclude is written down. Life safety never gets here.
"""

from __future__ import annotations

from datetime import datetime

from domain.finding import Finding
from domain.maintenance import may_be_held
from storage.pool import Connection
from storage.windows import covering_window, hold, settle_held


async def held_back(conn: Connection, finding: Finding, *, now: datetime) -> bool:
    """Whether a window holds this raise back; then it is written down, in the caller's transaction."""
    if not may_be_held(finding):
        return False
    window_no = await covering_window(conn, finding, now=now)
    if window_no is None:
        return False
    await hold(conn, finding, window_no)
    return True


async def settled(conn: Connection, finding: Finding) -> bool:
    """An end or an update of what no incident is open for: whether it was about something that is held back."""
    return may_be_held(finding) and await settle_held(conn, finding)
