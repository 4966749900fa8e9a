"""Builds the wheel, installs it far from the repository, and runs the demo from there.

An editable install hides what the wheel leaves out; here a folder that is missing from it is missing.
Run by ``make wheel-test`` with the Python of the virtual environment.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
START_S = 60.0
STOP_S = 5.0


def say(text: str) -> None:
    sys.stdout.write(f"wheel-test: {text}\n")
    sys.stdout.flush()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def install(directory: Path) -> Path:
    """The `campuswatch` command of a new virtual environment in ``directory``."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(directory), str(REPOSITORY)], check=True)
    (wheel,) = directory.glob("campuswatch-*.whl")
    say(f"{wheel.name}, {wheel.stat().st_size // 1024} kB")
    subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
    subprocess.run(
        [
            *(str(directory / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"),
            *("install", "--constraint", str(REPOSITORY / "constraints.txt"), f"{wheel}[embedded]"),
        ],
        check=True,
        cwd=directory,
    )
    return directory / "venv" / "bin" / "campuswatch"


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", errors="replace")
    finally:
        connection.close()


def wait_for_health(demo: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    last: object = "no answer"
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise SystemExit(f"the demo ended by itself with exit code {demo.returncode}")
        try:
            last = get(port, "/api/v1/health")
            if last[0] == 200:
                return
        except OSError as error:
            last = error
        time.sleep(0.2)
    raise SystemExit(f"GET /api/v1/health did not answer 200 within {START_S:.0f} s: {last}")


def left_over(directory: Path) -> list[str]:
    """Processes that still run on something in ``directory``."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(directory) in command and process.pid != os.getpid():
            found.append(f"{process.pid} {command[:120]}")
    return found


def run_demo(command: Path, directory: Path) -> None:
    empty = directory / "empty"
    empty.mkdir()
    port = free_port()
    started = time.monotonic()
    with (directory / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [
                *(str(command), "demo", "--sites", "4", "--data", str(directory / "data")),
                *("--port", str(port), "--mqtt-port", str(free_port())),
            ],
            cwd=empty,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for_health(demo, port)
        say(f"healthy {time.monotonic() - started:.1f} s after its start")
        status, page = get(port, "/")
        if status != 200 or "<script" not in page:
            raise SystemExit(f"GET / answered {status} without the wall:\n{page[:500]}")
        started = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does at Ctrl-C
        try:
            demo.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"Ctrl-C did not end the demo within {STOP_S:.0f} s") from None
        say(f"ended {time.monotonic() - started:.1f} s after Ctrl-C with exit code {demo.returncode}")
        if demo.returncode not in (0, 130, -signal.SIGINT):
            raise SystemExit(f"the demo ended with exit code {demo.returncode}")
        time.sleep(0.2)
        if still_there := left_over(directory):
            raise SystemExit("the demo left processes behind:\n" + "\n".join(still_there))
    except BaseException:
        sys.stdout.write((directory / "demo.log").read_text("utf-8", errors="replace")[-8000:])
        raise
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()


def main() -> None:
    # Open for passing through: as root the embedded PostgreSQL runs as another account.
    with tempfile.TemporaryDirectory(prefix="campuswatch-wheel-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)
        run_demo(install(directory), directory)
    say("passed")


if __name__ == "__main__":
    main()
