"""What the commands of ``campuswatch sim`` have in common: which broker, and errors in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from domain.errors import CampuswatchError
from simulators.broker import DEFAULT_MQTT_URL, BrokerAddress, broker_address

P = ParamSpec("P")
T = TypeVar("T")

TOKEN_IN_THE_ENVIRONMENT = "CAMPUSWATCH_TOKEN"  # noqa: S105  # the variable's name
IN_THE_ENVIRONMENT = "CAMPUSWATCH_SIM_PASSWORD"

_OPTIONS = (
    click.option(
        "--mqtt-url",
        envvar="CAMPUSWATCH_MQTT__URL",
        default=DEFAULT_MQTT_URL,
        show_default=True,
        help="The broker: mqtt://host:1883, or mqtts://host:8883 with TLS. [env: CAMPUSWATCH_MQTT__URL]",
    ),
    click.option("--username", envvar="CAMPUSWATCH_SIM_USERNAME", default="", help="[env: CAMPUSWATCH_SIM_USERNAME]"),
    click.option(
        "--password-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"Its first line is the password. [env: {IN_THE_ENVIRONMENT} holds the password itself]",
    ),
    click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Who may vouch for the broker's certificate (PEM), where the system does not know them.",
    ),
    click.option(
        "--allow-remote",
        is_flag=True,
        help="Allow a broker that is not on this machine. Only for test systems: the alarms look real.",
    ),
)


def wall_token() -> str:
    """With which the simulators act in a control room: the one in the environment, or that of a demo of ours."""
    from campuswatch.demo_accounts import read_secret, token_file
    from campuswatch.session import Session

    if token := os.environ.get(TOKEN_IN_THE_ENVIRONMENT, ""):
        return token.strip()
    session = click.get_current_context().find_object(Session)
    if session is None:
        return ""
    try:
        return read_secret(token_file(session.data()))
    except CampuswatchError:
        return ""


def broker_options(command: Callable[..., T]) -> Callable[..., T]:
    """The options that name a broker; the command gets them as one ``broker``."""

    @wraps(command)
    def wrapped(
        *args: Any,
        mqtt_url: str,
        username: str,
        password_file: Path | None,
        ca_file: Path | None,
        allow_remote: bool,
        **kwargs: Any,
    ) -> T:
        broker = broker_from(mqtt_url, username, password_file, ca_file, allow_remote)
        return command(*args, broker=broker, **kwargs)

    return named_by_options(wrapped)


def named_by_options(command: Callable[..., T]) -> Callable[..., T]:
    """The same options as they are, for `broker_from`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def broker_from(
    mqtt_url: str, username: str, password_file: Path | None, ca_file: Path | None, allow_remote: bool
) -> BrokerAddress:
    """:raises SimulatorError: no broker's URL, or one that is not on this machine without --allow-remote."""
    source = click.get_current_context().get_parameter_source("mqtt_url")
    if source is ParameterSource.COMMANDLINE and ":" in mqtt_url.rpartition("@")[0].partition("//")[2]:
        raise click.BadParameter(
            "everybody on this machine can read a password on a command line. Put it into a file and name that with "
            f"--password-file, or into {IN_THE_ENVIRONMENT}, or the whole URL into CAMPUSWATCH_MQTT__URL",
            param_hint="--mqtt-url",
        )
    return broker_address(
        mqtt_url,
        allow_remote=allow_remote,
        username=username,
        password=_first_line(password_file) if password_file else os.environ.get(IN_THE_ENVIRONMENT, ""),
        ca_file=str(ca_file) if ca_file else "",
    )


def secret_given(ctx: click.Context, param: click.Parameter, secret: str | None) -> str | None:
    """A link's secret that is one. It is not shown: it may be a real one with a slip in it."""
    from simulators.errors import SimulatorError
    from simulators.signature import Seal

    if secret is not None:
        try:
            Seal(secret)
        except SimulatorError as error:
            raise click.BadParameter(str(error), ctx, param) from error
    return secret


def plain_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Our own errors end a command with their message and exit code 1, without a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except CampuswatchError as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def _first_line(file: Path) -> str:
    lines = file.read_text("utf-8").splitlines()
    return lines[0] if lines else ""
