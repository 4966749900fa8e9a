"""What a device takes of the Python heap: the bulk role's registry, rules and decoder by themselves, weighed."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import msgspec

from benchmarks.province import HEARTBEAT_S, Province, said
from detectors.engine import Engine
from detectors.rules import bulk_rules
from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import Registry
from domain.device import DeviceKind, RegisteredDevice


class Heap(msgspec.Struct, frozen=True):
    """Bytes for each device: of the registry, and of what a first heartbeat leaves in rules and decoder."""

    registry: float
    rules: float
    topics: float

    @property
    def all(self) -> float:
        return self.registry + self.rules + self.topics


def weigh(devices: int) -> Heap:
    """To be called in a process of its own: from here on every allocation is followed."""
    province, profiles, engine = Province(devices), load_profiles(None), Engine(bulk_rules())
    tracemalloc.start()
    numbers = {f"s{number:05d}": number for number in range(1, province.sites + 1)}
    registry = Registry(numbers, _registered(province, numbers))
    registered, _ = tracemalloc.get_traced_memory()
    now, decoder = datetime.now(UTC), Decoder(registry, profiles)
    engine.enrol(registry, now)
    everyone = province.everyone()
    while some := said(list(itertools.islice(everyone, 10_000)), now.timestamp()):
        for topic, payload in some:
            for observation in decoder.decode(topic.encode(), payload, now).observations:
                engine.observe(observation)
        engine.changes()
    del observation
    in_all, _ = tracemalloc.get_traced_memory()
    rules = sum(
        trace.size
        for trace in tracemalloc.take_snapshot().statistics("filename")
        if "detectors" in Path(trace.traceback[0].filename).parts
    )
    tracemalloc.stop()
    return Heap(registry=registered / devices, rules=rules / devices, topics=(in_all - registered - rules) / devices)


def weighed(devices: int) -> Heap:
    """`weigh` in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(weigh, (devices,))


def _registered(province: Province, site_nos: Mapping[str, int]) -> Iterator[RegisteredDevice]:
    """As the registry's table gives them out: the site's id once for all its devices."""
    site_ids = {site_id: site_id for site_id in site_nos}
    for number, topic in enumerate(province.everyone(), start=1):
        _, _, site_id, device_id, _ = topic.split("/")
        site_no = site_nos[site_id]
        # A number of its own for the gateway, as each row of a result has.
        parent_no = 1_000_000 + site_no
        yield RegisteredDevice(number, site_no, site_ids[site_id], device_id, DeviceKind.CAMERA, HEARTBEAT_S, parent_no)
