"""What follows for a camera's truths when a picture was asked for: it came, or it did not. Pure.

::

    no picture ──► doubtful ── again, and `SETTLE_S` later ──► not reachable / does not decode ──► picture ──► true
                      │
                      └── its life is unknown, or what it hangs on is dead, or nobody at its site answers ──► unknown

So an uplink cut makes cameras unknown and not faulty: whether one is dead by itself or behind something that is dead is
found by `detectors.rules.heartbeat_lost` within two minutes, and nothing is concluded before that.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.camera import NO_PICTURE, Truth, TruthState
from domain.liveness import Connectivity, Reason

#: Times in a row without a picture before anything is concluded: a camera that starts anew is no fault.
FAILURES = 2
#: So long the bulk lane may take to find out that an uplink is dead (docs/topology.md: some two minutes).
SETTLE_S = 150.0
#: Others of a site that were asked meanwhile and did not answer, before its line is suspected.
FEWEST_OTHERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known around the camera. ``life`` None: it was never heard, as one without heartbeats. ``parent``: of
    what it hangs on (None: nothing, or never heard). ``others_silent`` and ``others_answered``: cameras of its site
    that were asked since this one fell silent.
    """

    life: Connectivity | None
    reason: Reason = Reason.NONE
    parent: Connectivity | None = None
    others_silent: int = 0
    others_answered: int = 0

    @property
    def unknowable(self) -> str:
        """Why nobody can tell of this camera, or ""."""
        if self.life is Connectivity.UNKNOWN and self.reason is not Reason.NONE:
            return self.reason.value
        if self.parent in (Connectivity.OFFLINE, Connectivity.UNKNOWN):
            return Reason.BEHIND.value
        if self.others_silent >= FEWEST_OTHERS and not self.others_answered:
            return Reason.SITE.value
        return ""


Said = tuple[Truth, TruthState, str]


def without_picture(
    reason: str, *, answered: bool, failures: int, failing_s: float, around: Around, settle_s: float = SETTLE_S
) -> tuple[Said, ...]:
    """``answered``: something was there. ``failures`` with this one, ``failing_s`` since the first of them."""
    if not answered:
        if unknowable := around.unknowable:
            return tuple((truth, TruthState.UNKNOWN, unknowable) for truth in _OF_PICTURES)
        if failures < FAILURES or failing_s < settle_s:
            return ()
        return (
            (Truth.REACHABLE, TruthState.NO, reason),
            (Truth.DECODES, TruthState.NO, reason),
            (Truth.GOOD, TruthState.UNKNOWN, NO_PICTURE),
        )
    there: Said = (Truth.REACHABLE, TruthState.YES, "")
    if failures < FAILURES:
        return (there,)
    return there, (Truth.DECODES, TruthState.NO, reason), (Truth.GOOD, TruthState.UNKNOWN, NO_PICTURE)


_OF_PICTURES = (Truth.REACHABLE, Truth.DECODES, Truth.GOOD)


def with_picture(standing: tuple[str, ...], *, suspect: bool, learning: bool) -> tuple[Said, ...]:
    """A picture came: ``standing`` are its faults, gravest first; ``suspect``: of one that is not raised yet, too."""
    there: tuple[Said, ...] = ((Truth.REACHABLE, TruthState.YES, ""), (Truth.DECODES, TruthState.YES, ""))
    if standing:
        return (*there, (Truth.GOOD, TruthState.NO, standing[0]))
    if suspect:
        return there  # as it was: neither proved nor denied
    if learning:
        return (*there, (Truth.GOOD, TruthState.UNKNOWN, "learning"))
    return (*there, (Truth.GOOD, TruthState.YES, ""))


def fault_to_tell(standing: tuple[str, ...], *, decodes: TruthState, life: Connectivity | None) -> str | None:
    """The fault that people are told of a camera now, "" = none, None = as it was: nobody can tell.

    That a camera is offline by its own heartbeats is told by another rule.
    """
    if decodes is TruthState.UNKNOWN:
        return None
    if decodes is TruthState.NO:
        return NO_PICTURE if life is not Connectivity.OFFLINE else None
    return standing[0] if standing else ""
