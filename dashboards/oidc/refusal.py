"""Why somebody does not come in by the provider: a word for the page, a text for the log."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    AWAY = "away"  # the provider does not answer, or not as it should
    BUSY = "busy"  # too many have begun and are not back
    REFUSED = "refused"  # the provider, or the person there, said no
    STALE = "stale"  # too late, twice, or in another browser
    UNTRUSTED = "untrusted"  # what came is not the provider's, or not for us, or not for this visit
    UNKNOWN = "unknown"  # nobody of ours
    NO_ROLE = "no_role"  # the claims give no role
    CONFLICT = "conflict"  # the account cannot be as the claims say
    DISABLED = "disabled"


class ProviderRefused(Exception):
    """``fault`` is what the page is told; the message is for the log and names no secret."""

    def __init__(self, fault: Fault, message: str) -> None:
        self.fault = fault
        super().__init__(message)
