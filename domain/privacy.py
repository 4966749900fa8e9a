"""What those who need not know see of a telephone number."""

from __future__ import annotations

_SHOWN = 3, 2


def masked(phone: str) -> str:
    """The beginning and the end; of a short one nothing."""
    head, tail = _SHOWN
    if len(phone) < 7:
        return "*" * len(phone)
    return phone[:head] + "*" * (len(phone) - head - tail) + phone[-tail:]


def is_masked(phone: str) -> bool:
    return "*" in phone
