"""A guard's card at the door is a check-in, committed with the event itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Rollback

from devices.registry import load_registry
from domain.device import Device, DeviceKind, RegisteredDevice
from domain.guard import Guard
from domain.observation import Event, EventKind
from domain.site import Site
from ingest.parcel import Parcel
from storage.devices import upsert_devices
from storage.guards import GUARDS, list_check_ins
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect
from storage.sites import upsert_sites
from storage.versions import put

_T0 = datetime(2026, 3, 2, 23, tzinfo=UTC)
_GUARD = Guard(
    guard_id="G1", site_id="s001", name="李强", born_on=date(1980, 5, 1), first_hired_on=date(2020, 1, 1),
    serves_from=date(2020, 1, 1), card="C-1",
)  # fmt: skip


@pytest.fixture
async def conn(database: str) -> AsyncIterator[Connection]:
    conn = await connect(database, name="test")
    try:
        sites = [Site(site_id=site_id, name=site_id) for site_id in ("s001", "s002")]
        await upsert_sites(conn, sites, actor="test", at=_T0)
        doors = [Device(site_id=site.site_id, device_id="door", kind=DeviceKind.ACCESS_CONTROL) for site in sites]
        await upsert_devices(conn, doors, actor="test", at=_T0)
        await put(conn, GUARDS, [_GUARD], actor="test", at=_T0)
        yield conn
    finally:
        await conn.close()


def _said(
    door: RegisteredDevice, kind: EventKind, detail: dict[str, Any], minute: int, uid: UUID | None = None
) -> Event:
    at = _T0 + timedelta(minutes=minute)
    return Event(door, at, at + timedelta(seconds=1), uid or uuid4(), kind, True, detail)


async def test_a_guard_who_is_seen_has_checked_in_once(conn: Connection, database: str) -> None:
    registry = await load_registry(conn)
    here, there = registry.device("s001", "door"), registry.device("s002", "door")
    assert here is not None
    assert there is not None
    carded = _said(here, EventKind.ACCESS_GRANTED, {"card": "C-1", "direction": "in"}, 0)
    said = [
        carded,
        _said(here, EventKind.PATROL_CHECKED, {"guard": "G1", "round": 1}, 60),
        _said(here, EventKind.ACCESS_GRANTED, {"card": "c-007"}, 1),  # staff
        _said(here, EventKind.ACCESS_DENIED, {"card": "C-1"}, 2),
        _said(here, EventKind.ACCESS_GRANTED, {"visitor": True}, 3),
        _said(here, EventKind.ACCESS_GRANTED, {"card": ["C-1"]}, 4),
        _said(here, EventKind.ACCESS_GRANTED, {"card": ""}, 5),
        _said(there, EventKind.ACCESS_GRANTED, {"card": "C-1"}, 6),  # another site's card of the same number
    ]
    listener = await connect(database, name="listener")
    try:
        await listen(listener, NoticeChannel.PREMISES)
        for batch in (said, [carded]):
            async with conn.transaction():
                await Parcel(reports=[*batch]).write(conn, "bulk")
        told = [notice.payload async for notice in listener.notifies(timeout=20, stop_after=1)]
        told += [notice.payload async for notice in listener.notifies(timeout=0.05)]
    finally:
        await listener.close()
    assert told == ["s001"]
    kept = await list_check_ins(conn, since=_T0, until=_T0 + timedelta(days=1))
    assert [(one.guard_id, one.site_id, one.at - _T0, one.source) for _, one in reversed(kept)] == [
        ("G1", "s001", timedelta(0), "card/door"),
        ("G1", "s001", timedelta(minutes=60), "patrol/door"),
    ]


async def test_what_is_not_committed_is_no_check_in(conn: Connection) -> None:
    registry = await load_registry(conn)
    here = registry.device("s001", "door")
    assert here is not None
    async with conn.transaction() as transaction:
        await Parcel(reports=[_said(here, EventKind.ACCESS_GRANTED, {"card": "C-1"}, 0)]).write(conn, "bulk")
        raise Rollback(transaction)
    assert await list_check_ins(conn, since=_T0, until=_T0 + timedelta(days=1)) == []
