"""What the processes of a demo use: seconds of CPU, and memory as the share that is theirs (PSS)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

#: The server's own, in the order of the table. The rest plays the world outside.
SERVER = ("supervisor", "broker", "postgresql", "alarm", "bulk", "alerting", "patrol", "web")
WORLD = ("fleet", "receivers", "cameras")


@dataclass(slots=True)
class Use:
    """``cpu_s`` since the processes began; that of backends which are gone is in their parent's account."""

    processes: int = 0
    cpu_s: float = 0.0
    pss_mb: float = 0.0
    rss_mb: float = 0.0


def used(root_pid: int) -> dict[str, Use]:
    """By part, for the process ``root_pid`` and all below it."""
    root = psutil.Process(root_pid)
    parts: dict[int, str] = {root_pid: "supervisor"}
    sums = {name: Use() for name in (*SERVER, *WORLD)}
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            name = parts.get(process.pid) or part_of(process.cmdline()) or parts.get(process.ppid(), "supervisor")
            parts[process.pid] = name
            with process.oneshot():
                times, rss = process.cpu_times(), process.memory_info().rss
            use = sums[name]
            use.processes += 1
            use.cpu_s += times.user + times.system + times.children_user + times.children_system
            use.pss_mb += pss_mb(process.pid)
            use.rss_mb += rss / 2**20
    return sums


def part_of(command: Sequence[str]) -> str | None:
    """Which part a command line starts; None = that of its parent."""
    words = list(command)
    if "--role" in words:
        return words[words.index("--role") + 1]
    if "sim" in words:
        return words[words.index("sim") + 1]
    if any(word.endswith("broker_process.py") for word in words):
        return "broker"
    if words and words[0].endswith("/postgres") and "-D" in words:
        return "postgresql"
    return None


def pss_mb(pid: int) -> float:
    """What a process holds: memory shared by n processes counts for each with an n-th."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:  # noqa: PTH123
            return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) / 1024
    except FileNotFoundError:
        return 0.0
