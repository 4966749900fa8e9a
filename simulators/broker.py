"""Where the broker is, and whether a simulator may talk to it.

A button pressed here on a real control room's broker would call the police to a school where nothing is wrong. So a
broker that is not on this machine is refused until somebody allows it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import msgspec

from simulators.errors import RemoteBrokerRefused, SimulatorError

DEFAULT_MQTT_URL = "mqtt://127.0.0.1:1883"

Resolve = Callable[[str], Sequence[str]]


def addresses_of(name: str) -> list[str]:
    """The addresses that this machine knows for ``name``, IPv4 first; none for an unknown name."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(place[0]) for family, _, _, _, place in sorted(found, key=lambda one: one[0] != socket.AF_INET)]


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``password`` never shows in ``str()``, so it never shows in a log.

    ``at`` is where a name that was found to be this machine led to: connections go there, whatever it means later.
    ``ca_file`` holds the certificates of those who may vouch for the broker; without it the system's.
    """

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = ""
    ca_file: str = ""
    at: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or _loopback(self.at or self.host)

    def tls_context(self) -> ssl.SSLContext | None:
        """One for all connections. :raises SimulatorError: ``ca_file`` holds no certificates."""
        return _tls_context(self.ca_file) if self.tls else None


def on_this_machine(host: str, *, resolve: Resolve = addresses_of) -> bool:
    """Whether an address is loopback, or a name leads to this machine and nowhere else."""
    return host == "localhost" or _loopback(_here(host, resolve) or host)


def broker_address(
    url: str,
    *,
    allow_remote: bool = False,
    username: str = "",
    password: str = "",
    ca_file: str = "",
    resolve: Resolve = addresses_of,
) -> BrokerAddress:
    """Parse ``mqtt://[user:password@]host[:1883]`` or ``mqtts://...[:8883]``. What is given besides the URL counts more
    than what stands in it. A name is on this machine when every address of it is.

    :raises RemoteBrokerRefused: the host is not on this machine and ``allow_remote`` is not set.
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
    if ca_file and not tls:
        raise SimulatorError("a CA file is of use with TLS only: write mqtts:// instead of mqtt://")
    address = BrokerAddress(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=username or unquote(parts.username or ""),
        password=password or unquote(parts.password or ""),
        ca_file=ca_file,
        at=_here(parts.hostname, resolve),
    )
    if not address.is_loopback and not allow_remote:
        raise RemoteBrokerRefused(
            f"{address} is not on this machine: simulated alarms there may reach real police. "
            "Use a broker on 127.0.0.1, or allow it with --allow-remote when it is a test system"
        )
    return address


def _here(host: str, resolve: Resolve) -> str:
    """The address of a name that leads to this machine and nowhere else; empty for everything else."""
    if host == "localhost" or _is_address(host):
        return ""
    found = resolve(host)
    return found[0] if found and all(_loopback(one) for one in found) else ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


@lru_cache(maxsize=4)
def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl's errors are OSErrors
        raise SimulatorError(f"no certificates in {ca_file}: {error.strerror or error}") from error
