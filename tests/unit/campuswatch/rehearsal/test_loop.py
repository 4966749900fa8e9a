from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from campuswatch.rehearsal.loop import LoopClock, StandsStill, VirtualLoop, run_virtually

#: Ten times what a day of sleeping may take in real time on a busy machine; a real day has 86,400 s.
SOON_S = 10.0


def test_a_day_of_sleep_takes_no_real_time() -> None:
    async def main(loop: VirtualLoop) -> float:
        for _ in range(24 * 60):
            await asyncio.sleep(60)
        return loop.time()

    began = time.monotonic()
    assert run_virtually(main) == pytest.approx(86_400.0)
    assert time.monotonic() - began < SOON_S


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[str, float]]:
        woken: list[tuple[str, float]] = []

        async def sleep(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((name, loop.time()))

        async with asyncio.TaskGroup() as tasks:
            for name, seconds in (("hour", 3600.0), ("second", 1.0), ("night", 36_000.0), ("blink", 0.001)):
                tasks.create_task(sleep(name, seconds))
        return woken

    names, times = zip(*run_virtually(main), strict=True)
    assert names == ("blink", "second", "hour", "night")
    assert times == pytest.approx((0.001, 1.0, 3600.0, 36_000.0))


def test_no_time_passes_while_a_thread_works() -> None:
    """Otherwise every time-out around the disk or the database would fire at once."""

    async def main(loop: VirtualLoop) -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.05)
        return loop.time()

    assert run_virtually(main) == 0.0


def test_a_time_out_fires_where_nothing_real_is_waited_for() -> None:
    async def main(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await asyncio.Event().wait()
        return loop.time()

    assert run_virtually(main) == pytest.approx(3600.0)


def test_a_loop_in_which_nothing_can_happen_any_more_says_so() -> None:
    async def main(loop: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StandsStill):
        run_virtually(main)


def test_before_time_goes_on_whoever_asked_is_heard_once() -> None:
    async def main(loop: VirtualLoop) -> tuple[list[float], float]:
        heard: list[float] = []
        loop.before_jump = lambda: heard.append(loop.time())
        await asyncio.sleep(10.0)  # nothing real happened: nobody is asked
        await asyncio.to_thread(time.sleep, 0.001)
        await asyncio.sleep(10.0)
        await asyncio.sleep(10.0)
        return heard, loop.time()

    heard, ended = run_virtually(main)
    assert heard == [pytest.approx(10.0)]
    assert ended == pytest.approx(30.0)


def test_the_clock_goes_by_the_loop() -> None:
    began = datetime(2026, 3, 10, 0, 0, tzinfo=UTC)

    async def main(loop: VirtualLoop) -> datetime:
        clock = LoopClock(loop, began)
        await asyncio.sleep(90.5)
        return clock.now()

    assert run_virtually(main) == began + timedelta(seconds=90.5)
