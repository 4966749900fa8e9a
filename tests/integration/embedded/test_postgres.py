"""The embedded PostgreSQL: what is stored stays, nobody else gets in, and it never outlives its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from campuswatch.embedded import EmbeddedPostgres
from campuswatch.embedded import postgres as embedded_postgres
from campuswatch.embedded.account import ServerAccount
from campuswatch.embedded.child import tethered
from campuswatch.embedded.postgres_program import PostgresProgram, reachable_program, wheel_program
from domain.errors import EmbeddedError
from tests.integration.embedded.processes import is_gone, listening_addresses, start_in_a_parent

_STRANGER = ServerAccount(name="stranger", uid=64_321, gid=64_321)


def query(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def socket_directory(server: EmbeddedPostgres) -> Path:
    return Path(str(conninfo_to_dict(server.dsn)["host"]))


def mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


def log_in_as_the_server(pid: int, dsn: str) -> tuple[int, str]:
    """The uid that the server runs under, and what psql says to that user."""
    uid = Path(f"/proc/{pid}").stat().st_uid
    account = ServerAccount(name="", uid=uid, gid=uid) if os.geteuid() == 0 else None
    psql = Path(f"/proc/{pid}/exe").resolve().with_name("psql")
    attempt = subprocess.run(
        tethered([str(psql), dsn, "-c", "SELECT 1"], account=account, parting_signal=signal.SIGKILL),
        capture_output=True,
        text=True,
        cwd="/",
    )
    return uid, attempt.stderr


async def test_what_was_stored_is_there_after_a_restart(postgres: EmbeddedPostgres) -> None:
    query(postgres.dsn, "CREATE TABLE kept AS SELECT '一键报警' AS word")
    await postgres.stop()
    assert postgres.pid is None
    assert not await postgres.answers()
    await postgres.start()
    assert await postgres.answers()
    assert query(postgres.dsn, "SELECT word FROM kept") == "一键报警"


async def test_what_was_committed_is_there_after_a_kill(postgres: EmbeddedPostgres) -> None:
    query(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS number")
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    assert await is_gone(postgres.pid, within_s=5)
    assert postgres.poll() == -signal.SIGKILL
    await postgres.start()
    assert query(postgres.dsn, "SELECT number FROM kept") == 42


async def test_pid_file_left_by_a_crash_counts_for_nothing_though_the_number_is_in_use(
    postgres: EmbeddedPostgres, directory: Path
) -> None:
    await postgres.stop()
    (directory / "postgres" / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    await postgres.start()
    assert await postgres.answers()


async def test_second_server_on_the_same_data_is_refused_with_advice(
    postgres: EmbeddedPostgres, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_postgres, "_PREDECESSOR_S", 0.2)
    second = EmbeddedPostgres(directory / "postgres")
    with pytest.raises(EmbeddedError, match=f"process {postgres.pid}.*choose another data directory"):
        await second.start()
    assert await postgres.answers()


async def test_it_listens_on_no_network_and_lets_one_user_in(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    assert listening_addresses(postgres.pid) == set()
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(postgres.dsn, user="postgres")
    assert mode(socket_directory(postgres)) == 0o700


async def test_the_account_that_it_runs_under_may_not_log_in(postgres: EmbeddedPostgres) -> None:
    """Other services may run under nobody too; as an ordinary user both are the same user, who may."""
    assert postgres.pid is not None
    runs_under, complaint = log_in_as_the_server(postgres.pid, postgres.dsn)
    assert runs_under != 0
    assert ("Peer authentication failed" in complaint) == (os.geteuid() == 0)


async def test_it_keeps_what_it_promises_about_disks(postgres: EmbeddedPostgres) -> None:
    shown = {
        name: query(postgres.dsn, f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "timezone", "server_encoding")
    }
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "timezone": "UTC",
        "server_encoding": "UTF8",
    }


async def test_operators_own_settings_win(postgres: EmbeddedPostgres, directory: Path) -> None:
    await postgres.stop()
    (directory / "postgres" / "cluster" / "local.conf").write_text("work_mem = '7MB'\n")
    (directory / "postgres" / "cluster" / "local.conf").chmod(0o644)
    await postgres.start()
    assert query(postgres.dsn, "SHOW work_mem") == "7MB"


async def test_it_stops_within_three_seconds_though_a_client_is_in_a_transaction(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.dsn) as client:
        client.execute("SELECT 1")
        started = time.monotonic()
        await postgres.stop()
        assert time.monotonic() - started < 3
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
        client.close()


async def test_it_is_in_a_session_of_its_own_so_that_ctrl_c_passes_it_by(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    assert os.getsid(postgres.pid) == postgres.pid


async def test_it_ends_when_its_parent_is_killed(directory: Path) -> None:
    parent, pid = start_in_a_parent(f"EmbeddedPostgres(Path({str(directory / 'postgres')!r}))")
    with parent:
        parent.kill()
    assert await is_gone(pid, within_s=5)
    successor = EmbeddedPostgres(directory / "postgres")
    await successor.start()
    assert await successor.answers()
    await successor.stop()


async def test_socket_moves_to_a_short_directory_when_the_path_is_too_long(directory: Path) -> None:
    server = EmbeddedPostgres(directory / ("a" * 60) / ("b" * 60) / "postgres")
    await server.start()
    assert await server.answers()
    assert socket_directory(server).parent == Path("/tmp")
    assert mode(socket_directory(server)) == 0o700
    await server.stop()
    assert mode(socket_directory(server)) is None


async def test_directory_that_somebody_else_put_in_the_way_is_refused(directory: Path) -> None:
    in_the_way = directory / "postgres"
    in_the_way.mkdir()
    (in_the_way / "something").write_text("not ours")
    if os.geteuid() != 0:
        in_the_way.chmod(0o500)  # an ordinary user has no directory of somebody else at hand, but one closed to itself
    with pytest.raises(EmbeddedError, match=r"does not belong to nobody|cannot write to"):
        await EmbeddedPostgres(in_the_way).start()
    in_the_way.chmod(0o700)


async def test_data_of_another_major_version_is_refused_with_advice(
    postgres: EmbeddedPostgres, directory: Path
) -> None:
    await postgres.stop()
    (directory / "postgres" / "cluster" / "PG_VERSION").write_text("11\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 11 .* pg_dump"):
        await postgres.start()


async def test_wrong_setting_is_named_in_the_error(directory: Path) -> None:
    server = EmbeddedPostgres(directory / "postgres", settings={"shared_buffers": "rather a lot"})
    with pytest.raises(EmbeddedError, match=r'invalid value for parameter "shared_buffers"'):
        await server.start()
    assert server.pid is None


def test_programs_that_the_account_cannot_reach_are_copied_once_and_nothing_else_is_changed(directory: Path) -> None:
    closed = directory / "closed"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(wheel_program().packages / part, closed / part)
    closed.chmod(0o700)
    installed = PostgresProgram(packages=closed, version="18.6.3")
    keep_in = directory / "postgres"
    keep_in.mkdir()

    copy = reachable_program(installed, _STRANGER, keep_in)

    assert copy.packages == keep_in / "program-18.6.3"
    assert copy.is_reachable(_STRANGER)
    assert mode(closed) == 0o700
    made = copy.packages.stat().st_mtime_ns
    assert reachable_program(installed, _STRANGER, keep_in).packages.stat().st_mtime_ns == made
    shutil.rmtree(closed)  # the copy needs nothing of it, shared libraries included
    for name in ("initdb", "postgres"):
        said = subprocess.run([copy.binary(name), "--version"], capture_output=True, text=True, check=True, env={})
        assert "PostgreSQL" in said.stdout


def test_programs_are_used_where_they_are_by_an_ordinary_user(directory: Path) -> None:
    assert reachable_program(wheel_program(), None, directory) == wheel_program()
