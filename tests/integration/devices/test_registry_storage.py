from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devices.registry import load_registry
from domain.device import DeviceKind, RegisteredDevice
from domain.errors import RegistryError, UnknownDevice, UnknownSite
from storage.devices import get_device, get_registered, list_devices, retire_device, upsert_devices
from storage.notices import NoticeChannel, listen
from storage.pool import Connection, connect
from storage.registry import Changes
from storage.sites import get_site, list_sites, upsert_sites
from tests.integration.devices.conftest import AT, device, site

GATEWAY = device("gw-01", DeviceKind.GATEWAY)
SMOKE = device("smk-01", name="食堂烟感", parent_id="gw-01", profile="zigbee2mqtt", address="0x01", heartbeat_s=60)


async def audit(conn: Connection) -> list[tuple[Any, ...]]:
    cursor = await conn.execute("SELECT actor, action, subject, detail FROM audit_entry ORDER BY entry_no")
    return list(await cursor.fetchall())


async def put(conn: Connection, *devices: Any) -> Changes:
    return await upsert_devices(conn, devices, actor="tester", at=AT)


@pytest.fixture
async def school(conn: Connection) -> Connection:
    await upsert_sites(conn, [site()], actor="tester", at=AT)
    await put(conn, SMOKE, GATEWAY)
    return conn


async def test_sites_and_devices_are_added_changed_and_left_alone(school: Connection) -> None:
    assert await put(school, SMOKE, GATEWAY) == Changes(0, 0, 2)
    assert await put(school, device("smk-01"), device("smk-02")) == Changes(1, 1, 0)
    assert await upsert_sites(school, [site(), site("s002")], actor="tester", at=AT) == Changes(1, 0, 1)
    assert await upsert_sites(school, [site(name="新名")], actor="tester", at=AT) == Changes(0, 1, 0)
    assert (await get_site(school, "s001")).site == site(name="新名")
    assert await get_device(school, "s001", "smk-01") == device("smk-01")


async def test_every_change_is_audited_with_before_and_after(school: Connection) -> None:
    await put(school, device("smk-01", name="新名"))
    entries = await audit(school)
    assert sorted(entry[:3] for entry in entries[:-1]) == [
        ("tester", "device.added", "s001/gw-01"),
        ("tester", "device.added", "s001/smk-01"),
        ("tester", "site.added", "s001"),
    ]
    assert entries[-1][:3] == ("tester", "device.changed", "s001/smk-01")
    assert entries[-1][3] == {
        "name": ["食堂烟感", "新名"],
        "parent_id": ["gw-01", ""],
        "profile": ["zigbee2mqtt", ""],
        "address": ["0x01", ""],
        "heartbeat_s": [60, 30],
    }


async def test_lanes_are_told_of_a_change_and_not_of_none(school: Connection, plain_database: str) -> None:
    async with await connect(plain_database, name="listener") as listener:
        await listen(listener, NoticeChannel.REGISTRY)
        await put(school, SMOKE)
        await put(school, device("smk-02"))
        notices = [notice.channel async for notice in listener.notifies(timeout=5, stop_after=1)]
        assert notices == [NoticeChannel.REGISTRY]
        assert [notice async for notice in listener.notifies(timeout=0.2)] == []


async def test_registry_is_loaded_with_parents_and_addresses(school: Connection) -> None:
    await put(school, device("old"))
    await retire_device(school, "s001", "old", actor="tester", at=AT)
    registry = await load_registry(school)
    smoke, gateway = registry.device("s001", "smk-01"), registry.device("s001", "gw-01")
    assert smoke is not None
    assert gateway is not None
    site_no = registry.site_no("s001")
    assert site_no is not None
    assert smoke == RegisteredDevice(
        smoke.device_no, site_no, "s001", "smk-01", DeviceKind.SMOKE, 60, gateway.device_no
    )
    assert registry.by_address("zigbee2mqtt", "0x01") == (smoke,)
    assert registry.by_no(gateway.device_no) == gateway
    assert len(registry) == 2
    assert await get_registered(school, "s001", "smk-01") == smoke
    assert await get_registered(school, "s001", "old") is None


async def test_addresses_are_swapped_in_one_change(school: Connection) -> None:
    def named(device_id: str, address: str) -> Any:
        return device(device_id, profile="zigbee2mqtt", address=address)

    await put(school, named("a", "1"), named("b", "2"))
    assert await put(school, named("a", "2"), named("b", "1")) == Changes(0, 2, 0)
    assert await put(school, named("b", "3"), named("c", "1")) == Changes(1, 1, 0)


@pytest.mark.parametrize(
    ("devices", "error", "said"),
    [
        ([device("x", site_id="s009")], UnknownSite, "s009"),
        ([device("x"), device("x")], RegistryError, "twice"),
        ([device("x", parent_id="nobody")], RegistryError, "nobody of s001/x"),
        ([device("x", parent_id="x")], RegistryError, "hangs on itself"),
        ([device("x", parent_id="y"), device("y", parent_id="x")], RegistryError, "hangs on itself"),
        ([device("x", profile="zigbee2mqtt", address="0x01")], RegistryError, "twice"),
        ([device("x y")], RegistryError, "not allowed"),
        ([device("x", heartbeat_s=0)], RegistryError, "not allowed"),
        ([device("x", name="a\x00b")], RegistryError, "not allowed"),
    ],
)
async def test_contradiction_is_refused_and_nothing_changed(
    school: Connection, devices: list[Any], error: type[RegistryError], said: str
) -> None:
    before = await audit(school)
    with pytest.raises(error, match=said):
        await put(school, device("fine"), *devices)
    assert {row.device_id for row in await list_devices(school)} == {"gw-01", "smk-01"}
    assert await audit(school) == before


async def test_retired_device_leaves_its_address_and_comes_back(school: Connection) -> None:
    await retire_device(school, "s001", "smk-01", actor="tester", at=AT)
    with pytest.raises(UnknownDevice):
        await get_device(school, "s001", "smk-01")
    with pytest.raises(UnknownDevice):
        await retire_device(school, "s001", "smk-01", actor="tester", at=AT)
    await put(school, device("smk-02", profile="zigbee2mqtt", address="0x01"))
    assert await put(school, device("smk-01")) == Changes(0, 1, 0)
    assert [entry[1] for entry in await audit(school)][-3:] == ["device.retired", "device.added", "device.restored"]


async def test_gateway_is_not_retired_under_its_devices(school: Connection) -> None:
    with pytest.raises(RegistryError, match="smk-01"):
        await retire_device(school, "s001", "gw-01", actor="tester", at=AT)
    assert await get_device(school, "s001", "gw-01") == GATEWAY


async def test_lists_go_on_behind_where_they_ended(school: Connection) -> None:
    await upsert_sites(school, [site("s002"), site("s003")], actor="tester", at=AT)
    await put(school, device("a", site_id="s002"), device("b", site_id="s002"))
    first = await list_devices(school, limit=3)
    rest = await list_devices(school, after=(first[-1].site_id, first[-1].device_id))
    assert [row.device_id for row in (*first, *rest)] == ["gw-01", "smk-01", "a", "b"]
    assert [row.device_id for row in await list_devices(school, site_id="s002")] == ["a", "b"]
    assert [row.site.site_id for row in await list_sites(school, after="s001", limit=1)] == ["s002"]
    with pytest.raises(UnknownSite):
        await get_site(school, "s009")


async def test_two_writers_at_once_do_not_lose_each_other(school: Connection, plain_database: str) -> None:
    async with await connect(plain_database, name="other") as other:
        results = await asyncio.gather(
            *(put(one, *(device(f"d-{number}") for number in range(200))) for one in (school, other))
        )
    assert sorted(result.added for result in results) == [0, 200]
    assert sorted(result.unchanged for result in results) == [0, 200]
