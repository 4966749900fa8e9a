"""Tables and their JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.sheet import Plan, Sheet


def test_table_and_file_hold_the_same_figures(tmp_path: Path) -> None:
    sheet = Sheet(columns=("round", "per s"), rows=[(1, 10_751.4), ("median", 0.791)], faults=["reading: lost 3"])
    file = sheet.write("ingest", Plan(quick=True), tmp_path / "bench")
    written = msgspec.json.decode(file.read_bytes())
    assert sheet.text().splitlines() == [
        "round    per s",
        "------  ------",
        "1       10,751",
        "median   0.791",
        "FAILED: reading: lost 3",
    ]
    assert written["rows"] == [{"round": 1, "per s": 10_751.4}, {"round": "median", "per s": 0.791}]
    assert written["faults"] == ["reading: lost 3"]
    assert written["plan"]["quick"] is True
