"""The bulk role as a process by itself, over a registry of any size: what it holds, and what a heartbeat costs it."""

from __future__ import annotations

import itertools
import re
import signal
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psutil
import psycopg

from benchmarks.control_room import end, ports_in_a_row, program, read_metric
from benchmarks.processes import pss_mb
from benchmarks.province import Province, said
from benchmarks.wire import Wire

PATIENCE_S = 900.0
#: So many heartbeats are on their way at a time: more of them would be late, and a late one looks like a slow clock.
AT_ONCE = 20_000


class BulkRole:
    """``campuswatch run --role bulk`` over a registry of ``size`` devices."""

    def __init__(self, directory: Path, dsn: str, mqtt_url: str, size: int) -> None:
        self.size = size
        self.province = Province(size)
        self.dsn = dsn
        self.mqtt_url = mqtt_url
        self._words = directory / f"bulk-{size}.log"
        self._port = ports_in_a_row(3)
        self._environment = {
            "CAMPUSWATCH_DATA": str(directory / f"data-{size}"),
            "CAMPUSWATCH_DATABASE__URL": dsn,
            "CAMPUSWATCH_MQTT__URL": mqtt_url,
            "CAMPUSWATCH_METRICS__PORT": str(self._port),
        }

    def start(self) -> float:
        """Seconds from the first to the last line that the role says about its registry."""
        self._process = program(["run", "--role", "bulk"], self._words, self._environment)
        self._wait_for_words(f"devices={self.size}")
        self._until(lambda: self._metric("campuswatch_broker_connected") == 1.0, "it hears the broker")
        return self._seconds_between("role starting", f"devices={self.size}")

    def end(self) -> None:
        end(self._process)

    def held_mb(self) -> float:
        return pss_mb(self._process.pid)

    def most_mb(self) -> float:
        """The most that it ever had in memory since it began, shared pages and all."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def hear(self, topics: Sequence[str]) -> tuple[float, float]:
        """CPU seconds of the lane and seconds by the clock to commit a heartbeat on each of ``topics``.

        The lane is the process's main thread; another one answers our own questions for its metrics. The queue is
        filled while the process stands still, so that no size waits for its publisher.
        """
        before = self._committed()
        self._process.send_signal(signal.SIGSTOP)
        try:
            self._publish(topics)
        finally:
            cpu_s, began = _cpu_s(self._process.pid), time.monotonic()
            self._process.send_signal(signal.SIGCONT)
        self._until(lambda: self._committed() >= before + len(topics), f"{len(topics)} heartbeats are committed")
        return _cpu_s(self._process.pid) - cpu_s, time.monotonic() - began

    def hear_everyone(self) -> float:
        """One heartbeat of each device, none much later than it says; the seconds that it took."""
        heard, began = self._committed(), time.monotonic()
        topics = self.province.everyone()
        while some := list(itertools.islice(topics, AT_ONCE)):
            self._publish(some)
            heard += len(some)
            self._until(lambda: self._committed() >= heard, "every device was heard")  # noqa: B023
        return time.monotonic() - began

    def read_again(self) -> tuple[float, float]:
        """One device more: seconds until the role knows it, and the longest time meanwhile that a heartbeat waited."""
        self.province.add_one(self.dsn)
        began, longest_s, heard = time.monotonic(), 0.0, self._committed()
        with Wire(self.mqtt_url, "bench-pulse", clean=True) as wire:
            while f"devices={self.size + 1}" not in self._said():
                if time.monotonic() > began + PATIENCE_S:
                    raise RuntimeError(f"the role of {self.size} devices does not read its registry again")
                sent = time.monotonic()
                wire.publish(said(self.province.some(1), time.time()), window=1)
                heard += 1
                self._until(lambda: self._committed() >= heard, "a heartbeat is committed", every_s=0.01)  # noqa: B023
                longest_s = max(longest_s, time.monotonic() - sent)
        return time.monotonic() - began, longest_s

    def stored(self) -> int:
        with psycopg.connect(self.dsn) as conn:
            row = conn.execute("SELECT count(*) FROM heartbeat").fetchone()
        return int(row[0]) if row else 0

    def _publish(self, topics: Sequence[str]) -> None:
        with Wire(self.mqtt_url, "bench-filler", clean=True) as wire:
            wire.publish(said(topics, time.time()), window=1000)

    def _committed(self) -> int:
        return int(self._metric("campuswatch_ingest_messages_total") or 0)

    def _metric(self, name: str) -> float | None:
        return read_metric(self._port + 1, name, "bulk")

    def _said(self) -> str:
        return self._words.read_text(errors="replace")

    def _wait_for_words(self, words: str) -> None:
        self._until(lambda: words in self._said(), f"it says {words}")

    def _until(self, done: Callable[[], bool], what: str, *, every_s: float = 0.1) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the role of {self.size} devices: not {what}; its last words:\n{self._said()[-900:]}"
                )
            time.sleep(every_s)

    def _seconds_between(self, first: str, last: str) -> float:
        times = [
            datetime.fromisoformat(next(line for line in self._said().splitlines() if words in line).split()[0])
            for words in (first, last)
        ]
        return (times[1] - times[0]).total_seconds()


def _cpu_s(pid: int) -> float:
    """Of the process's main thread."""
    (main,) = (thread for thread in psutil.Process(pid).threads() if thread.id == pid)
    return float(main.user_time + main.system_time)
