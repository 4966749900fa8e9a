"""An OpenID Connect provider in a process of its own: whoever says there who he is, is believed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running_demo import wait_for
from tests.servers import free_port

CLIENT = "campuswatch"


class RunningProvider:
    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> str:
        """`web.provider` of whoever is to ask it."""
        return json.dumps({"issuer": self.url, "client_id": CLIENT, "client_secret": "said by nobody"})

    def start(self) -> None:
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "oidc_provider_mock", "--port", str(self._port), "--require-nonce", "true"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_for(self._answers, f"the provider is up:\n{self._log_file.read_text()}", within_s=60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/.well-known/openid-configuration", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@contextmanager
def running_provider(log_file: Path) -> Iterator[RunningProvider]:
    provider = RunningProvider(log_file)
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()
