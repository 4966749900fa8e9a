"""The supervision of links as it is stored: claimed once, and with its proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.links import (
    claim_heartbeats,
    claim_tests,
    link_states,
    next_supervision,
    record_alive,
    record_test,
    record_unanswered,
    resume_watch,
    watch_links,
)
from storage.pool import Connection

NOW = datetime(2026, 11, 22, 5, 4, 33, tzinfo=UTC)
BOTH = ("police", "education")


def _later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_a_heartbeat_that_is_due_is_claimed_once_and_then_at_its_next_time(conn: Connection) -> None:
    await watch_links(conn, BOTH, at=NOW, first_test_at=_later(60))
    assert await next_supervision(conn, BOTH) == NOW
    assert {one.link_id for one in await claim_heartbeats(conn, BOTH, at=NOW, every_s=30)} == set(BOTH)
    assert await claim_heartbeats(conn, BOTH, at=_later(29), every_s=30) == []
    await watch_links(conn, BOTH, at=_later(29), first_test_at=NOW)
    assert len(await claim_heartbeats(conn, ["police"], at=_later(30), every_s=30)) == 1
    assert await claim_tests(conn, BOTH, at=_later(59), every_s=3600) == []
    assert sorted(await claim_tests(conn, BOTH, at=_later(60), every_s=3600)) == sorted(BOTH)
    assert await claim_tests(conn, BOTH, at=_later(61), every_s=3600) == []


async def test_the_proof_of_a_link_is_its_newest_answer_and_its_newest_receipt(conn: Connection) -> None:
    await watch_links(conn, ["police"], at=NOW, first_test_at=NOW)
    await record_alive(conn, "police", at=_later(1))
    await record_alive(conn, "police", at=_later(31))
    await record_test(conn, "police", at=_later(32), webhook_id="msg_1", receipt_id="JJ-1")
    (state,) = await link_states(conn)
    assert (state.alive_since, state.heartbeat_answered_at) == (_later(1), _later(31))
    assert (state.test_receipted_at, state.test_receipt_id) == (_later(32), "JJ-1")
    await record_unanswered(conn, "police", error="no answer in time", silent_since=None)
    (state,) = await link_states(conn)
    assert state.alive_since == _later(1), "one heartbeat that is missed is no silence"
    await record_unanswered(conn, "police", error="no answer in time", silent_since=_later(31))
    await record_unanswered(conn, "police", error="no answer in time", silent_since=_later(99))
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since, state.last_error) == (None, _later(31), "no answer in time")
    await record_test(conn, "police", at=_later(200), webhook_id="msg_2", receipt_id=None, next_test_at=_later(260))
    await record_alive(conn, "police", at=_later(300))
    (state,) = await link_states(conn)
    assert (state.alive_since, state.silent_since, state.last_error) == (_later(300), None, None)
    assert state.test_receipted_at == _later(32), "a test that failed takes no proof away"


async def test_silence_of_a_time_when_nobody_looked_proves_nothing(conn: Connection) -> None:
    await watch_links(conn, ["police"], at=NOW, first_test_at=NOW)
    await claim_heartbeats(conn, ["police"], at=NOW, every_s=30)
    await record_alive(conn, "police", at=NOW)
    await resume_watch(conn, ["police"], at=_later(40), unwatched_s=60)
    (state,) = await link_states(conn)
    assert state.silent_from == NOW
    await resume_watch(conn, ["police"], at=_later(4000), unwatched_s=60)
    (state,) = await link_states(conn)
    assert (state.silent_from, state.alive_since) == (_later(4000), None), "unknown until it is proved again"
