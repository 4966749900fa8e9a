"""What the routes of the registry have in common: versions as they go out, places in lists, times that can be meant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from dashboards.problems import InvalidField
from domain.privacy import masked
from storage.versions import Version

_Key = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00]*\Z")]

#: What somebody says of the past, and how far his clock may be ahead.
_BACK, _AHEAD = timedelta(days=1), timedelta(minutes=2)
#: What is asked for at once.
LONGEST = timedelta(days=92)


class AfterId(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a list by id."""

    id: _Key


class AfterKey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a list by site and id."""

    site_id: _Key
    id: _Key


def shown(version: Version[Any], **instead: Any) -> dict[str, Any]:
    """A fact with its version; a telephone number is masked."""
    values = msgspec.structs.asdict(version.fact)
    if "phone" in values:
        values["phone"] = masked(values["phone"])
    return {**values, **instead, "version": version.version, "since": version.since}


def said_at(at: datetime | None, now: datetime) -> datetime:
    """:raises InvalidField: nobody can have seen that, or it is too long ago."""
    if at is None:
        return now
    if not now - _BACK <= at <= now + _AHEAD:
        raise InvalidField("at", "expected now or within the last day")
    return at


def bounded(since: datetime, until: datetime) -> None:
    """:raises InvalidField: too much is asked for at once, or nothing."""
    if not timedelta(0) < until - since <= LONGEST:
        raise InvalidField("until", f"expected after since, by {LONGEST.days} days at most")
