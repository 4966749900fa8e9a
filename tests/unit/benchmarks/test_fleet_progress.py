"""Reading a fleet's figures from its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.control_room import fleet_progress, wait_for_progress

_LINES = """\
2026-11-22 05:20:35 [info] fleet_started broker=127.0.0.1:1883 sites=184
2026-11-22 05:20:35 [info] fleet_progress acknowledged=90 cut=0 elapsed_s=10.0 published=95 rate_per_s=769.8
2026-11-22 05:20:45 [info] fleet_progress acknowledged=120 cut=19872 elapsed_s=20.1 published=120 rate_per_s=769.8
"""


def test_the_newest_line_counts(tmp_path: Path) -> None:
    log = tmp_path / "fleet.log"
    log.write_text(_LINES)
    figures = fleet_progress(log)
    assert (figures["acknowledged"], figures["published"], figures["rate_per_s"]) == (120, 120, 769.8)
    assert wait_for_progress(log, 1, cut=19_872) == figures


def test_a_fleet_that_does_not_get_there_is_reported_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "fleet.log"
    log.write_text(_LINES)
    with pytest.raises(RuntimeError, match="published=120"):
        wait_for_progress(log, 0, published=121)
