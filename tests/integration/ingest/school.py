"""A registered school, somebody who speaks for its devices, and what the database says came of it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from domain.clock import SystemClock
from domain.device import Device, DeviceKind
from domain.site import Site
from ingest.parcel import Share
from storage.devices import upsert_devices
from storage.pool import Connection
from storage.sites import upsert_sites
from tests.integration.alerting.ledgers import rows
from tests.integration.embedded.subscriber import Subscriber

PROFILES = load_profiles()
TELEMETRY = Share(alarms=False, both=frozenset())
ALARMS = Share(alarms=True, both=frozenset())
TABLES = ("heartbeat", "reading", "event", "quarantine")


async def register(conn: Connection) -> Decoder:
    """Two schools with ten sensors and a button each."""
    now = SystemClock().now()
    sites = [Site(site_id=site_id, name=f"学校{site_id}") for site_id in ("s001", "s002")]
    await upsert_sites(conn, sites, actor="test", at=now)
    devices = [
        Device(site_id=site.site_id, device_id=f"{name}-{number:02d}", kind=kind)
        for site in sites
        for name, kind in (("tmp", DeviceKind.TEMPERATURE), ("btn", DeviceKind.ONE_KEY_ALARM))
        for number in range(10)
    ]
    await upsert_devices(conn, devices, actor="test", at=now)
    return Decoder(await load_registry(conn), PROFILES)


def now_text(**shift: float) -> str:
    return (datetime.now(UTC) + timedelta(**shift)).isoformat()


def heartbeat(number: int = 0, *, ts: str = "", site: str = "s001") -> tuple[str, bytes]:
    body = msgspec.json.encode({"ts": ts or now_text(), "battery_pct": 80})
    return f"campus/v1/{site}/tmp-{number:02d}/heartbeat", body


def reading(number: int = 0, value: object = 21.5, *, ts: str = "") -> tuple[str, bytes]:
    body = msgspec.json.encode({"ts": ts or now_text(), "values": {"temperature_c": value}})
    return f"campus/v1/s001/tmp-{number:02d}/reading", body


def press(number: int = 0, *, name: str = "", **fields: object) -> tuple[str, bytes]:
    body = msgspec.json.encode({"alarm": "panic", **({"id": name} if name else {}), **fields})
    return f"campus/v1/s001/btn-{number:02d}/alarm", body


Message = tuple[str, bytes]


class Devices:
    """Publishes for every device, over one connection."""

    def __init__(self, url: str) -> None:
        self._client = Subscriber(url, f"devices-{id(self)}", clean=True)

    async def say(self, *messages: Message, retain: bool = False) -> None:
        """Returns when the broker has them."""

        def publish() -> None:
            for topic, payload in messages:
                self._client.publish(topic, [payload], retain=retain)

        await asyncio.to_thread(publish)

    def close(self) -> None:
        self._client.close()


def say_raw(url: str, topic: bytes, payload: bytes) -> None:
    """One message with whatever bytes as its topic, QoS 1, past every library's checks. The broker may hang up."""
    parts = urlsplit(url)
    body = len(topic).to_bytes(2, "big") + topic + b"\x00\x01" + payload
    name = b"raw-publisher"
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    with socket.create_connection((str(parts.hostname), int(parts.port or 1883)), timeout=5) as line:
        line.sendall(bytes([0x10, len(connect)]) + connect)
        assert line.recv(4)[:1] == b"\x20", "no CONNACK"
        line.sendall(b"\x32" + _length(len(body)) + body)
        line.settimeout(1)
        with suppress(OSError):
            line.recv(4)


def _length(number: int) -> bytes:
    """MQTT's variable byte integer."""
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


async def counts(conn: Connection) -> dict[str, int]:
    """Rows by table."""
    columns = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)
    (found,) = await rows(conn, f"SELECT {columns}")
    return found


async def ledger(conn: Connection) -> dict[str, int]:
    """What came in, over all sites; fails where the books do not balance for one of them."""
    found: list[dict[str, Any]] = await rows(
        conn,
        "SELECT site_no, sum(received)::int AS received, sum(stored)::int AS stored, sum(rejected)::int AS rejected,"
        " sum(duplicate)::int AS duplicate FROM ledger GROUP BY site_no",
    )
    for line in found:
        assert line["received"] == line["stored"] + line["rejected"] + line["duplicate"], line
    return {name: sum(line[name] for line in found) for name in ("received", "stored", "rejected", "duplicate")}
