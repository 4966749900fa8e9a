from __future__ import annotations

from datetime import timedelta

import pytest

from devices.adoption import adopt, offers
from devices.importer import import_district
from domain.device import DeviceKind
from domain.errors import RegistryError, UnknownSite
from storage.devices import retire_device
from storage.pool import Connection
from storage.unregistered import UnregisteredDevice
from tests.integration.devices.conftest import AT, device, site

_INSERT = """INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)
             VALUES (%s, 't', %s, %s, %s, %s, '', '', 0)"""


@pytest.fixture
async def school(conn: Connection) -> Connection:
    await import_district(conn, [site()], [device("known")], at=AT)
    rows = [
        (0, "s001", "new", "alarm", "unknown_device"),
        (1, "s001", "new", "heartbeat", "unknown_device"),
        (2, "s001", "new", "heartbeat", "unknown_device"),
        (3, "s001", "known", "heartbeat", "unknown_device"),
        (4, "s001", "other", "heartbeat", "bad_json"),
        (5, "s009", "far", "heartbeat", "unknown_site"),
        (6, "", "0xdead", "zigbee2mqtt", "unknown_device"),
        (7, "", "", "", "unknown_device"),
    ]
    for minute, *row in rows:
        await conn.execute(_INSERT, (AT + timedelta(minutes=minute), *row))
    return conn


async def offered(conn: Connection) -> list[str]:
    return [f"{offer.site_id}/{offer.device_id}" for offer in await offers(conn)]


async def test_devices_that_speak_unregistered_are_offered(school: Connection) -> None:
    assert await offered(school) == ["/0xdead", "s001/new", "s009/far"]
    assert (await offers(school, after=("", "0xdead"), limit=1)) == [
        UnregisteredDevice(
            site_id="s001",
            device_id="new",
            channels=["alarm", "heartbeat"],
            count=3,
            first_seen_at=AT,
            last_seen_at=AT + timedelta(minutes=2),
        )
    ]


async def test_adopted_device_is_registered_audited_and_offered_no_more(school: Connection) -> None:
    adopted = await adopt(school, device("new", DeviceKind.ONE_KEY_ALARM, name="门卫"), actor="值班员", at=AT)
    assert (adopted.key, adopted.kind) == ("s001/new", DeviceKind.ONE_KEY_ALARM)
    assert await offered(school) == ["/0xdead", "s009/far"]
    cursor = await school.execute("SELECT actor, action, subject FROM audit_entry ORDER BY entry_no DESC LIMIT 1")
    assert await cursor.fetchone() == ("值班员", "device.adopted", "s001/new")


async def test_address_of_a_maker_is_adopted_under_an_id_of_ours(school: Connection) -> None:
    await adopt(school, device("smk-09", profile="zigbee2mqtt", address="0xdead"), actor="x", at=AT)
    assert await offered(school) == ["s001/new", "s009/far"]


async def test_retired_device_that_speaks_again_is_offered_and_adopted(school: Connection) -> None:
    await retire_device(school, "s001", "known", actor="x", at=AT)
    assert "s001/known" in await offered(school)
    assert (await adopt(school, device("known"), actor="x", at=AT)).device_id == "known"


async def test_what_cannot_be_adopted_is_refused(school: Connection) -> None:
    with pytest.raises(UnknownSite):
        await adopt(school, device("far", site_id="s009"), actor="x", at=AT)
    with pytest.raises(RegistryError, match="already"):
        await adopt(school, device("known"), actor="x", at=AT)
    with pytest.raises(RegistryError, match="expected"):
        await adopt(school, device("a/b"), actor="x", at=AT)
