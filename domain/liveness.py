"""Whether a device was proved alive lately. Unknown is a state of its own: nobody can tell."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Connectivity(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why nobody can tell whether a device lives; of one that is offline, that it is behind a dead parent as well, or
    that only what hangs on it tells so.
    """

    NONE = ""
    BEHIND = "behind"  # what it hangs on is dead
    SITE = "site"  # its whole site is silent
    RETURNING = "returning"  # what it was behind is back, and it has its time to report
    INFERRED = "inferred"  # it never spoke itself; all that hangs on it fell silent together


class LivenessChange(msgspec.Struct, frozen=True, kw_only=True):
    """``since`` is when the state began, ``last_seen_at`` when the last proof of life reached us, ``said_at`` the
    newest time that the device itself named lately, where that is known; its clock may be wrong (all aware UTC).
    ``behind_no``: the dead device that it hangs on, where that is the reason.
    """

    device_no: int
    connectivity: Connectivity
    since: datetime
    last_seen_at: datetime | None
    said_at: datetime | None = None
    reason: Reason = Reason.NONE
    behind_no: int | None = None


class ClockChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is now known of a device's clock: seconds ahead of ours (negative: behind); None = right."""

    device_no: int
    offset_s: float | None
    at: datetime
