"""What the alarm role needs to know when it starts while the database is away: devices, places, open incidents, and
alarms that no link has taken yet.

Written to local disk when it changes, replaced atomically. The registry may be a little old; a device that was
registered since then is a doubtful alarm until the database is back, never a lost one.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

import msgspec
import structlog

from alerting.standing import Standing
from campuswatch.gazetteer import RegistryGazetteer
from devices.registry import Address, Registry
from domain.device import Device, RegisteredDevice
from domain.incident import OpenCase
from domain.site import Site

log = structlog.get_logger("campuswatch.snapshot")


#: What decoding says of bytes that are not what was written: a flipped bit in a name is a ValueError of its own.
_DAMAGED = (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError)


class _Registry(msgspec.Struct, array_like=True):
    site_nos: dict[str, int]
    sites: list[Site]
    registered: list[RegisteredDevice]
    devices: list[Device]


class Snapshot:
    """Two files in ``directory``: the registry, and what stands of alarms, which changes more often."""

    def __init__(self, directory: Path) -> None:
        self._registry = directory / "registry.msgpack"
        self._standing = directory / "open-cases.msgpack"

    def save_registry(self, registry: Registry, gazetteer: RegistryGazetteer) -> None:
        """Blocking: some megabytes for a district."""
        _replace(
            self._registry,
            msgspec.msgpack.encode(
                _Registry(
                    site_nos=dict(registry.sites),
                    sites=gazetteer.sites(),
                    registered=list(registry),
                    devices=gazetteer.devices(),
                )
            ),
        )

    def load_registry(self, gazetteer: RegistryGazetteer) -> Registry | None:
        """Fill ``gazetteer`` and give the registry, or None where there is no usable snapshot."""
        try:
            kept = msgspec.msgpack.decode(self._registry.read_bytes(), type=_Registry)
            numbers = {(device.site_id, device.device_id): device.device_no for device in kept.registered}
            addresses = [
                Address(numbers[device.site_id, device.device_id], device.profile, device.address)
                for device in kept.devices
                if device.profile and (device.site_id, device.device_id) in numbers
            ]
            registry = Registry(kept.site_nos, kept.registered, addresses)
        except (OSError, *_DAMAGED) as error:
            log.warning("no registry snapshot", file=str(self._registry), error=str(error))
            return None
        gazetteer.fill(kept.sites, kept.devices)
        return registry

    def save_standing(self, standing: Standing) -> None:
        """Blocking.

        :raises OSError: the disk did not take it.
        """
        _write(self._standing, msgspec.msgpack.encode(standing))

    def load_standing(self) -> Standing:
        """Nothing where there is no usable file: then a link may be told once more of an alarm that is open."""
        try:
            content = self._standing.read_bytes()
        except FileNotFoundError:
            return Standing()
        except OSError as error:
            log.warning("open cases not read", file=str(self._standing), error=error.strerror)
            return Standing()
        try:
            return msgspec.msgpack.decode(content, type=Standing)
        except _DAMAGED:
            return _keys_alone(content)


def _keys_alone(content: bytes) -> Standing:
    """The file as programs before 2026-11-22 wrote it."""
    try:
        keys = msgspec.msgpack.decode(content, type=list[str])
    except _DAMAGED as error:
        log.warning("open cases not understood", error=str(error))
        return Standing()
    return Standing(cases={key: OpenCase(incident_id=None) for key in keys})


def _replace(file: Path, content: bytes) -> None:
    """A disk that takes nothing is said and no more: the snapshot is for the day when the database is away too."""
    try:
        _write(file, content)
    except OSError as error:
        log.warning("snapshot not written", file=str(file), error=error.strerror)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(f".{get_ident()}.new")  # two threads may write at once; the last one stands
    with fresh.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
