"""An MQTT broker from a wheel (iotcore, which is rumqttd), as a child process of ours on the loopback address.

It is for one machine and for trying out: nobody logs in, sessions and what is queued live in memory alone and end with
the process. What its clients have to know (all of it measured, rumqttd 0.20):

- A subscriber gets at most `WINDOW` messages that it has not acknowledged; nothing raises that. Whoever stores in
  batches must commit when `WINDOW` messages are held, or at once when no more come.
- Acknowledge in the order of arrival: an acknowledgement out of order closes the connection (and everything not
  acknowledged is sent again).
- What is sent again carries no DUP flag and new packet ids.
- For each subscription filter the newest messages are kept, acknowledged or not, up to a number of segments (table
  below); beyond that the oldest go, silently. A subscriber that is away for longer loses those.
- Memory: 27 MB when idle, 400 bytes a kept message, and a kept message also holds the 10 kB buffer that it arrived
  in. That is why the logs of rare messages are short in bytes: they are long in time.
- A new subscription gets at most `WINDOW` retained messages. A keep-alive of 0 is refused.
- A message over `MAX_PAYLOAD_BYTES` closes its sender's connection.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from importlib import util
from pathlib import Path

from campuswatch.embedded.child import Child, last_lines
from domain.errors import EmbeddedError

HOST = "127.0.0.1"
#: Messages that a subscriber may hold unacknowledged; a constant inside rumqttd.
WINDOW = 100
#: Well above what we accept: a message that is too big for us must reach quarantine, not vanish in the broker.
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
#: Payload and topic; some 900 messages, as many as rumqttd sets memory aside for.
SEGMENT_BYTES = 96 * 1024
#: Segments kept for a filter. 36,000 heartbeats are 55 s of a whole district, 10,000 readings are 100 s.
SEGMENTS = {
    "campus/v1/+/+/alarm": 200,
    "campus/v1/+/+/event": 12,
    "campus/v1/+/+/state": 12,
    "campus/v1/+/+/reading": 12,
}
OTHER_SEGMENTS = 40
MAX_CONNECTIONS = 25_000
#: File descriptors that the broker needs beside its connections.
_OTHER_FILES = 64
_START_TIMEOUT_S = 10.0
_STOP = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))
_PROCESS = Path(__file__).with_name("broker_process.py")
# Two threads do the work, and arenas that they do not share with others would only hold memory back.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0"}


class EmbeddedBroker:
    """An `EmbeddedServer`: MQTT 3.1.1 on ``port``, and MQTT 5 on ``v5_port`` if one is given.

    ``depth`` multiplies what is kept for a subscriber that is away, and the memory for it.
    ``port_setting`` is what the operator changes when the port is taken; it stands in the error.
    """

    name = "broker"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 1883,
        v5_port: int | None = None,
        port_setting: str = "--mqtt-port",
        depth: int = 1,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._depth = depth
        self._port = port
        self._v5_port = v5_port
        self._port_setting = port_setting
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    def poll(self) -> int | None:
        if self._child is None:
            raise RuntimeError("the broker was not started")
        return self._child.poll()

    async def answers(self, *, timeout_s: float = 2.0) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                return await _accepts_a_client(self._port)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    async def start(self) -> None:
        if self.pid is not None:
            raise EmbeddedError(f"the broker was started already (process {self.pid})")
        if util.find_spec("iotcore") is None:
            raise EmbeddedError(
                "the wheel iotcore is not installed: pip install 'campuswatch[embedded]',"
                " or name a broker in the settings"
            )
        for port in self._ports():
            _check_free(port, self._port_setting)
        config = self._data_dir / "broker.toml"
        output = self._data_dir / "broker.log"
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            config.write_text(self._config(), "utf-8")
            child = Child.spawn(
                [sys.executable, "-P", str(_PROCESS), str(config)],
                parting_signal=signal.SIGKILL,
                output=output,
                environment={**os.environ, **_ENVIRONMENT},
                directory=self._data_dir,
            )
        except PermissionError as error:
            raise EmbeddedError(
                f"cannot write to {error.filename}; choose another data directory or start as its owner"
            ) from error
        self._child = child
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                while child.poll() is None and not await self.answers():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await child.end(_STOP)
        except BaseException:
            await child.end(_STOP)
            raise
        if child.poll() is not None:
            raise EmbeddedError(
                f"the broker did not start on {HOST}:{self._port}; its last words in {output}:\n{last_lines(output)}\n"
                f"Choose another port ({self._port_setting}), or name a broker in the settings"
            )

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.end(_STOP)

    def _ports(self) -> list[int]:
        return [self._port] if self._v5_port is None else [self._port, self._v5_port]

    def _config(self) -> str:
        listeners = "".join(
            _LISTENER.format(version=version, host=HOST, port=port, max_payload_bytes=MAX_PAYLOAD_BYTES)
            for version, port in zip(("v4", "v5"), self._ports(), strict=False)
        )
        logs = "".join(
            _LOG.format(filter=one, segment_bytes=SEGMENT_BYTES, segments=count * self._depth)
            for one, count in SEGMENTS.items()
        )
        router = _ROUTER.format(
            connections=_connection_limit(), segment_bytes=SEGMENT_BYTES, segments=OTHER_SEGMENTS * self._depth
        )
        return router + logs + listeners


_ROUTER = """\
# Written by campuswatch at every start.
id = 0

[router]
id = 0
max_connections = {connections}
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}
"""

_LOG = """
[router.custom_segment.'{filter}']
max_segment_size = {segment_bytes}
max_segment_count = {segments}
"""

# max_inflight_count is the number of packets read in one go; it is not the window of unacknowledged messages.
# dynamic_filters off: a topic that nobody subscribes to takes no memory.
_LISTENER = """
[{version}.1]
name = "{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 0

[{version}.1.connections]
connection_timeout_ms = 10000
max_payload_size = {max_payload_bytes}
max_inflight_count = 200
dynamic_filters = false
"""


def _connection_limit() -> int:
    """As many as the operating system lets the broker open: out of file descriptors, rumqttd would spin."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, hard - _OTHER_FILES)


def _check_free(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError as error:
            raise EmbeddedError(f"port {port} is reserved to root; choose one from 1024 up with {setting}") from error
        except OSError as error:
            raise EmbeddedError(
                f"port {port} on {HOST} is taken, most likely by another broker; stop that one,"
                f" choose another port with {setting}, or name that broker in the settings"
            ) from error


async def _accepts_a_client(port: int) -> bool:
    """Whether a CONNECT is answered with an accepting CONNACK. The client id stays the same: the broker keeps each."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        client_id = f"campuswatch-probe-{os.getpid()}".encode()
        body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client_id).to_bytes(2, "big") + client_id
        writer.write(bytes([0x10, len(body)]) + body)
        answer = await reader.readexactly(4)
        writer.write(b"\xe0\x00")
        await writer.drain()
    finally:
        writer.close()
    return answer == b"\x20\x02\x00\x00"
