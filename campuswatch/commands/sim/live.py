"""``campuswatch sim run --live``: the same scenarios in real time."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import structlog

from campuswatch.commands.sim.options import broker_from, named_by_options, wall_token
from simulators.broker import BrokerAddress, on_this_machine
from simulators.scenarios.played import Played
from simulators.scenarios.script import Script

T = TypeVar("T")

_OPTIONS = (
    click.option("--live", is_flag=True, help="In real time over MQTT, against the control room that runs at --wall."),
    click.option("--wall", default="http://127.0.0.1:8000", show_default=True, help="--live: its pages."),
    click.option(
        "--receivers",
        default="http://127.0.0.1:8090",
        show_default=True,
        help="--live: `campuswatch sim receivers`, where its links and telephone lead to.",
    ),
)


class Live:
    """Where to run scenarios in real time."""

    def __init__(self, broker: BrokerAddress, wall: str, receivers: str, token: str) -> None:
        self._broker = broker
        self._wall = wall
        self._receivers = receivers
        self._token = token

    def play(self, script: Script) -> Played:
        """The script as it was played, and what happened until its end or Ctrl-C."""
        return asyncio.run(self._play(script))

    async def _play(self, script: Script) -> Played:
        from simulators.live import LiveRun
        from simulators.operator import Operator
        from simulators.progress import Progress

        async with Operator(self._wall, self._token) as operator:
            run = LiveRun(
                script, self._broker, operator=operator, receivers=self._receivers, progress=Progress(sys.stderr)
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, run.stop)
            return await run.play()


def live_options(command: Callable[..., T]) -> Callable[..., T]:
    """``--live`` and what belongs to it; the command gets it as ``live``, None in virtual time."""

    @wraps(command)
    def wrapped(
        *args: Any,
        live: bool,
        wall: str,
        receivers: str,
        mqtt_url: str,
        username: str,
        password_file: Path | None,
        ca_file: Path | None,
        allow_remote: bool,
        **kwargs: Any,
    ) -> T:
        where = None
        if live:
            # How the fleet gets on is told in other words.
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
            broker = broker_from(mqtt_url, username, password_file, ca_file, allow_remote)
            if not allow_remote:
                _refuse_remote("--wall", wall)
                _refuse_remote("--receivers", receivers)
            where = Live(broker, wall, receivers, wall_token())
        return command(*args, live=where, **kwargs)

    with_options = named_by_options(wrapped)
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def _refuse_remote(option: str, url: str) -> None:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not url.startswith(("http://", "https://")) or not host:
        raise click.BadParameter(f"{url} is no address such as http://127.0.0.1:8000", param_hint=option)
    if not on_this_machine(host):
        raise click.BadParameter(
            f"{url} is not on this machine, and what is done there may be somebody's real control room; --allow-remote "
            "allows it when it is a test system",
            param_hint=option,
        )
