"""The quantities a device may measure: unit, plausible range.

A value outside the plausible range is a broken sensor or a broken message, never a measurement; it goes to quarantine.
The ranges are wide on purpose: a room on fire must stay inside them.
"""

from __future__ import annotations

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """``low`` and ``high`` bound what can be true, in ``unit``."""

    name: str
    unit: str
    low: float
    high: float


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("temperature_c", "°C", -60.0, 600.0),
        Metric("humidity_pct", "%RH", 0.0, 100.0),
        Metric("smoke_obscuration_db_m", "dB/m", 0.0, 30.0),
        Metric("gas_lel_pct", "%LEL", 0.0, 100.0),
        Metric("co_ppm", "ppm", 0.0, 10000.0),
        Metric("battery_pct", "%", 0.0, 100.0),
        Metric("battery_v", "V", 0.0, 60.0),
        Metric("rssi_dbm", "dBm", -150.0, 20.0),
        Metric("illuminance_lx", "lx", 0.0, 200000.0),
        Metric("pressure_hpa", "hPa", 300.0, 1200.0),
    )
}
