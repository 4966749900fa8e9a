"""What ends neither a part of the alerting role nor its rest between two looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from alerting import rounds
from alerting.rounds import Rounds, kept
from domain.errors import StorageError, StorageUnavailable


@pytest.fixture(autouse=True)
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "FAULT_S", 0.0)
    monkeypatch.setattr(rounds, "AWAY_S", 0.0)


def _failing(*errors: Exception) -> tuple[list[int], Callable[[], Awaitable[float]], asyncio.Event]:
    """A look that fails in turn by these, and then is well."""
    looks, well = list[int](), asyncio.Event()

    async def look() -> float:
        looks.append(1)
        if len(looks) <= len(errors):
            raise errors[len(looks) - 1]
        well.set()
        return 60.0

    return looks, look, well


async def test_a_part_goes_on_after_a_refusal_a_slip_and_an_outage_and_counts_what_was_a_fault() -> None:
    heard: list[str] = []
    looks, look, well = _failing(StorageUnavailable("x"), StorageError("y"), KeyError("z"))
    part: Rounds[int] = Rounds("reporting", on_fault=lambda name, error: heard.append(f"{name}: {error}"))
    running = asyncio.create_task(part.run(look))
    await asyncio.wait_for(well.wait(), 10)
    assert not running.done()
    running.cancel()
    assert len(looks) == 4
    assert heard == ["reporting: y", "reporting: 'z'"]


async def test_a_part_that_is_woken_looks_before_its_time() -> None:
    wake, looked = asyncio.Event(), asyncio.Queue[int]()

    async def look() -> float:
        looked.put_nowait(1)
        return 3600.0

    part: Rounds[int] = Rounds("reporting", wake=wake)
    running = asyncio.create_task(part.run(look))
    await asyncio.wait_for(looked.get(), 10)
    wake.set()
    await asyncio.wait_for(looked.get(), 10)
    running.cancel()


async def test_whatever_ends_by_a_fault_is_begun_anew_and_what_is_done_is_done() -> None:
    begun, heard = list[int](), list[str]()

    async def work() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise ValueError("a slip")

    await kept("supervision", work, on_fault=lambda name, error: heard.append(name))
    assert len(begun) == 3
    assert heard == ["supervision", "supervision"]


async def test_who_wants_to_know_of_a_fault_at_once_is_told_by_it() -> None:
    def raise_it(part: str, error: Exception) -> None:
        raise error

    _, look, _ = _failing(KeyError("z"), KeyError("z"))
    with pytest.raises(KeyError):
        await Rounds[int]("reporting", on_fault=raise_it).run(look)
    with pytest.raises(KeyError):
        await kept("reporting", look, on_fault=raise_it)  # type: ignore[arg-type]
