"""What the hour, the season and the weather do to a scene, none of it a fault. Drawn by chance, from a seed.

Night comes in two kinds: infrared (grey, brightest in the middle) and lamps (pools of warm light). Numbers are chosen
to be harder than a usual day: a patrol that stays silent through these has to look at what matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import pi, sin

import numpy as np


class Sky(StrEnum):
    CLEAR = "clear"
    CLOUDED = "clouded"
    FOG = "fog"
    RAIN = "rain"
    SNOWFALL = "snowfall"


class NightKind(StrEnum):
    INFRARED = "infrared"
    LAMPS = "lamps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """``hour`` 0 to 24; ``day`` counts days, and with it autumn goes on."""

    hour: float
    day: int
    sky: Sky
    thickness: float  # of fog, rain or snowfall, 0 to 1
    sun: float  # height of the sun: 1 at noon, below 0 by night
    night: NightKind
    people: int
    bus: float | None  # where it is parked, in shares of the width
    headlights: bool
    windows: bool  # lights are on behind windows
    wind: float  # how far the camera sways, in shares of the width
    quality: int  # of the JPEG

    @property
    def dark(self) -> bool:
        return self.sun < 0.03


def conditions(camera: int, day: int, hour: float) -> Conditions:
    """The same for all pictures of a day where that is so (weather, a parked bus), anew for each where not."""
    whole_day = np.random.default_rng([camera, day])
    now = np.random.default_rng([camera, day, int(hour * 3600)])
    sky = Sky(whole_day.choice(list(Sky), p=[0.4, 0.25, 0.1, 0.17, 0.08]))
    thickness = float(whole_day.uniform(0.3, 1.0) * now.uniform(0.6, 1.0))
    parked_from, parked_for = whole_day.uniform(6, 18), whole_day.uniform(1, 9)
    bus_day = whole_day.random() < 0.35
    bus_place = float(whole_day.uniform(0.15, 0.85))
    sun = sin(pi * (hour - 6.2) / 11.6)
    school = 7 <= hour <= 18
    return Conditions(
        hour=hour,
        day=day,
        sky=sky,
        thickness=thickness,
        sun=sun,
        night=NightKind.INFRARED if camera % 2 else NightKind.LAMPS,
        people=int(now.poisson(2.5 if school else 0.3)),
        bus=bus_place if bus_day and parked_from <= hour <= parked_from + parked_for else None,
        headlights=bool(sun < 0.05 and now.random() < 0.2),
        windows=bool(sun < 0.25 and 6 < hour < 22),
        wind=float(now.normal(0, 0.0015)),
        quality=int(np.clip(40 + 5 * (camera % 8) + now.normal(0, 6), 25, 92)),
    )
