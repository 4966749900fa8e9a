"""Who of a fleet has an MQTT connection of its own."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from simulators.broker import BrokerAddress
from simulators.district import District
from simulators.latency import Latencies
from simulators.uplink import Uplink

#: Heartbeats and readings that wait for a lost broker, in all connections together; then the oldest go.
MOST_WAITING = 160_000


class Sharing(StrEnum):
    """Who has an MQTT connection of its own."""

    GROUP = "group"  # a few connections, each for a group of sites
    SITE = "site"
    DEVICE = "device"


def shared_uplinks(
    district: District,
    broker: BrokerAddress,
    run: str,
    sharing: Sharing,
    *,
    groups: int,
    window: int,
    door: asyncio.Semaphore,
    latencies: Latencies,
) -> dict[str, Uplink]:
    """The uplink of each device, by the beginning of its topics. ``run`` begins the client ids. With `Sharing.GROUP`
    there are at most ``groups`` of them; every site keeps to one.
    """
    sites = district.sites
    groups = max(1, min(groups, len(sites)))
    site_nos = {site.site_id: number for number, site in enumerate(sites)}
    count = {Sharing.GROUP: groups, Sharing.SITE: len(sites), Sharing.DEVICE: len(district.devices)}[sharing]
    backlog = max(1, MOST_WAITING // count)
    named: dict[str, Uplink] = {}
    found: dict[str, Uplink] = {}
    for device in district.devices:
        match sharing:
            case Sharing.GROUP:
                name = f"{site_nos[device.site_id] * groups // len(sites):03d}"
            case Sharing.SITE:
                name = device.site_id
            case Sharing.DEVICE:
                name = f"{device.site_id}-{device.device_id}"
        if name not in named:
            named[name] = Uplink(
                broker, f"{run}-{name}", window=window, backlog=backlog, door=door, latencies=latencies
            )
        found[f"campus/v1/{device.site_id}/{device.device_id}"] = named[name]
    return found
