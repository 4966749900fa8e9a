"""When the stream looks at the database next. Pure: times are seconds of a monotonic clock and come in as arguments."""

from __future__ import annotations

#: Looks without any notice, while somebody watches and while nobody does.
WATCHED_S = 1.0
UNWATCHED_S = 2.0
#: At most two full looks a second.
FULL_S = 0.5
#: A new or changed incident waits this long for others that come with it.
COALESCE_S = 0.05


class Pace:
    """Notices come in, the time of the next look comes out.

    A ``full`` look counts the devices too; between two of them, an incident causes a quick one.
    """

    def __init__(self) -> None:
        self._last_full = float("-inf")
        self._last_try = float("-inf")
        self._failed = False
        self._something = False
        self._incident_at: float | None = None

    def notice(self) -> None:
        """Devices, links or sites changed."""
        self._something = True

    def incident(self, now: float) -> None:
        if self._incident_at is None:
            self._incident_at = now

    def due(self, *, watched: bool) -> float:
        if self._failed:
            return self._last_try + WATCHED_S
        due = self._last_full + (WATCHED_S if watched else UNWATCHED_S)
        if watched and self._something:
            due = min(due, self._last_full + FULL_S)
        if watched and self._incident_at is not None:
            due = min(due, self._incident_at + COALESCE_S)
        return due

    def look(self, now: float) -> bool:
        """A look begins; is it a full one? What is noticed from now on is for the next."""
        full = self._failed or now - self._last_full >= FULL_S
        self._incident_at = None
        self._last_try = now
        if full:
            self._something = False
        return full

    def seen(self, *, full: bool) -> None:
        """The look that began last came to an end."""
        self._failed = False
        if full:
            self._last_full = self._last_try

    def failed(self) -> None:
        self._failed = True
