"""``campuswatch sim load``: how much an installation takes, and how soon it answers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec

from campuswatch.commands.sim.options import broker_options, plain_errors, secret_given
from campuswatch.commands.sim.report_file import STANDARD_OUTPUT, report_option, write_report
from simulators.broker import BrokerAddress
from simulators.district import DISTRICT_SITES, build_district
from simulators.receipts import ReceiptBook


@click.command()
@click.option(
    "--rate",
    type=click.FloatRange(0, 1_000_000),
    default=1000.0,
    show_default=True,
    help="Messages a second; 0 = as fast as the broker acknowledges.",
)
@click.option("--duration", type=click.FloatRange(min=0.1), help="Seconds; without it until Ctrl-C.")
@click.option("--connections", type=click.IntRange(1, 60_000), default=8, show_default=True, help="MQTT connections.")
@click.option(
    "--window",
    type=click.IntRange(1, 20_000),
    default=500,
    show_default=True,
    help="Messages of one connection that may wait for their PUBACK.",
)
@click.option("--sites", type=click.IntRange(1, 20_000), default=DISTRICT_SITES, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another district.")
@click.option(
    "--press-every", type=click.FloatRange(min=0.0), default=0.0, help="Press a button every so many seconds."
)
@click.option("--drill", is_flag=True, help="Mark presses as drills instead of tests: duty leaders are told of drills.")
@click.option(
    "--receivers",
    "port",
    type=click.IntRange(1, 65_535),
    help="Play the links' far ends here, on this port of loopback, and time presses until their receipt.",
)
@click.option(
    "--secret",
    envvar="CAMPUSWATCH_SIM_SECRET",
    callback=secret_given,
    help="--receivers: the links' secret. [env: CAMPUSWATCH_SIM_SECRET]",
)
@report_option("Write the summary to a file too;")
@click.option("--wait", type=click.FloatRange(min=0.0), default=0.0, help="Seconds to wait for the broker to appear.")
@plain_errors
@broker_options
def load(
    broker: BrokerAddress,
    rate: float,
    duration: float | None,
    connections: int,
    window: int,
    sites: int,
    seed: int,
    press_every: float,
    drill: bool,
    port: int | None,
    secret: str | None,
    json_file: Path | None,
    wait: float,
) -> None:
    """Publish so many messages a second with QoS 1 over shared connections, and time the broker's answers.

    Heartbeats and readings of the district's devices in turn, no two alike. What finds no room in its connection's
    window is held back and counted. With --receivers and --press-every, buttons are pressed (marked as tests) and timed
    until the police link's receipt: the control room's links must lead here.

    \b
      campuswatch sim load --duration 30                     1,000 messages a second
      campuswatch sim load --rate 10000 --duration 60 --json load.json
      campuswatch sim load --rate 0 --duration 10            as fast as the broker can
      campuswatch sim load --receivers 8090 --press-every 1  and from button to receipt

    Exit code 2: something was not acknowledged, or a press had no receipt.
    """
    from simulators.load import Load
    from simulators.load_plan import LoadPlan, LoadSummary
    from simulators.progress import Progress

    if port is not None and not secret:
        raise click.UsageError("--receivers needs the links' secret: --secret or CAMPUSWATCH_SIM_SECRET")
    plan = LoadPlan(
        connections=connections,
        rate_per_s=rate,
        duration_s=duration,
        window=window,
        press_every_s=press_every or (1.0 if port else 0.0),
        drill=drill,
        timed=port is not None,
    )

    async def run() -> LoadSummary:
        running = Load(build_district(seed, sites), broker, plan, progress=Progress(sys.stderr))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.stop)
        async with AsyncExitStack() as stack:
            if port is not None and secret:
                await _far_ends(stack, running.heard, port, secret)
            return await running.run(patience_s=wait)

    summary = asyncio.run(run())
    click.echo(summary.text(), err=json_file == STANDARD_OUTPUT)
    if json_file is not None:
        write_report(json_file, msgspec.json.format(msgspec.json.encode(summary)).decode())
    if not summary.complete:
        raise click.exceptions.Exit(2)


async def _far_ends(stack: AsyncExitStack, heard: Callable[[ReceiptBook, str], None], port: int, secret: str) -> None:
    """The links' far ends in this process, until ``stack`` ends; ``heard`` is told what the police answered."""
    from simulators.far_ends import LinkName
    from simulators.receivers import Receivers, listen, serving

    def answered(link: LinkName, webhook_id: str) -> None:
        if link is LinkName.POLICE:
            heard(receivers.far_ends.books[link], webhook_id)

    receivers = Receivers(police_secret=secret, education_secret=secret, on_answered=answered)
    listening = stack.enter_context(listen("127.0.0.1", port))
    await stack.enter_async_context(serving(receivers.application(), listening))
