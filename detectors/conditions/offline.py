"""A device that is offline, by what is known of the devices' lives (`detectors.lives`), for so long already.

Nothing is heard here and nothing remembered: whoever keeps the lives tells of each turn.
"""

from __future__ import annotations

from math import inf
from typing import Any

from detectors.conditions.leaf import Leaf
from detectors.documents.form import Silent
from detectors.hours import instant
from detectors.lives import Lives
from domain.liveness import Connectivity


class Offline(Leaf):
    timed = True

    def __init__(self, form: Silent, lives: Lives) -> None:
        super().__init__("offline")
        self._for_s = form.offline_for
        self._lives = lives

    def holds(self, number: int, now_s: float) -> bool:
        return now_s >= self._since_s(number)

    def _since_s(self, number: int) -> float:
        life = self._lives.get(number)
        if life is None or life.connectivity is not Connectivity.OFFLINE:
            return inf
        return life.since_s + self._for_s

    def next_s(self, number: int, now_s: float) -> float:
        since_s = self._since_s(number)
        return since_s if since_s > now_s else inf

    def detail(self, number: int) -> dict[str, Any]:
        life = self._lives.get(number)
        if life is None or not life.heard_s:
            return {}
        return {"last_seen_at": instant(life.heard_s).isoformat()}
