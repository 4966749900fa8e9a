"""How long whoever fails to sign in has to wait. Pure.

Failures are counted by account *and* address, by address, and by account. The first stops guessing at one account, the
others what is spread over accounts or over addresses. An account is never shut where its owner is at home: from an
address from which it signed in lately only the first count holds, so nobody can lock an operator out from elsewhere.
Whoever is signed in already is not touched by any of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec


class Count(StrEnum):
    PAIR = "pair"  # this account from this address
    ADDRESS = "address"  # any account from this address
    ACCOUNT = "account"  # this account from anywhere


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """``free`` failures cost nothing; each further one doubles the wait, from ``first_s`` to ``longest_s``."""

    free: int
    first_s: float
    longest_s: float


BOUNDS = {
    Count.PAIR: Bound(free=5, first_s=30.0, longest_s=900.0),
    Count.ADDRESS: Bound(free=30, first_s=30.0, longest_s=900.0),
    Count.ACCOUNT: Bound(free=50, first_s=30.0, longest_s=900.0),
}

#: Failures older than this are forgotten.
FORGOTTEN_AFTER = timedelta(hours=24)
#: An address from which an account signed in within this time is one where its owner is at home.
AT_HOME = timedelta(days=30)


class Failures(msgspec.Struct, frozen=True):
    failures: int
    last_at: datetime


def counts_of(name: str, address: str) -> dict[Count, str]:
    """The keys to count a failure under. Names that nobody has are counted like others: who waits must not tell which
    accounts there are. ``name`` "" = it can be none.
    """
    keys = {Count.ADDRESS: f"address {address}"}
    if name:
        keys |= {Count.PAIR: f"pair {name} {address}", Count.ACCOUNT: f"account {name}"}
    return keys


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def wait_after(failures: int, bound: Bound) -> timedelta:
    """How long it takes after so many failures until the next try counts."""
    if failures < bound.free:
        return timedelta(0)
    doublings = min(failures - bound.free, 16)
    return timedelta(seconds=min(bound.first_s * 2.0**doublings, bound.longest_s))


def held_until(found: Mapping[Count, Failures], *, at_home: bool, now: datetime) -> datetime | None:
    """When the next try may be made; None = now."""
    held = [
        failed.last_at + wait_after(failed.failures, BOUNDS[count])
        for count, failed in found.items()
        if not (at_home and count is not Count.PAIR) and now - failed.last_at < FORGOTTEN_AFTER
    ]
    return max((until for until in held if until > now), default=None)
