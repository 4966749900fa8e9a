"""``campuswatch sim press`` and the like: what somebody does to devices, one command each."""

from __future__ import annotations

import asyncio
from time import time
from uuid import uuid4

import click
import msgspec

from campuswatch.commands.sim.options import broker_options, plain_errors
from simulators.broker import BrokerAddress
from simulators.district import build_district
from simulators.interventions import Interventions
from simulators.orders import Op, Order


def _of_site(ctx: click.Context, param: click.Parameter, device: str) -> str:
    """A device in the place of the site, such as s001-btn-02, names its site too."""
    named: str = ctx.params["site"]
    if not device and "-" in named:
        ctx.params["site"] = named.partition("-")[0]
        return named
    return device


_SITE = click.argument("site")
_DEVICE = click.argument("device", default="", callback=_of_site)
_TEST = click.option("--test", "is_test", is_flag=True, help="Mark it as a test (测试).")
_DRILL = click.option("--drill", is_flag=True, help="Mark it as a drill (演练).")


@click.command()
@_SITE
@_DEVICE
@_TEST
@_DRILL
@plain_errors
@broker_options
def press(site: str, device: str, is_test: bool, drill: bool, broker: BrokerAddress) -> None:
    """Press a one-key alarm: SITE like s001, DEVICE like s001-btn-02 (without one: the guardroom's).
    A device alone will do, here and in the other commands.

    Works without a running fleet. Ends once the broker has acknowledged the alarm.

    \b
      campuswatch sim press s001                      the guardroom's
      campuswatch sim press s001-btn-02 --drill
    """
    order = Order(op=Op.PRESS, site=site, device=device, test=is_test, drill=drill)
    click.echo(_publish(order, broker))


@click.command()
@_SITE
@_DEVICE
@click.option("--to", "to_c", type=click.FloatRange(-60, 600), default=180.0, show_default=True, help="°C at the end.")
@click.option("--over", "over_s", type=click.FloatRange(0, 86_400), default=120.0, show_default=True, help="Seconds.")
@_TEST
@_DRILL
@plain_errors
@broker_options
def ignite(
    site: str,
    device: str,
    to_c: float,
    over_s: float,
    is_test: bool,
    drill: bool,
    broker: BrokerAddress,
) -> None:
    """Set fire at a smoke detector: DEVICE like s001-smk-14 (without one: the kitchen's).

    The smoke alarm goes out at once, even without a fleet. A running fleet then lets smoke and the temperature at the
    same place rise, with a reading every 5 s.

    \b
      campuswatch sim ignite s001
      campuswatch sim ignite s001 s001-smk-14 --to 300 --over 60
    """
    from simulators.errors import NoFleet

    order = Order(
        op=Op.IGNITE, site=site, device=device, to_c=to_c, over_s=over_s, test=is_test, drill=drill, alarm_sent=True
    )
    click.echo(_publish(order, broker))
    try:
        click.echo(_give(order, broker))
    except NoFleet:
        click.echo("No fleet is running, so no smoke or temperature readings follow.", err=True)


@click.command()
@_SITE
@_DEVICE
@click.option("--to", "to_c", type=click.FloatRange(-60, 600), default=85.0, show_default=True, help="°C at the end.")
@click.option("--over", "over_s", type=click.FloatRange(0, 86_400), default=120.0, show_default=True, help="Seconds.")
@plain_errors
@broker_options
def heat(site: str, device: str, to_c: float, over_s: float, broker: BrokerAddress) -> None:
    """Warm a temperature sensor up: DEVICE like s001-tmp-02 (without one: the kitchen's). Needs a running fleet.

    It stays at that temperature until `extinguish` or `restore`.

    \b
      campuswatch sim heat s001 --to 70
    """
    click.echo(_give(Order(op=Op.HEAT, site=site, device=device, to_c=to_c, over_s=over_s), broker))


def _lasting(op: Op, text: str) -> click.Command:
    """A command that only tells the fleet something about a device or a whole site."""

    @click.command(op.value, help=text)
    @_SITE
    @_DEVICE
    @plain_errors
    @broker_options
    def command(site: str, device: str, broker: BrokerAddress) -> None:
        click.echo(_give(Order(op=op, site=site, device=device), broker))

    return command


extinguish = _lasting(
    Op.EXTINGUISH,
    "Put fires out: smoke alarms of SITE (or of DEVICE) end, its sensors cool down in two minutes. Needs a running "
    "fleet.\n\n\b\n  campuswatch sim extinguish s001",
)
cut = _lasting(
    Op.CUT,
    "Silence SITE, or one DEVICE of it: no heartbeats, no readings. Needs a running fleet.\n\n"
    "`press` still gets through from here, as a button with a line of its own would.\n\n"
    "\b\n  campuswatch sim cut s002\n  campuswatch sim cut s002 s002-cam-07",
)
restore = _lasting(
    Op.RESTORE,
    "End `cut`, `heat` and `ignite` for SITE or one DEVICE. Needs a running fleet.\n\n"
    "\b\n  campuswatch sim restore s002",
)

#: In the order of the help.
COMMANDS = (press, ignite, extinguish, heat, cut, restore)


def _publish(order: Order, broker: BrokerAddress) -> str:
    """Publish an alarm from here, without a fleet."""
    from simulators.console import publish

    district = build_district()
    named = msgspec.structs.replace(order, id=uuid4().hex, alarm_sent=False)
    messages, _ = Interventions(district.devices, district.sites).apply(named, time())
    asyncio.run(publish(broker, messages))
    return f"{messages[0].topic}: acknowledged by the broker at {broker}"


def _give(order: Order, broker: BrokerAddress) -> str:
    from simulators.console import give_order

    return asyncio.run(give_order(broker, order))
