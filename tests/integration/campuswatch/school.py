"""A school that meets all targets, registered, with its devices alive and proved."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from domain.device import Device, DeviceKind
from domain.guard import Guard, GuardPost
from domain.liveness import Connectivity, LivenessChange, Reason
from domain.premises import Barrier, BarrierKind, Gate
from domain.site import Site, SiteKind
from storage.device_states import store_liveness
from storage.devices import upsert_devices
from storage.guard_posts import POSTS
from storage.guards import GUARDS
from storage.link_proofs import accept_links
from storage.pool import Connection
from storage.premises import put_premises
from storage.sites import upsert_sites
from storage.versions import put

#: A Monday in term, 10:00 in China: lessons.
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
LONG_AGO = datetime(2025, 9, 1, tzinfo=UTC)
SITE = Site(site_id="s001", name="前黄实验学校", kind=SiteKind.PRIMARY, township="前黄镇", pupils=900)
BUTTON = Device(site_id="s001", device_id="btn-1", kind=DeviceKind.ONE_KEY_ALARM, name="一键报警01", place="门卫室")
CAMERA = Device(site_id="s001", device_id="cam-1", kind=DeviceKind.CAMERA, place="门卫室", key_place=True)
DOOR = Device(site_id="s001", device_id="door-1", kind=DeviceKind.ACCESS_CONTROL, place="正门")
GATEWAY = Device(site_id="s001", device_id="gw-1", kind=DeviceKind.GATEWAY)
DEVICES = (GATEWAY, BUTTON, CAMERA, DOOR)


def guard(number: int, *, certificate_until: date | None = date(2028, 1, 1)) -> Guard:
    return Guard(
        guard_id=f"G{number}",
        site_id="s001",
        name="李强",
        born_on=date(1985, 5, 1),
        first_hired_on=date(2020, 1, 1),
        serves_from=date(2020, 1, 1),
        certificate_no=f"32040{number}",
        certificate_until=certificate_until,
    )


GATE = Gate(site_id="s001", gate_id="main", name="正门", main=True, device_id="door-1")
BARRIER = Barrier(
    site_id="s001",
    barrier_id="b1",
    gate_id="main",
    kind=BarrierKind.PIER,
    installed_on=date(2024, 1, 1),
    inspected_on=date(2026, 2, 1),
)
POST = GuardPost(site_id="s001", post_id="p1", place="正门", required=2)


async def numbers(conn: Connection) -> dict[str, int]:
    cursor = await conn.execute("SELECT device_id, device_no FROM device")
    return dict(await cursor.fetchall())


async def live(
    conn: Connection,
    device_id: str,
    connectivity: Connectivity = Connectivity.ONLINE,
    *,
    at: datetime = NOW,
    behind: str = "",
) -> None:
    known = await numbers(conn)
    change = LivenessChange(
        device_no=known[device_id],
        connectivity=connectivity,
        since=at,
        last_seen_at=at,
        reason=Reason.BEHIND if behind else Reason.NONE,
        behind_no=known[behind] if behind else None,
    )
    await store_liveness(conn, [change])


async def condition(conn: Connection, device_id: str, state: str, *, at: datetime) -> None:
    await conn.execute(
        "INSERT INTO device_condition (device_no, condition, since, at) SELECT device_no, %s, %s, %s FROM device"
        " WHERE device_id = %s ON CONFLICT (device_no) DO UPDATE SET condition = excluded.condition,"
        " since = excluded.since, at = excluded.at",
        (state, at, at, device_id),
    )


async def register(conn: Connection) -> None:
    await upsert_sites(conn, [SITE], actor="test", at=LONG_AGO)
    parented = [
        Device(**{name: getattr(one, name) for name in one.__struct_fields__} | {"parent_id": "gw-1"})
        if one is not GATEWAY
        else one
        for one in DEVICES
    ]
    await upsert_devices(conn, parented, actor="test", at=LONG_AGO)
    await put(conn, GUARDS, [guard(1), guard(2)], actor="test", at=LONG_AGO)
    await put(conn, POSTS, [POST], actor="test", at=LONG_AGO)
    await put_premises(conn, [GATE], [BARRIER], actor="test", at=LONG_AGO)
    for device in DEVICES:
        await live(conn, device.device_id, at=NOW - timedelta(hours=1))
    await condition(conn, "door-1", '{"door": "closed"}', at=NOW - timedelta(hours=1))
    await accept_links(conn, ["police", "education"], NOW - timedelta(days=10))
