"""Messages for a load: every one is one that a device of the district could send, and no two are alike."""

from __future__ import annotations

from collections.abc import Sequence

from domain.device import Device, DeviceKind
from domain.observation import Channel
from simulators.message import heartbeat, reading, topic

#: What is measured where nothing is wrong, by kind.
_USUAL = {DeviceKind.TEMPERATURE: ("temperature_c", 18.0), DeviceKind.SMOKE: ("smoke_obscuration_db_m", 0.01)}


class Traffic:
    """The devices in turn, each with a heartbeat, and a sensor with a reading every other time."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._turns = [
            (
                topic(device.site_id, device.device_id, Channel.HEARTBEAT),
                topic(device.site_id, device.device_id, Channel.READING),
                *_USUAL.get(device.kind, ("", 0.0)),
            )
            for device in devices
        ]
        self._device_no = -1
        self._round = 0

    def next(self, at_s: float) -> tuple[int, str, bytes]:
        """Number of the device, topic and payload of what it says at ``at_s``."""
        self._device_no += 1
        if self._device_no == len(self._turns):
            self._device_no = 0
            self._round += 1
        alive, measured, metric, usual = self._turns[self._device_no]
        if metric and self._round & 1:
            return self._device_no, measured, reading(at_s, metric, usual)
        return self._device_no, alive, heartbeat(at_s, None)
