"""Every scenario that ships, told to the production code on a virtual clock: what it wants happens, and no more."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from campuswatch.rehearsal import ears, house
from simulators.alarm_lines import Language
from simulators.scenarios.happening import HappeningKind
from simulators.scenarios.judge import judge
from simulators.scenarios.reading import library, load, loads
from storage.pool import Connection, connect
from storage.rehearsal import reopen
from tests.acceptance.scenarios.conftest import Play

_SHORT_OUTAGE = """
title: {zh: 短时中断, en: A short outage}
about: {zh: 数据库中断几秒。, en: The database is away for some seconds.}
start: 2026-03-24 07:50
lasts: 6m
steps:
  - at: 07:55:00
    database: away
  - at: 07:55:01
    press: s001-btn-03
  - at: 07:55:10
    database: back
"""
NAMES = [entry.name for entry in library()]


def test_enough_scenarios_ship() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_scenario_comes_out_as_it_says(name: str, play: Play) -> None:
    """And again the second time: chance, disk and database leave no trace in what happens."""
    script = load(name)
    told = play(script)
    judgement = judge(script, told, language=Language.EN)
    assert judgement.ok, "\n\n".join(map(str, judgement.failures))
    assert play(script) == told


def test_who_is_faster_when_the_database_comes_back_makes_no_difference(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ears try it every second from when it went: they must not meet its return."""
    script = loads(_SHORT_OUTAGE, "outage", file="outage.yaml")

    async def reopen_slowly(admin: Connection, dsn: str) -> None:
        await asyncio.to_thread(time.sleep, 0.3)  # in which no time passes in the story
        await reopen(admin, dsn)

    async def connect_slowly(dsn: str, *, name: str) -> Connection:
        await asyncio.to_thread(time.sleep, 0.3)
        return await connect(dsn, name=name)

    with monkeypatch.context() as slow_return:
        slow_return.setattr(house, "reopen", reopen_slowly)
        told = play(script)
    with monkeypatch.context() as slow_ears:
        slow_ears.setattr(ears, "connect", connect_slowly)
        told_otherwise = play(script)
    assert HappeningKind.INCIDENT in {one.kind for one in told}
    assert told == told_otherwise


def test_another_seed_gives_another_story_that_comes_out_alike(play: Play) -> None:
    script = load("dormitory-fire")
    other = msgspec.structs.replace(script, seed=script.seed + 1)
    told, told_otherwise = play(script), play(other)
    assert told != told_otherwise
    assert judge(other, told_otherwise).ok


def test_what_does_not_happen_is_missed(play: Play) -> None:
    """A judge that is content with everything would be content with a control room that is dead."""
    script = load("dormitory-fire")
    silent = msgspec.structs.replace(script, steps=())
    judgement = judge(silent, play(silent))
    assert len(judgement.failures) == len(silent.wants)
