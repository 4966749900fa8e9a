"""A whole installation in one directory: real servers, the roles under the product's own supervisor, relays between."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from campuswatch.demo_accounts import read_secret, token_file
from campuswatch.embedded import EmbeddedPostgres
from campuswatch.secrets import webhook_secret
from campuswatch.supervisor import Worker, watch
from tests.chaos.far_end import LINKS, FarEnd
from tests.chaos.relay import Relay, Stream
from tests.chaos.role_log import RoleLog
from tests.chaos.tape import Conversation
from tests.servers import Mosquitto

ROLES = ("alarm", "bulk", "alerting", "web", "patrol")
#: Roles that hear the broker and keep a journal on disk, in the order of their metrics ports.
LANES = ("alarm", "bulk")
#: Registered for every device: one that is not heard for three times as long counts as silent.
HEARTBEAT_S = 15
_UP_S = 60.0
_LOOK_EVERY_S = 0.2
_PORTS = range(15_000, 30_000, 5)


class NotUp(Exception):
    """The installation does not come up; the message says what is missing and where it says why."""


class Room:
    """``sites`` schools are registered, and police, education and a duty leader can be told."""

    def __init__(self, directory: Path, *, sites: int) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.postgres = EmbeddedPostgres(directory / "postgresql")
        self.broker = Mosquitto(directory, persistent=True, saves_each_change=True)
        self.acknowledged: set[bytes] = set()  # payloads for which a role has told the broker so
        self.to_broker = Relay(self._reach_broker, partial(Conversation, self.acknowledged))
        self.to_database = Relay(self._reach_database)
        self.kills = dict.fromkeys(ROLES, 0)
        self.broker_killed_s: list[float] = []
        self.logs = {role: RoleLog(directory / "log" / f"{role}.log") for role in ROLES}
        self._sites = sites
        self._roles: dict[str, Worker] = {}
        self._web_port, self._receivers_port, self._metrics_port = _ports(1), _ports(1), _ports(4)
        self.far_end = FarEnd(f"http://127.0.0.1:{self._receivers_port}")
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._web_port}/api/v1", timeout=5, trust_env=False
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Everything is up inside, and every process is gone after it."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.client.aclose)
            stack.push_async_callback(self.far_end.close)
            stack.push_async_callback(self.postgres.stop)
            await self.postgres.start()
            stack.push_async_callback(asyncio.to_thread, self.broker.stop)
            await asyncio.to_thread(self.broker.start)
            for relay in (self.to_broker, self.to_database):
                await relay.start()
                stack.push_async_callback(relay.stop)
            for log in self.logs.values():
                await log.open()
                stack.callback(log.close)
            secret = webhook_secret()
            environment = self._environment(secret)
            await self._prepare(environment)
            receivers = Worker(
                "receivers",
                ["sim", "receivers", "--port", str(self._receivers_port)],
                environment={"CAMPUSWATCH_SIM_SECRET": secret},
                output=self.directory / "log" / "receivers.log",
            )
            self._roles = {
                role: Worker(role, ["run", "--role", role], environment=environment, output=self.logs[role].pipe)
                for role in ROLES
            }
            for worker in (receivers, *self._roles.values()):
                stack.push_async_callback(worker.stop)
                await worker.start()
            watching = [asyncio.create_task(watch(role), name=f"watch {role.name}") for role in self._roles.values()]
            stack.push_async_callback(_end, watching)
            await self.until_up()
            yield

    async def _prepare(self, environment: dict[str, str]) -> None:
        phone = f"json://127.0.0.1:{self._receivers_port}/phone"
        log = self.directory / "log" / "prepare.log"
        prepare = Worker(
            "prepare",
            ["prepare-demo", "--sites", str(self._sites), "--seed", "1", "--phone", phone],
            environment=environment,
            output=log,
        )
        await prepare.start()
        try:
            if await prepare.finished(_UP_S) != 0:
                raise NotUp(f"the database was not prepared:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        finally:
            await prepare.stop()
        token = read_secret(token_file(self.data))
        self.client.headers["authorization"] = f"Bearer {token}"
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn) as conn:
            await conn.execute("UPDATE device SET heartbeat_s = %s", (HEARTBEAT_S,))

    def _environment(self, secret: str) -> dict[str, str]:
        links = {}
        for link in LINKS:
            links[f"CAMPUSWATCH_LINKS__{link.upper()}__URL"] = f"http://127.0.0.1:{self._receivers_port}/{link}"
            links[f"CAMPUSWATCH_LINKS__{link.upper()}__SECRET"] = secret
        return {
            "CAMPUSWATCH_DATA": str(self.data),
            "CAMPUSWATCH_DATABASE__URL": f"postgresql://campuswatch@127.0.0.1:{self.to_database.port}/campuswatch",
            "CAMPUSWATCH_MQTT__URL": f"mqtt://127.0.0.1:{self.to_broker.port}",
            "CAMPUSWATCH_WEB__PORT": str(self._web_port),
            "CAMPUSWATCH_METRICS__PORT": str(self._metrics_port),
            **links,
        }

    # -- how it is --------------------------------------------------------------------------------------------------

    async def until_up(self) -> None:
        """Wait until the wall answers, the receivers listen and both lanes hear. :raises NotUp: they do not."""
        deadline = time.monotonic() + _UP_S
        while missing := await self._missing():
            if time.monotonic() > deadline:
                raise NotUp(f"after {_UP_S:.0f} s: {missing}; the roles' words are in {self.directory / 'log'}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _missing(self) -> str:
        try:
            if (await self.client.get("/health")).json()["status"] != "ok":
                return "the web role does not reach the database"
            await self.far_end.look()
            for lane in LANES:
                if not await self.metric(lane, "campuswatch_broker_connected"):
                    return f"the {lane} lane does not hear"
        except (httpx.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    async def metric(self, lane: str, name: str) -> float:
        """One figure of a lane. :raises httpx.HTTPError: it is not there to be asked."""
        port = self._metrics_port + LANES.index(lane)
        answer = await self.client.get(f"http://127.0.0.1:{port}/metrics")
        start = f'{name}{{lane="{lane}"}} '
        return next((float(line[len(start) :]) for line in answer.text.splitlines() if line.startswith(start)), 0.0)

    def complaints(self) -> list[str]:
        """What no fault excuses: a role that ended though nobody had killed it, or that met what it did not expect."""
        found = []
        for role, log in self.logs.items():
            ends = log.count("role starting") - 1 - self.kills[role]
            if ends > 0:
                found.append(f"the {role} role ended by itself: {ends}")
            if surprises := log.count("Traceback"):
                found.append(f"tracebacks in the words of the {role} role: {surprises}")
        return found

    # -- what can be done to it -------------------------------------------------------------------------------------

    def kill(self, role: str) -> None:
        """kill -9. The supervisor starts it again; nothing to do where it is on its way up just now."""
        pid = self._roles[role].pid
        if pid is not None:
            self.kills[role] += 1
            os.kill(pid, signal.SIGKILL)

    def signal_postgres(self, number: signal.Signals) -> None:
        """To the server and all its processes at once."""
        assert self.postgres.pid is not None
        server = psutil.Process(self.postgres.pid)
        for process in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    async def kill_broker(self) -> None:
        self.broker_killed_s.append(time.time())
        await asyncio.to_thread(self.broker.kill)

    @contextmanager
    def full_disk(self, most_bytes: int) -> Iterator[None]:
        """The lanes cannot write a file beyond ``most_bytes``: a write that passes it is cut short, then refused."""
        limited = [psutil.Process(pid) for lane in LANES if (pid := self._roles[lane].pid) is not None]
        before = [process.rlimit(psutil.RLIMIT_FSIZE) for process in limited]
        for process, (_, hard) in zip(limited, before, strict=True):
            process.rlimit(psutil.RLIMIT_FSIZE, (most_bytes, hard))
        try:
            yield
        finally:
            for process, limits in zip(limited, before, strict=True):
                with suppress(psutil.NoSuchProcess):
                    process.rlimit(psutil.RLIMIT_FSIZE, limits)

    # -- ways in ----------------------------------------------------------------------------------------------------

    async def _reach_broker(self) -> Stream:
        host, _, port = self.broker.url.removeprefix("mqtt://").partition(":")
        return await asyncio.open_connection(host, int(port))

    async def _reach_database(self) -> Stream:
        directory = conninfo_to_dict(self.postgres.dsn)["host"]
        return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ports(count: int) -> int:
    """The first of ``count`` free ports, out of those that the kernel gives nobody by itself: a role that was killed
    gets its own again.
    """
    while True:
        first = secrets.choice(_PORTS)
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
