"""A run that is over, or that somebody ended."""

from __future__ import annotations

from typing import NamedTuple

from simulators.scenarios.happening import Happening
from simulators.scenarios.script import Script


class Played(NamedTuple):
    """``script`` at the times at which it was played. ``stopped_s``: when somebody ended it before its end."""

    script: Script
    happenings: list[Happening]
    stopped_s: float | None
