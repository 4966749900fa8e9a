from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from dashboards.metrics import WebMetrics
from dashboards.viewers import QUEUE_FRAMES, Audience, Viewer


async def test_a_viewer_begins_with_a_snapshot_and_goes_on_with_what_is_offered() -> None:
    viewer = Viewer(lambda: "snapshot")
    assert await viewer.next() == "snapshot"
    viewer.offer("1")
    viewer.offer("2")
    assert [await viewer.next(), await viewer.next()] == ["1", "2"]


async def test_what_was_offered_before_the_snapshot_is_sent_is_part_of_it() -> None:
    viewer = Viewer(lambda: "snapshot")
    viewer.offer("already in the snapshot")
    assert await viewer.next() == "snapshot"
    viewer.offer("after")
    assert await viewer.next() == "after"


async def test_an_overflow_drops_all_for_a_snapshot_of_the_moment_of_sending() -> None:
    moment = "then"
    viewer = Viewer(lambda: moment)
    await viewer.next()
    for n in range(QUEUE_FRAMES):
        assert viewer.offer(str(n))
    assert not viewer.offer("one too many")
    viewer.offer("meanwhile")
    moment = "now"
    assert await viewer.next() == "now"
    viewer.offer("after")
    assert await viewer.next() == "after"


async def test_a_viewer_without_anything_to_show_waits_until_there_is() -> None:
    shown: list[str | None] = [None]
    viewer = Viewer(lambda: shown[0])
    waiting = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    shown[0] = "snapshot"
    viewer.refresh()
    assert await waiting == "snapshot"


async def test_a_slow_viewer_is_counted_and_holds_up_nobody() -> None:
    registry = CollectorRegistry()
    audience = Audience(limit=2, metrics=WebMetrics(registry))
    slow, quick = audience.join(lambda: "snapshot"), audience.join(lambda: "snapshot")
    await slow.next()
    await quick.next()
    for n in range(QUEUE_FRAMES + 1):
        audience.broadcast("delta", str(n))
        assert await quick.next() == str(n)
    assert await slow.next() == "snapshot"
    assert registry.get_sample_value("campuswatch_web_viewer_drops_total", {"reason": "overflow"}) == 1


def test_an_audience_is_full_at_its_limit_until_somebody_leaves() -> None:
    registry = CollectorRegistry()
    audience = Audience(limit=1, metrics=WebMetrics(registry))
    assert not audience.full
    viewer = audience.join(lambda: "")
    assert audience.full
    assert registry.get_sample_value("campuswatch_web_viewers") == 1
    audience.leave(viewer)
    assert not audience.full
    assert registry.get_sample_value("campuswatch_web_viewers") == 0


@pytest.mark.parametrize("refreshes", [1, 3])
async def test_a_refresh_makes_all_begin_again(refreshes: int) -> None:
    audience = Audience(limit=5, metrics=WebMetrics(CollectorRegistry()))
    viewer = audience.join(lambda: "snapshot")
    await viewer.next()
    audience.broadcast("delta", "outdated")
    for _ in range(refreshes):
        audience.refresh()
    assert await viewer.next() == "snapshot"
