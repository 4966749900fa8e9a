"""What the ingest benchmark sends."""

from __future__ import annotations

from benchmarks.ingest import Traffic
from simulators.district import build_district


def test_no_message_is_sent_twice_and_the_mix_is_the_districts() -> None:
    traffic = Traffic(build_district(sites=4), total=4000)
    said = [*traffic.slice(2000), *traffic.slice(2000)]
    heartbeats = sum(topic.endswith("/heartbeat") for topic, _ in said)
    assert len(set(said)) == len(said) >= 4000
    assert 5 < heartbeats / (len(said) - heartbeats) < 8
