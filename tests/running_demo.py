"""The whole program as its users start it: `campuswatch demo` in a process of its own, and ways to look at it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg

from campuswatch.embedded import EmbeddedPostgres
from tests.servers import free_port

T = TypeVar("T")

START_S = 90.0


def wait_for(look: Callable[[], T | None], what: str, *, within_s: float = 20.0) -> T:
    """The first true answer of ``look``; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s:g} s: {what}")


class RunningDemo:
    """One demo with a few sites, on free ports. ``options`` are further ones of its command line, ``settings`` what its
    environment says beside them; ``cameras``: some of its cameras show something, which costs a process or two.
    """

    def __init__(
        self,
        directory: Path,
        *,
        sites: int,
        options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        cameras: bool = False,
    ) -> None:
        self._options = [*options, *(() if cameras else ("--no-cameras",))]
        self._settings = dict(settings or {})
        self.directory = directory
        self.sites = sites
        self.web_port, self.mqtt_port = free_port(), free_port()
        self.log_file = directory / "demo.log"
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=10, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMPUSWATCH_")}
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "campuswatch", "demo", "--data", str(self.directory / "data")),
                    *("--port", str(self.web_port), "--mqtt-port", str(self.mqtt_port), "--sites", str(self.sites)),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**environment, **self._settings},
                cwd=self.directory,
                start_new_session=True,
            )
        wait_for(self._is_up, f"the demo is up:\n{self.log()[-3000:]}", within_s=START_S)
        self.client.headers["authorization"] = f"Bearer {self.token}"

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the demo ended by itself:\n{self.log()}")
        return "is up" in self.log()

    def interrupt(self) -> float:
        """Ctrl-C; the seconds until every process was gone."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        return time.monotonic() - began

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self.interrupt()

    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    # -- ways to look at it -----------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """Of the simulators, who may do everything."""
        return (self.directory / "data" / "demo-token").read_text("ascii").strip()

    @property
    def password(self) -> str:
        """Of the account `demo`, as the terminal shows it."""
        match = re.search(r"account: demo +密码 password: (\S+)", self.log())
        assert match is not None
        return match[1]

    def add_user(self, account: str, *options: str) -> str:
        """The one-time password of a new account."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMPUSWATCH_")}
        added = subprocess.run(
            [sys.executable, "-m", "campuswatch", "users", "add", account, *options],
            env={**environment, "CAMPUSWATCH_DATA": str(self.directory / "data")},
            capture_output=True,
            check=True,
            timeout=60,
            text=True,
        )
        return added.stdout.splitlines()[-1]

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    @property
    def receivers(self) -> str:
        """Where the links' far ends are."""
        match = re.search(r"(http://127\.0\.0\.1:\d+)/received", self.log())
        assert match is not None
        return match[1]

    def received(self) -> Any:
        """What police, education and the duty leader's telephone got."""
        return httpx.get(f"{self.receivers}/received", timeout=10, trust_env=False).json()

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        dsn = EmbeddedPostgres(self.directory / "data" / "postgresql").dsn
        with psycopg.connect(dsn) as conn:
            return conn.execute(sql.encode(), parameters).fetchall()

    def publish(self, topic: str, payload: str | bytes) -> None:
        """By mosquitto_pub, a client that nobody here wrote. Returns when the broker has acknowledged it."""
        source = "-s" if payload else "-n"  # from standard input, or a null message
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.mqtt_port), "-q", "1", "-t", topic, source],
            input=payload if isinstance(payload, bytes) else payload.encode(),
            check=True,
            timeout=20,
        )


@contextmanager
def running_demo(
    directory: Path,
    *,
    sites: int,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    cameras: bool = False,
) -> Iterator[RunningDemo]:
    demo = RunningDemo(directory, sites=sites, options=options, settings=settings, cameras=cameras)
    try:
        demo.start()
        yield demo
    finally:
        demo.stop()
