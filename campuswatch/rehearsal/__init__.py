"""Rehearsals: the production code from decoded message to delivery decision, in one process, on a virtual clock."""

from __future__ import annotations

import logging

import structlog

from campuswatch.rehearsal.house import open_house
from campuswatch.rehearsal.loop import VirtualLoop, run_virtually
from campuswatch.settings import Settings
from simulators.scenarios.happening import Happening
from simulators.scenarios.script import Script


def hush() -> None:
    """What the roles log while links hang and databases go away is what a scenario is about: leave it out."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def rehearse(script: Script, settings: Settings) -> list[Happening]:
    """Play ``script`` from beginning to end; what happened, in the order of time.

    :param settings: name an empty, migrated database and a directory (`campuswatch.rehearsal.stage`).
    """

    async def main(loop: VirtualLoop) -> list[Happening]:
        async with open_house(script, settings, loop) as house:
            return await house.play()

    return run_virtually(main)
