"""``campuswatch sim``: a simulated district to try the control room with, and far ends to receive its alarms."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from ipaddress import ip_address
from time import time
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import click

from campuswatch.commands.sim_run import run
from domain.errors import CampuswatchError
from simulators.broker import DEFAULT_MQTT_URL, BrokerAddress, broker_address
from simulators.district import DISTRICT_SITES, build_district
from simulators.interventions import Interventions
from simulators.orders import Op, Order

P = ParamSpec("P")
T = TypeVar("T")


@click.group()
def sim() -> None:
    """Try the control room without a school: simulated devices, alarms and receivers.

    A made-up district of 184 schools (s001 to s184) with 108 devices each:

    \b
      s001-btn-01 .. 05   one-key alarms        s001-smk-01 .. 25   smoke detectors
      s001-tmp-01 .. 10   temperature sensors   s001-cam-01 .. 60   cameras
      s001-gw-01          the gateway that all of them hang on

    First let it speak, in a terminal of its own:

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

    Alarms pressed here look real to whoever receives them, so a broker on another machine is refused unless you
    say --allow-remote.
    """


def _broker_options(command: Callable[P, T]) -> Callable[P, T]:
    remote = click.option(
        "--allow-remote",
        is_flag=True,
        help="Allow a broker that is not on this machine. Only for test systems: the alarms look real.",
    )
    url = click.option(
        "--mqtt-url",
        envvar="CAMPUSWATCH_MQTT__URL",
        default=DEFAULT_MQTT_URL,
        show_default=True,
        help="The broker: mqtt://[user:password@]host:port. [env: CAMPUSWATCH_MQTT__URL]",
    )
    return url(remote(command))


def _plain_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Our own errors end a command with their message and exit code 1, without a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except CampuswatchError as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@sim.command()
@_broker_options
@click.option("--sites", type=click.IntRange(1, 20_000), default=DISTRICT_SITES, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another district.")
@click.option("--duration", type=click.FloatRange(min=0.1), help="Seconds; without it until Ctrl-C.")
@click.option("--connections", type=click.IntRange(1, 500), default=8, show_default=True, help="MQTT connections.")
@click.option("--per-site", is_flag=True, help="One MQTT connection for each site instead.")
@click.option(
    "--rate-factor",
    type=click.FloatRange(min=0.01, max=100.0),
    default=1.0,
    show_default=True,
    help="Multiplies the rate of messages: 2 = twice as many a second.",
)
@click.option("--wait", type=click.FloatRange(min=0.0), default=0.0, help="Seconds to wait for the broker to appear.")
@_plain_errors
def fleet(
    mqtt_url: str,
    allow_remote: bool,
    sites: int,
    seed: int,
    duration: float | None,
    connections: int,
    per_site: bool,
    rate_factor: float,
    wait: float,
) -> None:
    """Let all devices of the district speak until Ctrl-C.

    Heartbeats every 30 s, readings every 60 s: with 184 sites about 770 messages a second, spread evenly. Progress
    every 10 s; at the end it waits for the broker to acknowledge what is on its way and prints the figures.
    """
    from simulators.fleet import Fleet

    broker = broker_address(mqtt_url, allow_remote=allow_remote)
    district = build_district(seed, sites)

    async def run() -> None:
        running = Fleet(
            district, broker, seed=seed, connections=sites if per_site else connections, rate_factor=rate_factor
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.stop)
        summary = await running.run(duration_s=duration, patience_s=wait)
        click.echo(
            f"{summary.published} published, {summary.acknowledged} acknowledged by the broker, "
            f"{summary.in_flight} not acknowledged, {summary.waiting + summary.dropped} not sent, "
            f"{summary.reconnects} reconnects, {summary.rate_per_s}/s, {summary.cpu_pct}% of a core"
        )
        if summary.acknowledged != summary.published or summary.waiting or summary.dropped:
            raise click.exceptions.Exit(2)

    _run(run())


_SITE = click.argument("site")
_DEVICE = click.argument("device", default="")
_TEST = click.option("--test", "is_test", is_flag=True, help="Mark it as a test (测试).")
_DRILL = click.option("--drill", is_flag=True, help="Mark it as a drill (演练).")


@sim.command()
@_SITE
@_DEVICE
@_TEST
@_DRILL
@_broker_options
@_plain_errors
def press(site: str, device: str, is_test: bool, drill: bool, mqtt_url: str, allow_remote: bool) -> None:
    """Press a one-key alarm: SITE like s001, DEVICE like s001-btn-02 (without one: the guardroom's).

    Works without a running fleet. Ends once the broker has acknowledged the alarm.
    """
    order = Order(op=Op.PRESS, site=site, device=device, test=is_test, drill=drill)
    click.echo(_publish(order, mqtt_url, allow_remote))


@sim.command()
@_SITE
@_DEVICE
@click.option("--to", "to_c", type=click.FloatRange(-60, 600), default=180.0, show_default=True, help="°C at the end.")
@click.option("--over", "over_s", type=click.FloatRange(0, 86_400), default=120.0, show_default=True, help="Seconds.")
@_TEST
@_DRILL
@_broker_options
@_plain_errors
def ignite(
    site: str,
    device: str,
    to_c: float,
    over_s: float,
    is_test: bool,
    drill: bool,
    mqtt_url: str,
    allow_remote: bool,
) -> None:
    """Set fire at a smoke detector: DEVICE like s001-smk-14 (without one: the kitchen's).

    The smoke alarm goes out at once, even without a fleet. A running fleet then lets smoke and the temperature at the
    same place rise, with a reading every 5 s.
    """
    from simulators.errors import NoFleet

    order = Order(
        op=Op.IGNITE, site=site, device=device, to_c=to_c, over_s=over_s, test=is_test, drill=drill, alarm_sent=True
    )
    click.echo(_publish(order, mqtt_url, allow_remote))
    try:
        click.echo(_give(order, mqtt_url, allow_remote))
    except NoFleet:
        click.echo("No fleet is running, so no smoke or temperature readings follow.", err=True)


@sim.command()
@_SITE
@_DEVICE
@click.option("--to", "to_c", type=click.FloatRange(-60, 600), default=85.0, show_default=True, help="°C at the end.")
@click.option("--over", "over_s", type=click.FloatRange(0, 86_400), default=120.0, show_default=True, help="Seconds.")
@_broker_options
@_plain_errors
def heat(site: str, device: str, to_c: float, over_s: float, mqtt_url: str, allow_remote: bool) -> None:
    """Warm a temperature sensor up: DEVICE like s001-tmp-02 (without one: the kitchen's). Needs a running fleet.

    It stays at that temperature until `extinguish` or `restore`.
    """
    click.echo(_give(Order(op=Op.HEAT, site=site, device=device, to_c=to_c, over_s=over_s), mqtt_url, allow_remote))


def _lasting(op: Op, text: str) -> click.Command:
    """A command that only tells the fleet something about a device or a whole site."""

    @click.command(op.value, help=text)
    @_SITE
    @_DEVICE
    @_broker_options
    @_plain_errors
    def command(site: str, device: str, mqtt_url: str, allow_remote: bool) -> None:
        click.echo(_give(Order(op=op, site=site, device=device), mqtt_url, allow_remote))

    return command


sim.add_command(
    _lasting(
        Op.EXTINGUISH,
        "Put fires out: smoke alarms of SITE (or of DEVICE) end, its sensors cool down in two minutes. "
        "Needs a running fleet.",
    )
)
sim.add_command(
    _lasting(
        Op.CUT,
        "Silence SITE, or one DEVICE of it: no heartbeats, no readings. Needs a running fleet.\n\n"
        "`press` still gets through from here, as a button with a line of its own would.",
    )
)
sim.add_command(_lasting(Op.RESTORE, "End `cut`, `heat` and `ignite` for SITE or one DEVICE. Needs a running fleet."))


@sim.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8090, show_default=True, help="0 = any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Only addresses of this machine's loopback.")
@click.option(
    "--secret",
    envvar="CAMPUSWATCH_SIM_SECRET",
    required=True,
    help="The links' signing secret, whsec_... [env: CAMPUSWATCH_SIM_SECRET]",
)
@click.option("--education-secret", help="When education's link has another secret than police's.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@_plain_errors
def receivers(port: int, host: str, secret: str, education_secret: str | None, lang: str) -> None:
    """Play police, education and the duty leader's telephone; print a line for each alarm.

    \b
      http://127.0.0.1:8090/police      the police link's URL
      http://127.0.0.1:8090/education   the education link's URL
      json://127.0.0.1:8090/phone       the duty leader's Apprise URL
      GET  /received                    all that came, newest last
      POST /behaviour                   misbehave, to see what the control room makes of it:

    \b
      curl -X POST 127.0.0.1:8090/behaviour -H 'content-type: application/json' \\
        -d '{"link":"police","mode":"error500"}'

    Modes: ok, slow, refuse, hang, error500, wrong_receipt, lose (with "seconds" for slow and hang).
    """
    from simulators.alarm_lines import Language
    from simulators.receivers import Receivers, listen, serve

    if host != "localhost" and not _is_loopback(host):
        raise click.BadParameter("the receivers have no login and listen on loopback only", param_hint="--host")
    far_ends = Receivers(
        police_secret=secret,
        education_secret=education_secret or secret,
        language=Language(lang),
        say=click.echo,
    )
    with listen(host, port) as listening:
        bound = listening.getsockname()[1]
        click.echo(f"police, education and phone listen on http://{host}:{bound}", err=True)
        with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
            _run(serve(far_ends, listening))


def _publish(order: Order, mqtt_url: str, allow_remote: bool) -> str:
    """Publish an alarm from here, without a fleet."""
    from simulators.console import publish

    broker = broker_address(mqtt_url, allow_remote=allow_remote)
    named = Order(op=order.op, site=order.site, device=order.device, id=uuid4().hex, test=order.test, drill=order.drill)
    messages, _ = Interventions(build_district().devices).apply(named, time())
    _run(publish(broker, messages))
    return f"{messages[0].topic}: acknowledged by the broker at {broker}"


def _give(order: Order, mqtt_url: str, allow_remote: bool) -> str:
    from simulators.console import give_order

    broker: BrokerAddress = broker_address(mqtt_url, allow_remote=allow_remote)
    return _run(give_order(broker, order))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


sim.add_command(run)
