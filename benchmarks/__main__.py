"""``python -m benchmarks [NAME...]``: run benchmarks one after the other, print their tables, keep them as JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module

import click

from benchmarks.sheet import Plan, Sheet

#: Every benchmark and what it measures. Each is a module with ``measure(plan) -> Sheet``.
BENCHMARKS = {
    "ingest": "messages a second committed and acknowledged by the bulk lane, beside a bare loop",
    "footprint": "CPU and memory of the whole server under the district's traffic, and an account of every message",
    "alarm": "from a pressed button to the police link's receipt, idle and under load",
    "storm": "20,000 devices that come back at once, twice, and buttons pressed meanwhile",
    "memory": "the bulk role's memory and the cost of a heartbeat at 20,000, 200,000 and a million devices",
    "outage": "ten minutes without a database: alarms meanwhile, and how soon everything is stored afterwards",
    "day": "a site's day on a virtual clock: what devices say, and what the rules make of it, beside a bare loop",
    "engine": "observations a second through all rules, beside a bare loop",
    "backtest": "a changed rule tried on a stored history, reading it from the database included, beside a bare loop",
    "rehearsal": "a school day, a month of a site, an hour of the district in virtual time, with roles and database",
    "load": "the simulators: connections held and messages acknowledged by one process, beside mosquitto_pub and paho",
    "targets": "a month's report, and what a single change costs, with 184 sites and 20,000 devices",
    "availability": "a year of 11,000 cameras by day, from the intervals in which they were not available",
    "patrol": "diagnosis of cameras' pictures: recall and false alarms on held-out scenes, beside camera-health; cost",
    "rota": "a whole patrol of 11,000 cameras by the real role: CPU with helpers and database, memory",
    "queue": "an operator's clicks with 100,000 incidents stored and 10,000 open, beside a nearly empty database",
    "screen.paint": "first paint and the whole wall in Chromium, signed in, nothing cached",
    "screen.devices": "20,000 devices in one table: listed, filtered, scrolled; the longest frame",
    "screen.load": "CPU of the browser with the wall while the district speaks, beside a silent wall and an empty page",
    "screen.pixels": "from the commit of an incident to its pixels in the queue",
    "screen.viewers": "400 viewers of the stream: the web role's CPU, one that stops reading, all back at once",
    "notices": "184 duty leaders told of one thing over a channel that takes 200 ms a message",
    "neighbour": "what one device that sends 2,000 messages a second does to everybody else",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "listing", is_flag=True, help="Say which benchmarks there are.")
@click.option("--quick", is_flag=True, help="Short runs: they show that the benchmarks work, not how fast we are.")
@click.option("--messages", type=click.IntRange(1000, 400_000), help="ingest, memory: messages of one round.")
@click.option(
    "--rounds",
    type=click.IntRange(1, 50),
    help="ingest, memory, day, rota: rounds; neighbour: pairs; screen.paint: loads.",
)
@click.option("--server", type=click.Choice(["postgresql", "timescaledb"]), default="postgresql", show_default=True,
              help="ingest: the embedded PostgreSQL, or the tests' TimescaleDB.")  # fmt: skip
@click.option("--broker", type=click.Choice(["mosquitto", "embedded"]), default="mosquitto", show_default=True,
              help="ingest: Mosquitto with room for everything, or the embedded broker.")  # fmt: skip
@click.option(
    "--minutes",
    type=click.FloatRange(0.2, 24 * 60),
    help="footprint: how long to watch; outage: without a database; rehearsal: of the district.",
)
@click.option("--presses", type=click.IntRange(5, 200), help="alarm: buttons pressed one at a time under each load.")
def main(
    names: tuple[str, ...],
    listing: bool,
    quick: bool,
    messages: int | None,
    rounds: int | None,
    server: str,
    broker: str,
    minutes: float | None,
    presses: int | None,
) -> None:
    """Run the benchmarks named, or all of them. Exit code 1: one of them lost a message or passed a limit."""
    if listing:
        for name, purpose in BENCHMARKS.items():
            click.echo(f"{name:14}  {purpose}")
        return
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise click.BadParameter(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    plan = Plan(
        quick=quick,
        server=server,
        broker=broker,
        messages=messages,
        rounds=rounds,
        minutes=minutes,
        presses=presses,
    )
    failed = False
    for name in names or BENCHMARKS:
        click.echo(f"\n{name}: {BENCHMARKS[name]}")
        measure: Callable[[Plan], Sheet] = import_module(f"benchmarks.{name}").measure
        began = time.monotonic()
        sheet = measure(plan)
        file = sheet.write(name, plan)
        click.echo(f"\n{sheet.text()}\n({time.monotonic() - began:.0f} s; {file})")
        failed = failed or bool(sheet.faults)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
