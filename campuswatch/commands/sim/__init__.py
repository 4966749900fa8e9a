"""``campuswatch sim``: a simulated district to try the control room with, and far ends to receive its alarms."""

from __future__ import annotations

import click

from campuswatch.commands.sim import orders
from campuswatch.commands.sim.cameras import cameras
from campuswatch.commands.sim.far_ends import far_end, receivers
from campuswatch.commands.sim.fleet import fleet
from campuswatch.commands.sim.load import load
from campuswatch.commands.sim.scenarios import check, list_, schema
from campuswatch.commands.sim_run import run


class _AsTold(click.Group):
    """Commands in the help in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_AsTold)
def sim() -> None:
    """Try the control room without a school: simulated devices, alarms and receivers.

    A made-up district of 184 schools (s001 to s184) with 108 devices each:

    \b
      s001-btn-01 .. 05   one-key alarms        s001-smk-01 .. 25   smoke detectors
      s001-tmp-01 .. 10   temperature sensors   s001-cam-01 .. 60   cameras
      s001-gw-01          the gateway that all of them hang on

    Rehearse a day in seconds, with nothing running beside it:

    \b
      campuswatch sim list                   the scenarios that ship
      campuswatch sim run dormitory-fire     what should happen in one, and whether it does
      campuswatch sim check my.yaml          a scenario of your own, read for faults

    Or in real time over MQTT. First let the district speak, in a terminal of its own (`campuswatch demo` does):

    \b
      campuswatch sim fleet

    Then make something happen, from another one:

    \b
      campuswatch sim press s001             somebody presses the alarm in the guardroom
      campuswatch sim ignite s001            the kitchen burns: smoke alarm, smoke, heat
      campuswatch sim extinguish s001        the fire is out
      campuswatch sim heat s001 --to 70      one sensor gets hot, no smoke
      campuswatch sim cut s002               a school falls silent, as after a power cut
      campuswatch sim restore s002           it speaks again

    Or see how much an installation takes:

    \b
      campuswatch sim load --rate 10000 --duration 60 --json load.json
      campuswatch sim fleet --per-device     20,000 connections from one process

    Alarms pressed here look real to whoever receives them, so a broker on another machine is refused unless you
    say --allow-remote. The whole story: docs/simulators.md.
    """


for command in (list_, run, check, schema, fleet, load, *orders.COMMANDS, cameras, receivers, far_end):
    sim.add_command(command)
