"""Where rehearsals are held: a PostgreSQL of their own in a temporary directory, a fresh database in it for each."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from pydantic import SecretStr

from campuswatch.embedded.postgres import EmbeddedPostgres
from campuswatch.settings import DatabaseSettings, Settings
from storage.migrations import migrate

_TEMPLATE = "rehearsal_template"
#: Nothing that is written there outlives the rehearsal.
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Stage:
    """Made by `open_stage`."""

    def __init__(self, server_dsn: str, directory: Path) -> None:
        self._server_dsn = server_dsn
        self._directory = directory
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        asyncio.run(migrate(_of_database(server_dsn, _TEMPLATE)))

    @contextmanager
    def settings(self) -> Iterator[Settings]:
        """For one rehearsal: an empty, migrated database, and a directory for journals."""
        name = f"rehearsal_{secrets.token_hex(4)}"
        state = self._directory / name
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
        try:
            url = SecretStr(_of_database(self._server_dsn, name))
            # Whatever the environment says of the real control room is not for a rehearsal.
            yield Settings.model_construct(data=state, database=DatabaseSettings(url=url))
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            shutil.rmtree(state, ignore_errors=True)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(_of_database(self._server_dsn, "postgres"), autocommit=True) as conn:
            conn.execute(statement)


@contextmanager
def open_stage(place: Path | None = None) -> Iterator[Stage]:
    """In a directory of its own in ``place``, or where temporary files are kept.

    :raises EmbeddedError: PostgreSQL did not start; the text says how to mend it.
    """
    directory = Path(tempfile.mkdtemp(prefix="campuswatch-rehearsal-", dir=place))
    directory.chmod(0o711)  # PostgreSQL gives up root's rights and has to pass through
    server = EmbeddedPostgres(directory / "postgresql", settings=_UNSAFE)
    try:
        asyncio.run(server.start())
        yield Stage(server.dsn, directory)
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(directory, ignore_errors=True)


def _of_database(dsn: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()
