"""Forward-only numbered migrations: ``NNNN_name.sql`` in this folder, each run once in a transaction of its own.

A migration that has landed is never edited: its checksum is kept and compared.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import psycopg

from domain.errors import MigrationError
from storage.hypertables import apply_level

_LOCK = 0x63616D70  # "camp": one migration run at a time over the whole database

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def shipped() -> list[tuple[str, str]]:
    """Name and SQL of every migration that ships, in order."""
    files = [f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql")]
    return [(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in sorted(files, key=lambda f: f.name)]


async def migrate(dsn: str) -> list[str]:
    """Bring the database to the newest schema; the names of the migrations that were applied now.

    :raises MigrationError: one failed (nothing of it stays), or one that had been applied was changed since.
    """
    applied_now: list[str] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        await conn.execute(_LEDGER)
        cursor = await conn.execute("SELECT name, checksum FROM schema_migration")
        known = {str(name): str(checksum) for name, checksum in await cursor.fetchall()}
        for name, sql in shipped():
            checksum = hashlib.sha256(sql.encode()).hexdigest()
            if name in known:
                if known[name] != checksum:
                    raise MigrationError(
                        f"migration {name} was changed after it had been applied; restore its text and add a new one"
                    )
                continue
            try:
                async with conn.transaction():
                    await conn.execute(sql.encode())
                    await conn.execute(
                        "INSERT INTO schema_migration (name, checksum) VALUES (%s, %s)", (name, checksum)
                    )
            except psycopg.Error as error:
                raise MigrationError(f"migration {name} failed: {error}") from error
            applied_now.append(name)
        await apply_level(conn)
        await conn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return applied_now


async def pending(dsn: str) -> list[str]:
    """Names of the migrations that ship and were not applied yet."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        cursor = await conn.execute("SELECT to_regclass('schema_migration') IS NOT NULL")
        row = await cursor.fetchone()
        if row is None or not row[0]:
            return [name for name, _ in shipped()]
        cursor = await conn.execute("SELECT name FROM schema_migration")
        known = {str(name) for (name,) in await cursor.fetchall()}
    return [name for name, _ in shipped() if name not in known]
