"""``campuswatch sim fleet``: the district's devices, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys

import click

from campuswatch.commands.sim.options import broker_options, plain_errors
from simulators.broker import BrokerAddress
from simulators.district import DISTRICT_SITES, build_district


@click.command()
@click.option("--sites", type=click.IntRange(1, 20_000), default=DISTRICT_SITES, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another district.")
@click.option("--duration", type=click.FloatRange(min=0.1), help="Seconds; without it until Ctrl-C.")
@click.option("--connections", type=click.IntRange(1, 500), default=8, show_default=True, help="MQTT connections.")
@click.option("--per-site", is_flag=True, help="One MQTT connection for each site instead.")
@click.option("--per-device", is_flag=True, help="One MQTT connection for each device instead.")
@click.option(
    "--rate-factor",
    type=click.FloatRange(min=0.01, max=100.0),
    default=1.0,
    show_default=True,
    help="Multiplies the rate of messages: 2 = twice as many a second.",
)
@click.option("--wait", type=click.FloatRange(min=0.0), default=0.0, help="Seconds to wait for the broker to appear.")
@plain_errors
@broker_options
def fleet(
    broker: BrokerAddress,
    sites: int,
    seed: int,
    duration: float | None,
    connections: int,
    per_site: bool,
    per_device: bool,
    rate_factor: float,
    wait: float,
) -> None:
    """Let all devices of the district speak until Ctrl-C.

    Heartbeats every 30 s, readings every 60 s: with 184 sites about 770 messages a second, spread evenly. At the end it
    waits for the broker to acknowledge what is on its way and prints the figures.

    \b
      campuswatch sim fleet                              eight connections, as gateways of townships would
      campuswatch sim fleet --per-device                 19,872 of them, one a device
      campuswatch sim fleet --sites 3 --rate-factor 10   three schools that talk a lot
      campuswatch sim fleet --mqtt-url mqtts://broker.example --ca-file ca.pem --username sim \\
        --password-file secret --allow-remote            a test broker elsewhere

    Exit code 2: something was not acknowledged.
    """
    from simulators.fleet import Fleet
    from simulators.progress import Progress
    from simulators.sharing import Sharing

    if per_site and per_device:
        raise click.UsageError("either --per-site or --per-device")
    sharing = Sharing.SITE if per_site else Sharing.DEVICE if per_device else Sharing.GROUP
    district = build_district(seed, sites)

    async def run() -> None:
        running = Fleet(
            district,
            broker,
            seed=seed,
            sharing=sharing,
            connections=connections,
            rate_factor=rate_factor,
            progress=Progress(sys.stderr),
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.stop)
        summary = await running.run(duration_s=duration, patience_s=wait)
        click.echo(
            f"{summary.published} published, {summary.acknowledged} acknowledged by the broker, "
            f"{summary.in_flight} not acknowledged, {summary.waiting + summary.dropped} not sent, "
            f"{summary.reconnects} reconnects, {summary.rate_per_s}/s, PUBACK p50 {summary.puback.p50_ms:g} ms "
            f"p99 {summary.puback.p99_ms:g} ms, {summary.connections} connections, {summary.cpu_pct}% of a core"
        )
        if summary.acknowledged != summary.published or summary.waiting or summary.dropped:
            raise click.exceptions.Exit(2)

    asyncio.run(run())
