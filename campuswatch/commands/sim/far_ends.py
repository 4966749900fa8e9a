"""``campuswatch sim receivers`` and ``far-end``: police, education and the duty leader's telephone; one over MQTT."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_address

import click

from campuswatch.commands.sim.options import broker_options, plain_errors, secret_given, wall_token
from simulators.broker import BrokerAddress


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8090, show_default=True, help="0 = any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Only addresses of this machine's loopback.")
@click.option(
    "--secret",
    envvar="CAMPUSWATCH_SIM_SECRET",
    required=True,
    callback=secret_given,
    help="The links' signing secret, whsec_..., as in the control room's settings; `campuswatch secret` makes one. "
    "[env: CAMPUSWATCH_SIM_SECRET]",
)
@click.option(
    "--education-secret", callback=secret_given, help="When education's link has another secret than police's."
)
@click.option("--wall", help="The control room's pages, http://127.0.0.1:8000: acknowledged notices go there too.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@plain_errors
def receivers(port: int, host: str, secret: str, education_secret: str | None, wall: str | None, lang: str) -> None:
    """Play police, education and the duty leader's telephone; print a line for each alarm.

    \b
      http://127.0.0.1:8090/police      the police link's URL
      http://127.0.0.1:8090/education   the education link's URL
      .../police/status                 its status URL, where the control room is to ask and not to be called
      json://127.0.0.1:8090/phone       the duty leader's Apprise URL: phone or chat
      POST /phone/acknowledge           the leader acknowledges the newest notice, or {"notice_id": "SJ-..."}
      GET  /received                    all that came, newest last
      POST /behaviour                   misbehave, to see what the control room makes of it:

    \b
      curl -X POST 127.0.0.1:8090/behaviour -H 'content-type: application/json' \\
        -d '{"link":"police","mode":"error500"}'

    Modes: ok, slow, refuse, hang, error500, wrong_receipt, lose (with "seconds" for slow and hang). Links: police,
    education, phone.
    """
    from simulators.alarm_lines import Language
    from simulators.operator import Operator
    from simulators.receivers import Receivers, listen, serve

    if host != "localhost" and not _is_loopback(host):
        raise click.BadParameter("the receivers have no login and listen on loopback only", param_hint="--host")

    async def run() -> None:
        async with AsyncExitStack() as stack:
            operator = await stack.enter_async_context(Operator(wall, wall_token())) if wall else None
            await serve(
                Receivers(
                    police_secret=secret,
                    education_secret=education_secret or secret,
                    language=Language(lang),
                    say=click.echo,
                    operator=operator,
                ),
                listening,
            )

    with listen(host, port) as listening:
        bound = listening.getsockname()[1]
        click.echo(f"police, education and phone listen on http://{host}:{bound}", err=True)
        with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
            asyncio.run(run())


@click.command("far-end")
@click.option("--link", type=click.Choice(["police", "education"]), default="police", show_default=True)
@click.option("--topic", help="Where the control room says its alarms.  [default: campuswatch/LINK]")
@click.option(
    "--secret",
    envvar="CAMPUSWATCH_SIM_SECRET",
    required=True,
    callback=secret_given,
    help="The link's signing secret, whsec_..., as in the control room's settings. [env: CAMPUSWATCH_SIM_SECRET]",
)
@click.option(
    "--mode",
    type=click.Choice(["ok", "slow", "lose"]),
    default="ok",
    show_default=True,
    help="slow: the receipt comes after --seconds; lose: it never comes.",
)
@click.option("--seconds", type=click.FloatRange(0, 3600), default=5.0, show_default=True, help="Of slow.")
@click.option("--person", type=click.Choice(["silent", "accepts", "refuses"]), default="silent", show_default=True)
@click.option("--person-after", "person_after_s", type=click.FloatRange(0, 3600), default=20.0, show_default=True)
@click.option("--duration", "duration_s", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@plain_errors
@broker_options
def far_end(
    link: str,
    topic: str | None,
    secret: str,
    mode: str,
    seconds: float,
    person: str,
    person_after_s: float,
    duration_s: float | None,
    lang: str,
    broker: BrokerAddress,
) -> None:
    """Play the other agency of a link of kind mqtt, on its broker; print a line for each alarm. Ctrl-C ends it.

    It hears TOPIC, checks each signature and says receipts on TOPIC/replies; a person there may accept or refuse each
    alarm some time after it. In the control room's settings:

    \b
      [links.police]
      kind = "mqtt"
      url = "mqtt://127.0.0.1:2883"     # mqtts:// with --username, --password-file and --ca-file here
      secret = "whsec_..."

    \b
      campuswatch sim far-end --mqtt-url mqtt://127.0.0.1:2883 --secret whsec_... --person accepts
    """
    from simulators.alarm_lines import Language
    from simulators.far_ends import LinkBehaviour, LinkName, Mode, Person
    from simulators.mqtt_far_end import MqttFarEnd

    name = LinkName(link)
    heard = topic or f"campuswatch/{link}"

    async def run() -> None:
        far = MqttFarEnd(broker, secret, topic=heard, link=name, language=Language(lang), say=click.echo)
        far.far_ends.behave(
            LinkBehaviour(
                link=name, mode=Mode(mode), seconds=seconds, person=Person(person), person_after_s=person_after_s
            )
        )
        async with far:
            click.echo(f"{link} hears {heard} on {broker}", err=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(duration_s):
                    await far.running

    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        asyncio.run(run())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
