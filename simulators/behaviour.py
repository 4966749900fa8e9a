"""What a quiet device measures at a moment: a pure function of the seed, the device and the time.

A building follows the air with less swing, a kitchen is warmer and warmest while it cooks. The figures are plausible,
not measured. Between two moments of a grid of ten minutes a measurement goes straight from one to the other.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from domain.bells import BELLS
from domain.device import Device, DeviceKind
from domain.school_calendar import is_school_day
from domain.site import SiteKind
from simulators.chance import drift, key_of, unit
from simulators.day.sky import outdoor_c
from simulators.gazetteer import KITCHEN
from simulators.message import CHINA_TIME

_DAY_S = 86_400.0
_HOUR_S = 3600.0
GRID_S = 600.0

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
#: What a kind measures; a kind that is not here sends no readings, and its metric is "".
MEASURES = {
    DeviceKind.TEMPERATURE: "temperature_c",
    DeviceKind.SMOKE: "smoke_obscuration_db_m",
}
_BATTERY_FULL_PCT = 100.0
_BATTERY_CHANGED_AT_PCT = 30.0  # a well-kept district changes a battery before it complains


@lru_cache(maxsize=64)
def cooking(at_s: float, kind: SiteKind = SiteKind.PRIMARY) -> float:
    """How busy a school's kitchen is, 0 to 1. On days without school it is cold."""
    at = datetime.fromtimestamp(at_s, CHINA_TIME)
    if not is_school_day(at.date()):
        return 0.0
    minute = at.hour * 60 + at.minute + at.second / 60
    return max(0.0, *(busy - abs(minute - meal) / 150 for meal, busy in BELLS[kind].meals))


@lru_cache(maxsize=64)
def _air_c(at_s: float) -> float:
    return outdoor_c(at_s)


class Behaviour:
    """One device's nature. Construct it once: the key costs more than the questions."""

    __slots__ = (
        "_battery_life_s", "_battery_used", "_cell", "_digits", "_kitchen", "_left", "_offset_c", "_right",
        "_site_kind", "device", "has_battery", "key", "metric",
    )  # fmt: skip

    def __init__(self, seed: int, device: Device, site_kind: SiteKind = SiteKind.PRIMARY) -> None:
        self.device = device
        self.key = key_of(seed, device.site_id, device.device_id)
        self.has_battery = device.kind in BATTERY_KINDS
        self.metric = MEASURES.get(device.kind, "")
        self._site_kind = site_kind
        self._kitchen = device.place == KITCHEN
        self._offset_c = 2.0 * unit(self.key, 1) - 1.0
        self._battery_life_s = (540.0 + 540.0 * unit(self.key, 2)) * _DAY_S
        self._battery_used = unit(self.key, 3)
        self._digits = 2 if self.metric == "temperature_c" else 4
        self._cell = -1
        self._left = self._right = 0.0

    def battery_pct(self, at_s: float) -> float:
        """Falls slowly from 100 to 30 over one and a half to three years, then a new one is put in.

        The same for a whole hour.
        """
        used = ((at_s - at_s % _HOUR_S) / self._battery_life_s + self._battery_used) % 1.0
        return round(_BATTERY_FULL_PCT - (_BATTERY_FULL_PCT - _BATTERY_CHANGED_AT_PCT) * used, 1)

    def measured(self, at_s: float) -> float:
        """What the device measures with nothing wrong, in the unit of its metric."""
        cell = int(at_s / GRID_S)
        if cell != self._cell:
            self._left = self._right if cell == self._cell + 1 else self._at_grid(cell)
            self._right = self._at_grid(cell + 1)
            self._cell = cell
        return round(self._left + (self._right - self._left) * (at_s / GRID_S - cell), self._digits)

    def _at_grid(self, cell: int) -> float:
        at_s = cell * GRID_S
        busy = cooking(at_s, self._site_kind) if self._kitchen else 0.0
        if self.metric != "temperature_c":
            return 0.012 + 0.01 * drift(self.key, at_s, 1800.0) + 0.02 * busy
        inside = 20.0 + 0.45 * (_air_c(at_s) - 16.0)
        kitchen = 4.0 + 7.0 * busy if self._kitchen else 0.0
        return inside + kitchen + self._offset_c + 0.6 * drift(self.key, at_s, 1800.0)
