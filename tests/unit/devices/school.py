"""A small registered school for the tests of decoders and profiles."""

from __future__ import annotations

from datetime import UTC, datetime

from devices.formats.decode import Decoder
from devices.profiles.loading import load_profiles
from devices.registry import Address, Registry
from domain.device import DeviceKind, RegisteredDevice

NOW = datetime(2026, 11, 22, 0, 5, 0, tzinfo=UTC)
TS = "2026-11-22T08:05:00+08:00"  # the same moment


def _device(number: int, device_id: str, kind: DeviceKind, site: int = 1) -> RegisteredDevice:
    return RegisteredDevice(number, site, f"s{site:03d}", device_id, kind)


BUTTON = _device(1, "s001-btn-01", DeviceKind.ONE_KEY_ALARM)
SMOKE = _device(2, "s001-smk-01", DeviceKind.SMOKE)
TEMPERATURE = _device(3, "s001-tmp-01", DeviceKind.TEMPERATURE)
CAMERA = _device(4, "s001-cam-01", DeviceKind.CAMERA)
GATEWAY = _device(5, "s001-gw-01", DeviceKind.GATEWAY)
DOOR = _device(6, "s001-door-01", DeviceKind.ACCESS_CONTROL)
ZONE = _device(7, "s001-zone-01", DeviceKind.INTRUSION_ZONE)
OTHER_SMOKE = _device(8, "s002-smk-01", DeviceKind.SMOKE, site=2)

DEVICES = (BUTTON, SMOKE, TEMPERATURE, CAMERA, GATEWAY, DOOR, ZONE, OTHER_SMOKE)


def registry() -> Registry:
    return Registry(
        {"s001": 1, "s002": 2},
        DEVICES,
        [
            Address(BUTTON.device_no, "zigbee2mqtt", "button"),
            Address(SMOKE.device_no, "zigbee2mqtt", "0x00158d0001a2b3c4"),
            Address(TEMPERATURE.device_no, "zigbee2mqtt", "hall"),
            Address(DOOR.device_no, "zigbee2mqtt", "gate"),
            Address(ZONE.device_no, "zigbee2mqtt", "fence"),
            Address(CAMERA.device_no, "zigbee2mqtt", "twin"),
            Address(OTHER_SMOKE.device_no, "zigbee2mqtt", "twin"),
            Address(SMOKE.device_no, "tasmota", "smoke_1"),
            Address(BUTTON.device_no, "tasmota", "button_1"),
            Address(TEMPERATURE.device_no, "tasmota", "th_1"),
        ],
    )


PROFILES = load_profiles()


def decoder() -> Decoder:
    return Decoder(registry(), PROFILES)
