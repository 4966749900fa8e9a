"""Looking at processes from outside."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil

_REPOSITORY = Path(__file__).resolve().parents[3]

_PARENT = """
import asyncio, os, signal, sys
from pathlib import Path
from campuswatch.embedded import EmbeddedBroker, EmbeddedPostgres

async def main():
    server = {expression}
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def start_in_a_parent(expression: str) -> tuple[subprocess.Popen[str], int]:
    """A program of its own that starts the server that ``expression`` makes; and the server's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT.format(expression=expression)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def is_gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while runs(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """Network addresses that the process or one of its children listens on."""
    process = psutil.Process(pid)
    return {
        (connection.laddr.ip, connection.laddr.port)
        for one in [process, *process.children(recursive=True)]
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
