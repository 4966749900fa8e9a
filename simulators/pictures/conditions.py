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


_CHANCES = (0.4, 0.25, 0.1, 0.17, 0.08)


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
    white_bus: bool  # a white one, which fills the range where the sun shines on it
    headlights: bool
    windows: bool  # lights are on behind windows
    glare: bool  # the low sun stands in a corner of the picture
    white_wall: bool  # the sun shines on a white wall
    lying: float  # snow on the ground, 0 to 1
    wind: float  # how far the camera sways, in shares of the width
    quality: int  # of the JPEG

    @property
    def dark(self) -> bool:
        return self.sun < 0.03


def _sky(camera: int, day: int) -> Sky:
    return Sky(np.random.default_rng([camera, day]).choice(list(Sky), p=_CHANCES))


def _lying(camera: int, day: int) -> float:
    """What falls lies for that day, and half of it for the next."""
    if _sky(camera, day) is Sky.SNOWFALL:
        return 0.6
    return 0.3 if day > 0 and _sky(camera, day - 1) is Sky.SNOWFALL else 0.0


def conditions(camera: int, day: int, hour: float) -> Conditions:
    """The same for all pictures of a day where that is so (weather, a parked bus), anew for each where not."""
    whole_day = np.random.default_rng([camera, day])
    now = np.random.default_rng([camera, day, int(hour * 3600)])
    sky = Sky(whole_day.choice(list(Sky), p=_CHANCES))
    thickness = float(whole_day.uniform(0.3, 1.0) * now.uniform(0.6, 1.0))
    parked_from, parked_for = whole_day.uniform(6, 18), whole_day.uniform(1, 9)
    bus_day = whole_day.random() < 0.35
    bus_place = float(whole_day.uniform(0.15, 0.85))
    sun = sin(pi * (hour - 6.2) / 11.6)
    school = 7 <= hour <= 18
    # What looks like too much light and is none: some cameras look to where the sun rises or sets, some at a white
    # wall.
    place = np.random.default_rng([camera, 31])
    faces_sun, faces_wall = place.random() < 0.4, place.random() < 0.4
    morning, lit_from = place.random() < 0.5, place.uniform(7, 14)
    low = 0.03 < sun < 0.4 and (hour < 12) == morning
    clear = sky is Sky.CLEAR
    return Conditions(
        hour=hour,
        day=day,
        sky=sky,
        thickness=thickness,
        sun=sun,
        night=NightKind.INFRARED if camera % 2 else NightKind.LAMPS,
        people=int(now.poisson(2.5 if school else 0.3)),
        bus=bus_place if bus_day and parked_from <= hour <= parked_from + parked_for else None,
        white_bus=bool(whole_day.random() < 0.4),
        headlights=bool(sun < 0.05 and now.random() < 0.2),
        windows=bool(sun < 0.25 and 6 < hour < 22),
        glare=bool(faces_sun and low and clear),
        white_wall=bool(faces_wall and clear and sun > 0.1 and lit_from <= hour <= lit_from + 4),
        lying=_lying(camera, day),
        wind=float(now.normal(0, 0.0015)),
        quality=int(np.clip(40 + 5 * (camera % 8) + now.normal(0, 6), 25, 92)),
    )
