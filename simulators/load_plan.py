"""What a load is asked for, and what it gives back: figures, and lines for people."""

from __future__ import annotations

import msgspec

from simulators.latency import Spread
from simulators.uplinks import Counters


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``rate_per_s`` 0: as fast as the broker acknowledges. ``duration_s`` None: until `Load.stop`.

    ``press_every_s`` 0: no buttons. Presses are marked as tests unless ``drill``; then they are marked as drills.
    ``timed``: somebody tells `Load.heard` of receipts, and each press wants one.
    """

    connections: int = 8
    rate_per_s: float = 1000.0
    duration_s: float | None = None
    window: int = 500
    press_every_s: float = 0.0
    drill: bool = False
    timed: bool = False


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """Buttons pressed, and how many of them the police's end here answered. ``receipt``: from press to receipt; None
    where nobody here hears of it.
    """

    buttons: int
    received: int
    receipt: Spread | None


class LoadSummary(Counters, frozen=True, kw_only=True):
    """``held_back``: found their window full. ``asked_per_s`` 0: as fast as possible. Rates are those of the whole run,
    the drain at its end included for the acknowledged one.
    """

    broker: str
    connections: int
    devices: int
    elapsed_s: float
    asked_per_s: float
    published_per_s: float
    acknowledged_per_s: float
    held_back: int
    puback: Spread
    pressed: Pressed | None
    cpu_pct: float

    @property
    def complete(self) -> bool:
        """Everything published was acknowledged, everything pressed was received."""
        pressed = self.pressed
        answered = pressed is None or pressed.receipt is None or pressed.received == pressed.buttons
        return self.acknowledged == self.published and not self.waiting and not self.dropped and answered

    def text(self) -> str:
        """Lines for people."""
        asked = f" of {self.asked_per_s:,.0f}/s asked" if self.asked_per_s else ""
        lines = [
            f"{self.devices:,} devices over {self.connections:,} connections to {self.broker}, {self.elapsed_s:.1f} s",
            f"published     {self.published:>12,}  {self.published_per_s:>10,.0f}/s{asked}",
            f"acknowledged  {self.acknowledged:>12,}  {self.acknowledged_per_s:>10,.0f}/s",
            f"PUBACK        {_spread(self.puback)}",
        ]
        if self.pressed is not None:
            lines.append(f"pressed       {self.pressed.buttons:>12,}")
            if self.pressed.receipt is not None:
                lines.append(f"received      {self.pressed.received:>12,}")
                lines.append(f"receipt       {_spread(self.pressed.receipt)}")
        lines.append(
            f"not acknowledged {self.in_flight:,}, not sent {self.waiting + self.dropped:,}, "
            f"held back {self.held_back:,}, reconnects {self.reconnects:,}, {self.cpu_pct:g}% of a core here"
        )
        return "\n".join(lines)


def _spread(spread: Spread) -> str:
    return f"p50 {spread.p50_ms:g} ms, p99 {spread.p99_ms:g} ms, max {spread.max_ms:g} ms ({spread.count:,})"
