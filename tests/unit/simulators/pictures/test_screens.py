from __future__ import annotations

import numpy as np
import pytest

from simulators.pictures.faults import STRONG, Fault, FaultKind, holds
from simulators.pictures.screens import Screen, chosen, drawn

PICTURE = np.full((180, 320, 3), 120, np.uint8)


def fault(screen: Screen) -> Fault:
    """One that shows ``screen``."""
    faults = (Fault(kind=FaultKind.NO_SIGNAL, strength=STRONG, seed=seed) for seed in range(200))
    return next(one for one in faults if chosen(one.fixed()) is screen)


@pytest.mark.parametrize("screen", list(Screen))
def test_a_screen_has_its_text_and_stays_what_it_is(screen: Screen) -> None:
    one = fault(screen)
    first, later = (drawn(PICTURE, one.fixed(), np.random.default_rng(now)) for now in (1, 2))
    assert first.std() > 0
    moving = screen in (Screen.LOGO, Screen.CLOCK)
    assert np.array_equal(first, later) != moving


def test_only_a_last_picture_holds() -> None:
    assert [screen for screen in Screen if holds(fault(screen))] == [Screen.LAST_PICTURE]
    assert holds(Fault(kind=FaultKind.FROZEN, strength=STRONG))
    assert not holds(Fault(kind=FaultKind.BLACK, strength=STRONG))
    assert not holds(None)
