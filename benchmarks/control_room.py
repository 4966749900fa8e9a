"""A demo of our own: its data, its ports, its processes; started, waited for and ended like any user's."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg

from campuswatch.demo_accounts import read_secret, token_file
from campuswatch.embedded import EmbeddedPostgres
from tests.servers import free_port

_UP_S = 90.0
_END_S = 20.0


class ControlRoom:
    """``campuswatch demo`` with ``options``; ``environment`` is added to ours. Use as ``with``: it is up inside.

    ``dsn`` and ``mqtt_url`` name servers of the benchmark's own, to stop and start; without them they are the demo's.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        dsn: str | None = None,
        mqtt_url: str | None = None,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.data = directory / "data"
        self.port = free_port()
        self.mqtt_port = free_port() if mqtt_url is None else urlsplit(mqtt_url).port or 1883
        self.words = directory / "demo.log"
        self.dsn = dsn or EmbeddedPostgres(self.data / "postgresql").dsn
        self._metrics_port = ports_in_a_row(4)
        self._options = options
        self._environment = {"CAMPUSWATCH_METRICS__PORT": str(self._metrics_port), **(environment or {})}
        if dsn is not None:
            self._environment["CAMPUSWATCH_DATABASE__URL"] = dsn
        if mqtt_url is not None:
            self._environment["CAMPUSWATCH_MQTT__URL"] = mqtt_url

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.mqtt_port}"

    def metric(self, name: str, lane: str) -> float | None:
        """What the lane's own /metrics say of itself now; None while nobody answers or nothing of the name is said."""
        return read_metric(self._metrics_port + ("alarm", "bulk").index(lane), name, lane)

    @property
    def bearer(self) -> dict[str, str]:
        """The header with which its API lets us in."""
        return {"authorization": f"Bearer {read_secret(token_file(self.data))}"}

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> ControlRoom:
        where = ["--data", str(self.data), "--port", str(self.port), "--mqtt-port", str(self.mqtt_port)]
        self._process = program(["demo", *where, *self._options], self.words, self._environment)
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end(self._process)

    def number(self, statement: LiteralString, *values: object) -> int:
        """The one number that ``statement`` asks the database for."""
        with psycopg.connect(self.dsn) as conn:
            row: Any = conn.execute(statement, values or None).fetchone()
        return int(row[0] or 0)

    def roles_began_again(self) -> int:
        """How often a process had to be started anew."""
        return self.words.read_text(errors="replace").count("process ended")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _UP_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if "campuswatch is up" in self.words.read_text(errors="replace"):
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health"):
                    return
            time.sleep(0.2)
        raise RuntimeError(f"the demo did not come up:\n{self.words.read_text(errors='replace')[-2000:]}")


def ports_in_a_row(count: int) -> int:
    """The first of ``count`` loopback ports that are free now."""
    while True:
        first = free_port()
        if first + count > 65_500:
            continue
        with suppress(OSError), ExitStack() as probes:
            for port in range(first, first + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def read_metric(port: int, name: str, lane: str) -> float | None:
    """The value of ``name{lane="..."}`` on a role's /metrics; None while nobody answers or nothing of it is said."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
        beginning = f'{name}{{lane="{lane}"}} '
        for line in answer.read().decode().splitlines():
            if line.startswith(beginning):
                return float(line.removeprefix(beginning))
    return None


def program(
    arguments: Sequence[str], words: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start ``campuswatch <arguments>``; what it says goes to the file ``words``."""
    with words.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "campuswatch", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and insist after a while."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


#: What the bulk lane received, by its ledger.
RECEIVED: LiteralString = "SELECT sum(received) FROM ledger WHERE lane = 'bulk'"


def fleet_progress(log: Path) -> dict[str, float]:
    """The newest figures of a fleet that is running; empty before the first."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "fleet_progress" in line]
    if not lines:
        return {}
    return {name: float(value) for name, value in re.findall(r"(\w+)=([0-9.]+)(?=\s|$)", lines[-1])}


def wait_for_progress(log: Path, seconds: float, **wanted: float) -> dict[str, float]:
    """Wait for a line of progress in which each figure is at least what is ``wanted``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            figures = fleet_progress(log)
            if figures and all(figures.get(name, -1) >= least for name, least in wanted.items()):
                return figures
        time.sleep(0.5)
    raise RuntimeError(f"the fleet does not get on; its last words:\n{log.read_text(errors='replace')[-1000:]}")
