"""What a benchmark hands in: a table for people, and the same figures as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

#: Beside the packages, ignored by git.
FOLDER = Path(__file__).resolve().parents[1] / ".bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked for on the command line. None = the benchmark's own habit."""

    quick: bool = False
    server: str = "postgresql"
    broker: str = "mosquitto"
    messages: int | None = None
    rounds: int | None = None
    minutes: float | None = None
    presses: int | None = None


class Failed(Exception):
    """The benchmark ran, and what it saw is not acceptable: a message lost, a limit passed."""


@dataclass(slots=True, kw_only=True)
class Sheet:
    """``rows`` and ``notes`` are printed; ``figures`` are everything that was measured; ``faults`` fail the run."""

    columns: Sequence[str]
    rows: list[Sequence[str | float | int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        lines = [list(self.columns), *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        drawn = ["  ".join(_aligned(cell, width, i) for i, (cell, width) in enumerate(zip(line, widths, strict=True)))
                 for line in lines]  # fmt: skip
        drawn.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*drawn, *self.notes, *(f"FAILED: {fault}" for fault in self.faults)])

    def write(self, name: str, plan: Plan, folder: Path = FOLDER) -> Path:
        folder.mkdir(exist_ok=True)
        file = folder / f"{name}.json"
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        whole = {
            "benchmark": name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "plan": {name: getattr(plan, name) for name in plan.__slots__},
            "rows": rows,
            "figures": self.figures,
            "notes": self.notes,
            "faults": self.faults,
        }
        file.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
        return file


def machine() -> dict[str, Any]:
    """Where it ran. A load beside ours shows in ``load_1min``."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _cell(value: str | float | int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.3f}"


def _aligned(cell: str, width: int, place: int) -> str:
    return cell.ljust(width) if place == 0 else cell.rjust(width)
