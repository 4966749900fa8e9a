"""What the routes of the registry have in common: a table whose rows are versions, lists of numbered records, times
that can be meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Response

from dashboards.paging import RowNumber, decode_cursor, page_of
from dashboards.people import current, sites
from dashboards.problems import InvalidField
from dashboards.schemas.registry import Edit
from dashboards.services import Services, json_reply
from domain.errors import UnknownEntry
from domain.privacy import masked
from storage.pool import Connection
from storage.versions import Version, VersionedTable, edit, get, load, remove

Fact = TypeVar("Fact", bound=msgspec.Struct)

_Key = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00]*\Z")]

#: Places in lists, by how many columns their key has.
_PLACES: Mapping[int, Any] = {1: tuple[_Key], 2: tuple[_Key, _Key]}
#: What somebody says of the past, and how far his clock may be ahead.
_BACK, _AHEAD = timedelta(days=1), timedelta(minutes=2)
#: What is asked for at once.
LONGEST = timedelta(days=92)


class _Before(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Place in a list of numbered records, the newest first."""

    number: RowNumber


def shown(version: Version[Any], **instead: Any) -> dict[str, Any]:
    """A fact with its version; a telephone number is masked."""
    values = msgspec.structs.asdict(version.fact)
    if "phone" in values:
        values["phone"] = masked(values["phone"])
    return {**values, **instead, "version": version.version, "since": version.since}


class Rows(Generic[Fact]):
    """A table whose rows are versions, as its routes read and change it. ``shown``: a version as it goes out."""

    def __init__(
        self,
        services: Services,
        table: VersionedTable[Fact],
        *,
        shown: Callable[[Version[Fact]], dict[str, Any]] = shown,
    ) -> None:
        self._services = services
        self._table = table
        self._shown = shown

    async def page(self, *, site_id: str | None, at: datetime | None, limit: int, cursor: str | None) -> Response:
        """By key. A place in the list is a key."""
        after = decode_cursor(cursor, _PLACES[len(self._table.key)])
        found = await self._services.reader.read(
            lambda conn: load(conn, self._table, at=at, site_id=site_id, sites=sites(), after=after, limit=limit + 1)
        )
        items = [self._shown(one) for one in found]
        return json_reply(page_of(items, limit, lambda last: [last[name] for name in self._table.key]))

    async def one(self, *key: Any) -> Response:
        """:raises UnknownEntry: there is none."""
        return await self.changed(lambda conn: self.held(conn, *key))

    async def held(self, conn: Connection, *key: Any) -> Version[Fact]:
        """:raises UnknownEntry: there is none, or none that whoever asks may see."""
        held = await get(conn, self._table, *key)
        principal = current()
        if principal is not None and not principal.reaches(getattr(held.fact, "site_id", "")):
            raise UnknownEntry(f"no {self._table.name.replace('_', ' ')} {'/'.join(map(str, key))}")
        return held

    async def put(self, fact: Fact, body: Edit) -> Response:
        """Under the version that the editor saw; see `storage.versions.edit`."""
        now = self._services.clock.now()
        return await self.changed(
            lambda conn: edit(conn, self._table, fact, version=body.version, actor=body.actor, at=now)
        )

    async def changed(self, change: Callable[[Connection], Awaitable[Version[Fact]]]) -> Response:
        """What ``change`` leaves."""
        return json_reply(self._shown(await self._services.reader.read(change)))

    async def remove(self, *key: Any, actor: str, version: int) -> Response:
        """See `storage.versions.remove`."""
        now = self._services.clock.now()

        async def change(conn: Connection) -> None:
            await self.held(conn, *key)
            await remove(conn, self._table, *key, version=version, actor=actor, at=now)

        await self._services.reader.read(change)
        return removed(*key)


def removed(*key: Any) -> Response:
    parts = (part.isoformat() if isinstance(part, date) else str(part) for part in key)
    return json_reply({"removed": "/".join(parts)})


def before(cursor: str | None) -> int | None:
    """Of a list of numbered records."""
    place = decode_cursor(cursor, _Before)
    return place.number if place else None


def numbered(found: Sequence[tuple[int, msgspec.Struct]], name: str, limit: int) -> Response:
    """A page of records, each with its number under ``name``."""
    items = [{name: number, **msgspec.structs.asdict(one)} for number, one in found]
    return json_reply(page_of(items, limit, lambda last: _Before(last[name])))


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
