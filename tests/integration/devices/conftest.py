from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from domain.device import Device, DeviceKind
from domain.site import Site, SiteKind
from storage.pool import Connection, connect

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def site(site_id: str = "s001", name: str = "实验小学") -> Site:
    return Site(site_id=site_id, name=name, kind=SiteKind.PRIMARY, township="湖塘镇", longitude=119.95, latitude=31.7)


def device(device_id: str, kind: DeviceKind = DeviceKind.SMOKE, **fields: object) -> Device:
    return Device(**{"site_id": "s001", "device_id": device_id, "kind": kind, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def conn(plain_database: str) -> AsyncIterator[Connection]:
    connection = await connect(plain_database, name="tests")
    async with connection:
        yield connection
