"""Where pictures come from, with passwords that the database keeps and cannot read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campuswatch.secrets import webhook_secret
from devices.sealing import PasswordSeal
from domain.camera import CameraSource, Way
from domain.errors import SealBroken
from storage.cameras import list_sources, load_cameras, put_source, seal_passwords
from storage.pool import Connection
from tests.integration.patrol.school import NOON, build

URL, OTHER_URL = "http://10.0.0.1/", "http://10.0.0.2/"


async def _put(conn: Connection, seal: PasswordSeal, url: str, username: str, password: str) -> bool:
    source = CameraSource(way=Way.SNAPSHOT, url=url, username=username, password=password)
    return await put_source(conn, "s001", "cam-01", source, seal=seal, actor="test", at=NOON)


async def _password(conn: Connection, seal: PasswordSeal) -> str:
    (camera,) = (await load_cameras(conn, seal)).cameras
    return camera.source.password


async def test_a_password_is_sealed_stays_with_its_user_name_and_goes_to_no_other_address(conn: Connection) -> None:
    await build(conn, cameras=1)
    seal = PasswordSeal(webhook_secret())
    assert await _put(conn, seal, URL, "patrol", "top-secret")
    assert not await _put(conn, seal, URL, "patrol", "top-secret")
    assert not await _put(conn, seal, URL, "patrol", "")
    assert await _put(conn, seal, OTHER_URL, "patrol", "")
    assert await _password(conn, seal) == "top-secret"
    assert await list_sources(conn) == [
        ("s001", "cam-01", CameraSource(way=Way.SNAPSHOT, url=OTHER_URL, username="patrol"))
    ]
    cursor = await conn.execute("SELECT count(*) FROM camera_source WHERE password = '' AND sealed IS NOT NULL")
    assert await cursor.fetchone() == (1,)
    assert await _put(conn, seal, URL, "other", "")
    assert await _password(conn, seal) == ""

    assert await _put(conn, seal, URL, "patrol", "top-secret")
    await conn.execute("UPDATE camera_source SET url = 'http://10.6.6.6/'")
    found = await load_cameras(conn, seal)
    assert (found.cameras, found.shut) == ([], [("s001", "cam-01")])


async def test_what_stands_open_is_sealed_and_a_changed_key_seals_anew(conn: Connection) -> None:
    await build(conn, cameras=1)
    former, secret = webhook_secret(), webhook_secret()
    old, both, fresh = PasswordSeal(former), PasswordSeal(secret, former), PasswordSeal(secret)
    await conn.execute(
        "INSERT INTO camera_source (device_no, way, url, username, password, updated_at)"
        " SELECT device_no, 'snapshot', %s, 'patrol', 'from-before', %s FROM device WHERE kind = 'camera'",
        (URL, NOON - timedelta(days=1)),
    )
    assert await _password(conn, old) == "from-before"
    assert (await seal_passwords(conn, old), await seal_passwords(conn, old)) == (1, 0)
    cursor = await conn.execute("SELECT count(*) FROM camera_source AS c WHERE c::text LIKE '%before%'")
    assert await cursor.fetchone() == (0,)

    assert (await load_cameras(conn, fresh)).shut == [("s001", "cam-01")]
    assert await seal_passwords(conn, fresh) == 0
    with pytest.raises(SealBroken):
        await _put(conn, fresh, OTHER_URL, "patrol", "")
    assert (await seal_passwords(conn, both), await seal_passwords(conn, both)) == (1, 0)
    assert await _password(conn, fresh) == "from-before"
    assert await _put(conn, old, URL, "patrol", "given-anew")  # whoever lost the key imports the passwords again
    assert await _password(conn, old) == "given-anew"
