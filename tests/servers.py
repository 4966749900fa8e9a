"""Real servers for the tests: PostgreSQL from the wheel, PostgreSQL with TimescaleDB, Mosquitto."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from campuswatch.embedded.child import Child, last_lines
from campuswatch.embedded.postgres import EmbeddedPostgres

_REPOSITORY = Path(__file__).resolve().parents[1]
_ROOT_FILE_SYSTEM = _REPOSITORY / ".timescale" / "rootfs"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_START_S = 30.0

#: What a test server does not need, because its data never outlives the test run.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "100"}


class MissingPart(Exception):
    """Something that the tests run on is not installed; the message says how to get it."""


class DatabaseServer(Protocol):
    kind: str

    @property
    def admin_dsn(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


#: A database is cloned for each of two thousand tests, a thousand files: on some disks a third of a second, here 0.03.
_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
_PREFIX = "campuswatch-test-"


@contextmanager
def open_directory(*, in_memory: bool = False) -> Iterator[Path]:
    """A temporary directory that other accounts may pass through, as a server that gave up root's rights has to.

    ``in_memory``: nothing in it has to outlive a power cut, so it may be there, if there is plenty.
    """
    place = _memory() if in_memory else None
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _memory() -> Path | None:
    with suppress(OSError):
        for left in _MEMORY.glob(f"{_PREFIX}*"):  # by a test run that was killed
            if left.stat().st_mtime < time.time() - 36_000:
                shutil.rmtree(left, ignore_errors=True)
        room = os.statvfs(_MEMORY)
        if room.f_bavail * room.f_frsize >= _ROOM and os.access(_MEMORY, os.W_OK):
            return _MEMORY
    return None


#: Below those that systems give to outgoing connections, which would take a port between its choice and its use.
_PORTS = range(10_000, 32_000)
_given = set[int]()


def free_port() -> int:
    """One that nobody listens on now, and that was not given out before: several test processes run side by side."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def as_root(command: list[str]) -> list[str]:
    return command if os.geteuid() == 0 else ["sudo", "--non-interactive", *command]


class PlainPostgres:
    """What `campuswatch demo` runs on."""

    kind = "postgresql"

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(directory / "postgres", settings=_FAST)

    @property
    def admin_dsn(self) -> str:
        return self._server.dsn

    def start(self) -> None:
        asyncio.run(self._server.start())

    def stop(self) -> None:
        asyncio.run(self._server.stop())


class TimescalePostgres:
    """Debian 13's PostgreSQL 17 with TimescaleDB (Apache licence) out of its root file system."""

    kind = "timescaledb"
    _settings: ClassVar[dict[str, str]] = {
        **_FAST,
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        # A background worker in the template would keep it from being cloned, and the Apache build has no jobs.
        "timescaledb.max_background_workers": "0",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "dynamic_shared_memory_type": "mmap",  # nothing is mounted in there
        "shared_buffers": "64MB",
        "jit": "off",
        "timezone": "UTC",
        "wal_level": "minimal",
        "max_wal_senders": "0",
    }

    def __init__(self, directory: Path, root: Path = _ROOT_FILE_SYSTEM) -> None:
        self._directory = directory
        self._root = root
        self._home = f"/srv/campuswatch-{secrets.token_hex(6)}"
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self._child: Child | None = None

    @property
    def admin_dsn(self) -> str:
        return f"postgresql://postgres:{quote(self._password)}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if not (self._root / "usr/lib/postgresql/17/bin/postgres").exists():
            raise MissingPart("the TimescaleDB server of the tests is not built: run 'make timescale'")
        asyncio.run(self._start())

    def stop(self) -> None:
        asyncio.run(self._stop())

    async def _start(self) -> None:
        await self._run(
            # first what a killed test run left behind
            "set -e; find /srv -mindepth 1 -maxdepth 1 -name 'campuswatch-*' -mmin +600 -exec rm -rf {{}} +;"
            " install -d -o postgres -m 0700 {home}; printf %s {password} >{home}/password;"
            " chown postgres {home}/password; setpriv --reuid=postgres --regid=postgres --init-groups"
            " {bin}/initdb --pgdata={home}/cluster --encoding=UTF8 --locale=C --auth=scram-sha-256"
            " --pwfile={home}/password --no-sync >{home}/initdb.log"
        )
        self._child = Child.spawn(
            self._inside(
                "setpriv",
                *("--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=INT"),
                *("/usr/lib/postgresql/17/bin/postgres", "-D", f"{self._home}/cluster", "-p", str(self._port)),
                *(argument for name, value in self._settings.items() for argument in ("-c", f"{name}={value}")),
            ),
            parting_signal=signal.SIGINT,
            output=self._directory / "timescale.log",
            environment={"PATH": _PATH, "LC_ALL": "C"},
            directory=Path("/"),
        )
        deadline = time.monotonic() + _START_S
        while not await self._answers():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the TimescaleDB server did not start:\n{last_lines(self._directory / 'timescale.log', 20)}"
                )
            await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        if self._child is not None:
            await self._child.end(((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 1.0)))
        await self._run("rm -rf {home}")

    async def _answers(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.admin_dsn, connect_timeout=5)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    def _inside(self, *command: str) -> list[str]:
        return as_root(["/usr/sbin/chroot", str(self._root), *command])

    async def _run(self, script: str) -> None:
        text = script.format(home=self._home, password=self._password, bin="/usr/lib/postgresql/17/bin")
        process = await asyncio.create_subprocess_exec(
            *self._inside("sh", "-c", text),
            env={"PATH": _PATH, "LC_ALL": "C"},
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"preparing the TimescaleDB server failed: {complaint.decode()}")


class Template:
    """A migrated database of a server, cloned for every test."""

    _name = "campuswatch_template"

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server

    @property
    def dsn(self) -> str:
        return make_conninfo(self._server.admin_dsn, dbname=self._name)

    def create(self) -> None:
        from storage.migrations import migrate  # here, so that tests without a database run while it is broken

        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._name)))
        if self._server.kind == "timescaledb":
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION timescaledb")
        asyncio.run(migrate(self.dsn))

    @contextmanager
    def clone(self) -> Iterator[str]:
        name = sql.Identifier(f"test_{secrets.token_hex(6)}")
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(name, sql.Identifier(self._name))
        )
        try:
            yield make_conninfo(self._server.admin_dsn, dbname=name.as_string().strip('"'))
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.admin_dsn, autocommit=True) as connection:
            connection.execute(statement)


class Mosquitto:
    """Debian's Mosquitto on a free loopback port, keeping nothing on disk and refusing nothing for its size or number.

    `stop` and `start` again keep the port; sessions do not survive that, unless ``persistent``. A `kill` costs what was
    queued since the last autosave a second ago; with ``saves_each_change`` only what came in the last few milliseconds.
    ``access``: lines of its configuration that say who is let in, and how.
    """

    def __init__(
        self,
        directory: Path,
        *,
        persistent: bool = False,
        saves_each_change: bool = False,
        access: str = "allow_anonymous true",
    ) -> None:
        self._access = access
        self._directory = directory
        self._persistent = persistent
        self._saves_each_change = saves_each_change
        self._port = free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self) -> None:
        program = shutil.which("mosquitto", path=_PATH)
        if program is None:
            raise MissingPart("mosquitto is not installed: run 'make debian-packages'")
        store = self._directory / "mosquitto"
        store.mkdir(exist_ok=True)
        store.chmod(0o777 if os.geteuid() == 0 else 0o700)  # as root it becomes the user mosquitto
        config = self._directory / "mosquitto.conf"
        config.write_text(
            f"listener {self._port} 127.0.0.1\n{self._access}\nset_tcp_nodelay true\n"
            # Bounded: packet ids are 16 bits wide and a window near that many breaks publishers.
            "max_inflight_messages 20000\nmax_queued_messages 0\nmax_queued_bytes 0\nmessage_size_limit 0\n"
            f"persistence {str(self._persistent).lower()}\npersistence_location {store}/\nautosave_interval 1\n"
            f"autosave_on_changes {str(self._saves_each_change).lower()}\n"
            "log_dest stderr\nlog_type error\nlog_type warning\n"
        )
        config.chmod(0o644)
        asyncio.run(self._start(program, config))

    async def _start(self, program: str, config: Path) -> None:
        output = self._directory / "mosquitto.log"
        self._child = Child.spawn(
            [program, "-c", str(config)],
            parting_signal=signal.SIGTERM,
            output=output,
            environment={"PATH": _PATH},
            directory=self._directory,
        )
        deadline = time.monotonic() + 10
        while not self._listens():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto did not start:\n{last_lines(output, 20)}")
            await asyncio.sleep(0.02)

    def stop(self, patience_s: float = 3.0) -> None:
        """It writes down what it holds; with many sessions that takes longer."""
        if self._child is not None:
            asyncio.run(self._child.end(((signal.SIGTERM, patience_s), (signal.SIGKILL, 1.0))))

    def kill(self) -> None:
        """As a power cut would."""
        if self._child is not None:
            asyncio.run(self._child.end(((signal.SIGKILL, 2.0),)))

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False
