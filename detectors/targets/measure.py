"""What a measure is: figures that can be edited, the facts it rests on, and a look that yields evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from detectors.targets.moment import Moment
from domain.site import SiteKind
from domain.site_facts import FactKind, SiteFacts
from domain.target import Evidence, Standing


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures of one version of a target. Sites that are exempt are asked for nothing."""

    exempt_kinds: tuple[SiteKind, ...] = ()
    exempt_sites: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What cannot be meant, beyond single fields."""
        return []


class Measure(NamedTuple):
    """``look`` is given parameters of the type ``parameters``."""

    parameters: type[Parameters]
    rests_on: frozenset[FactKind]
    look: Callable[[SiteFacts, Any, Moment], Sequence[Evidence]]


def standing_of(evidence: Sequence[Evidence]) -> Standing:
    """What is known to be wrong outweighs what is not known; nothing asked, nothing to meet."""
    if not evidence:
        return Standing.EXEMPT
    if any(one.known and not one.met for one in evidence):
        return Standing.DROPPED
    if any(not one.known for one in evidence):
        return Standing.UNKNOWN
    return Standing.COMPLIANT


def next_change(evidence: Sequence[Evidence], at: datetime) -> datetime | None:
    """When the first of it ends by itself."""
    return min((one.until for one in evidence if one.until is not None and one.until > at), default=None)
