"""What a quiet device measures at a moment: a pure function of the seed, the device and the time.

The air follows the season and the sun at the district's latitude, a building follows the air with less swing,
a kitchen is warmer and warmest while it cooks. The figures are plausible, not measured.
"""

from __future__ import annotations

from math import cos, pi, radians, sin

from domain.device import Device, DeviceKind
from simulators.chance import drift, key_of, unit
from simulators.gazetteer import KITCHEN

_LATITUDE = radians(31.7)
_LONGITUDE_DEG = 119.95
_DAY_S = 86_400.0
_YEAR_S = 365.2425 * _DAY_S
_CHINA_OFFSET_S = 8 * 3600.0

#: Kinds that run on a battery and say how full it is.
BATTERY_KINDS = frozenset(
    {
        DeviceKind.SMOKE,
        DeviceKind.TEMPERATURE,
        DeviceKind.ONE_KEY_ALARM,
        DeviceKind.INTRUSION_ZONE,
        DeviceKind.PATROL_POINT,
    }
)
#: What a kind measures; a kind that is not here sends no readings.
MEASURES = {
    DeviceKind.TEMPERATURE: "temperature_c",
    DeviceKind.SMOKE: "smoke_obscuration_db_m",
}
_BATTERY_FULL_PCT = 100.0
_BATTERY_CHANGED_AT_PCT = 30.0  # a well-kept district changes a battery before it complains


def outdoor_c(at_s: float) -> float:
    """The air in the shade, °C, at ``at_s`` (seconds since 1970, UTC): about 3 in January, 29 in July."""
    year = (at_s % _YEAR_S) / _YEAR_S
    season = 15.0 - 12.5 * cos(2 * pi * (year - 0.055))  # coldest about 20 January
    return season + 9.0 * (sun_height(at_s - 2 * 3600.0) - 0.3)  # warmest two hours after noon


def sun_height(at_s: float) -> float:
    """Sine of the sun's height over the district, 0 at night."""
    declination = radians(-23.44) * cos(2 * pi * ((at_s % _YEAR_S) / _YEAR_S + 10 / 365))
    hour_angle = 2 * pi * ((at_s % _DAY_S) / _DAY_S + _LONGITUDE_DEG / 360.0) - pi
    height = sin(_LATITUDE) * sin(declination) + cos(_LATITUDE) * cos(declination) * cos(hour_angle)
    return max(0.0, height)


def cooking(at_s: float) -> float:
    """How busy a school kitchen is, 0 to 1: breakfast about 6:30 and lunch about 10:30, China time."""
    hour = ((at_s + _CHINA_OFFSET_S) % _DAY_S) / 3600.0
    return max(0.0, 0.7 - abs(hour - 6.5) / 2.0, 1.0 - abs(hour - 10.5) / 2.5)


class Behaviour:
    """One device's nature. Construct it once: the key costs more than the questions."""

    __slots__ = ("_battery_life_s", "_kitchen", "_offset_c", "device", "has_battery", "key", "metric")

    def __init__(self, seed: int, device: Device) -> None:
        self.device = device
        self.key = key_of(seed, device.site_id, device.device_id)
        self.has_battery = device.kind in BATTERY_KINDS
        self.metric = MEASURES.get(device.kind)
        self._kitchen = device.place == KITCHEN
        self._offset_c = 2.0 * unit(self.key, 1) - 1.0
        self._battery_life_s = (540.0 + 540.0 * unit(self.key, 2)) * _DAY_S

    def battery_pct(self, at_s: float) -> float:
        """Falls slowly from 100 to 30 over one and a half to three years, then a new one is put in."""
        used = (at_s / self._battery_life_s + unit(self.key, 3)) % 1.0
        return round(_BATTERY_FULL_PCT - (_BATTERY_FULL_PCT - _BATTERY_CHANGED_AT_PCT) * used, 1)

    def measured(self, at_s: float) -> float:
        """What the device measures with nothing wrong, in the unit of its metric."""
        if self.metric == "temperature_c":
            return self._temperature_c(at_s)
        return self._smoke_db_m(at_s)

    def _temperature_c(self, at_s: float) -> float:
        inside = 20.0 + 0.45 * (outdoor_c(at_s) - 16.0)
        kitchen = 4.0 + 7.0 * cooking(at_s) if self._kitchen else 0.0
        return round(inside + kitchen + self._offset_c + 0.6 * drift(self.key, at_s, 1800.0), 2)

    def _smoke_db_m(self, at_s: float) -> float:
        haze = 0.012 + 0.01 * drift(self.key, at_s, 900.0)
        return round(haze + (0.02 * cooking(at_s) if self._kitchen else 0.0), 4)
