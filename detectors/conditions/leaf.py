"""What a condition is while it is worked out: something that hears observations and remembers, device by device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from math import inf
from typing import Any, ClassVar

from detectors.lives import Heard
from detectors.rule import Watcher

#: What an observation did to a condition, as bits: it turned; it was reported once more; it got worse.
TURNED, AGAIN, WORSE = 1, 2, 4


class Leaf(ABC):
    """One condition of one rule, over all devices.

    ``name`` is what its memory is called by, so that another version of the rule finds it again. ``of_subject``: it
    remembers by the subject of the rule (device, place, site) instead of by device. ``timed``: its answer may change
    by time alone.
    """

    of_subject: ClassVar[bool] = False
    timed: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.note: Callable[[Any], None] = lambda number: None  #: to be told whose memory has changed

    #: Types of observation that it hears.
    hears: ClassVar[tuple[type, ...]] = ()

    def take(self, said: Any, heard: Heard, number: Any) -> int:
        """Hear what ``number`` (a device, or a subject) said; what it did, as bits. One that `hears` nothing is never
        asked.
        """
        return 0

    @property
    def metrics(self) -> frozenset[str] | None:
        """The only measured values of a reading that it looks at; None = it looks at more than values."""
        return None

    def steady(self, observation: type, hear: Watcher) -> Watcher:
        """``hear``, with a short way past it for what surely does nothing."""
        return hear

    def ends(self, said: Any, number: Any) -> bool:
        """Whether ``said`` would be its end. A device in a loop is not believed that."""
        return False

    @abstractmethod
    def holds(self, number: Any, now_s: float) -> bool:
        """Whether it is so for ``number`` now."""

    def next_s(self, number: Any, now_s: float) -> float:
        """After ``now_s``: when its answer may change by time alone."""
        return inf

    def detail(self, number: Any) -> dict[str, Any]:
        """What is remembered of it and is to be told."""
        return {}

    def told(self, said: Any, number: Any) -> dict[str, Any]:
        """The same in the moment after it has heard ``said``."""
        return self.detail(number)

    # -- what survives a restart ----------------------------------------------------------------------------------

    def memory(self, number: Any) -> Any:
        """As JSON; None = nothing."""
        return None

    def recall(self, number: Any, memory: Any) -> None:
        return

    def forget(self, number: Any) -> None:
        return

    def numbers(self) -> Collection[Any]:
        """Of whom anything is remembered."""
        return ()
