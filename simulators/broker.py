"""Where the broker is, and whether a simulator may talk to it.

A button pressed here on a real control room's broker would call the police to a school where nothing is wrong. So a
broker that is not on this machine is refused until somebody allows it.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import msgspec

from simulators.errors import RemoteBrokerRefused, SimulatorError

DEFAULT_MQTT_URL = "mqtt://127.0.0.1:1883"


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``password`` never shows in ``str()``, so it never shows in a log."""

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """By its spelling alone: a name other than localhost may point anywhere tomorrow."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def broker_address(url: str, *, allow_remote: bool = False) -> BrokerAddress:
    """Parse ``mqtt://[user:password@]host[:1883]`` or ``mqtts://...[:8883]``.

    :raises RemoteBrokerRefused: the host is not a loopback address and ``allow_remote`` is not set.
    :raises SimulatorError: not such a URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SimulatorError(f"the broker's URL is wrong: {error}; write mqtt://127.0.0.1:1883") from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise SimulatorError("the broker's URL must look like mqtt://127.0.0.1:1883 or mqtts://host:8883")
    tls = parts.scheme == "mqtts"
    address = BrokerAddress(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    if not address.is_loopback and not allow_remote:
        raise RemoteBrokerRefused(
            f"{address} is not on this machine: simulated alarms there may reach real police. "
            "Use a broker on 127.0.0.1, or allow it with --allow-remote when it is a test system"
        )
    return address
