from __future__ import annotations

import pytest

from benchmarks.lookup import Lookup


def test_only_topics_that_are_kept_can_be_looked_up() -> None:
    lookup = Lookup(["a/heartbeat", "b/heartbeat"])
    assert lookup.hear(["a/heartbeat"] * 12_000) > 0.0
    with pytest.raises(KeyError):
        lookup.hear(["c/heartbeat"])
