"""A simulated camera: scenery, the time and perhaps a fault in, a JPEG out. The same again for the same question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.pictures import faults, passers, weather
from simulators.pictures.canvas import Canvas, finished, view
from simulators.pictures.conditions import Conditions, NightKind, Sky, conditions
from simulators.pictures.faults import Fault, FaultKind

#: The scenery at a moment: film of a place has another frame at each time, a photo is always the same.
Scenery = Callable[[datetime], Canvas]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """``number`` chooses its habits: night by infrared or lamps, grain, quality. ``begun``: its first day, from which
    autumn is counted. ``clock`` at UTC plus ``clock_ahead`` is drawn into the picture.
    """

    number: int
    scenery: Scenery
    size: tuple[int, int] = (640, 360)
    begun: datetime
    clock_ahead: timedelta = timedelta(hours=8)
    indoors: bool = False

    def picture(self, at: datetime, fault: Fault | None = None, *, since: datetime | None = None) -> bytes:
        """The JPEG of the moment ``at``. A frozen camera shows that of ``since``, when it froze."""
        if fault is not None and fault.kind is FaultKind.FROZEN and since is not None:
            return self._frozen(at, fault, since)
        pixels, now = self.pixels(since if faults.holds(fault) and since is not None else at, fault)
        self._clock(pixels, at)
        return _encoded(pixels, now.quality)

    def pixels(self, at: datetime, fault: Fault | None = None) -> tuple[NDArray[np.uint8], Conditions]:
        local = at + self.clock_ahead
        now = conditions(self.number, (at - self.begun).days, local.hour + local.minute / 60 + local.second / 3600)
        if self.indoors:
            now = replace(now, sky=Sky.CLOUDED, bus=None, headlights=False, glare=False, lying=0.0, wind=0.0)
        chance = np.random.default_rng([self.number, int(at.timestamp())])
        turn = faults.turn(fault)
        scene = self.scenery(at)
        canvas = view(scene, self.size, right=turn.right + now.wind, down=turn.down - now.wind / 2, turn=turn.turn)
        canvas = passers.autumn(canvas, now.day, np.random.default_rng([self.number, now.day]))
        canvas = weather.snowed(canvas, now.lying)
        if now.bus is not None:
            passers.bus(canvas, now.bus, np.random.default_rng([self.number, now.day, 5]), white=now.white_bus)
        passers.people(canvas, now.people, chance)
        canvas = weather.weathered(weather.lit(canvas, now, self.number), now, chance)
        if now.headlights:
            canvas = passers.headlights(canvas, chance)
        canvas = faults.optical(canvas, fault)
        canvas = canvas + np.float32(self._grain(now)) * _grain(canvas, now, chance)
        canvas = faults.electrical(canvas, fault, chance)
        return finished(canvas), now

    def _grain(self, now: Conditions) -> float:
        quiet = 1.0 + 0.25 * (self.number % 5)
        return quiet * (2.6 if now.dark else 1.0)

    def _frozen(self, at: datetime, fault: Fault, since: datetime) -> bytes:
        """Strong: the same bytes again. Moderate: the clock runs on. Mild: the recorder encodes it anew, too."""
        if fault.strength >= faults.STRONG:
            return self.picture(since)
        pixels, now = self.pixels(since)
        quality = now.quality
        if fault.strength < faults.MODERATE:
            self._clock(pixels, since)
            pixels = np.asarray(cv2.imdecode(np.frombuffer(_encoded(pixels, quality), np.uint8), 1), np.uint8)
            quality = int(np.clip(quality + np.random.default_rng(int(at.timestamp())).integers(-8, 9), 20, 95))
        self._clock(pixels, at)
        return _encoded(pixels, quality)

    def _clock(self, pixels: NDArray[np.uint8], at: datetime) -> None:
        says = (at + self.clock_ahead).strftime("%Y-%m-%d %H:%M:%S")
        for colour, thick in ((0, 3), (255, 1)):
            cv2.putText(pixels, says, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (colour,) * 3, thick, cv2.LINE_AA)


def _grain(canvas: Canvas, now: Conditions, chance: np.random.Generator) -> Canvas:
    high, wide = canvas.shape[:2]
    channels = 1 if now.dark and now.night is NightKind.INFRARED else 3
    return chance.standard_normal((high, wide, channels), np.float32)


def _encoded(pixels: NDArray[np.uint8], quality: int) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
