"""Tables whose rows are versions (ADR 0019): a change ends the row that held and begins the next.

What is read for now is read the same way for any past moment. `put` is for many at once, as an import brings them;
`edit` and `remove` are for one, under the version number that the editor saw. Each writes audit entries and gives
notice on `NoticeChannel.PREMISES`, within the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from domain.access import Sites
from domain.errors import EditConflict, UnknownEntry, UnknownSite
from storage.audit_trail import append, asked_from
from storage.instants import utc
from storage.notices import NoticeChannel, notify
from storage.pool import Connection
from storage.reach import listed
from storage.registry import Changes, writing

Fact = TypeVar("Fact", bound=msgspec.Struct)

#: Beyond so many sites a change gives one notice for all.
_MOST_NOTICES = 50


class VersionedTable(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """``name`` of the table and of its entries in the audit. The fields of ``fact`` are its columns, ``key`` first of
    all in lists. ``documents`` are kept as jsonb; ``secrets`` stand in no audit.
    """

    name: LiteralString
    fact: type[Fact]
    key: tuple[str, ...]
    documents: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.fact.__struct_fields__

    @property
    def of_sites(self) -> bool:
        return "site_id" in self.columns

    def key_of(self, fact: Fact) -> tuple[Any, ...]:
        return tuple(getattr(fact, name) for name in self.key)

    def values(self, fact: Fact) -> list[Any]:
        return [self._value(name, getattr(fact, name)) for name in self.columns]

    def _value(self, name: str, value: Any) -> Any:
        if name in self.documents:
            return Jsonb(msgspec.to_builtins(value))
        if isinstance(value, tuple):
            return list(value)
        return value.value if hasattr(value, "value") else value


class Version(msgspec.Struct, Generic[Fact], frozen=True, kw_only=True):
    """What held from ``since`` on. ``version`` is what an edit names, so that nobody overwrites what he did not see."""

    version: int
    since: datetime
    fact: Fact


async def load(
    conn: Connection,
    table: VersionedTable[Fact],
    *,
    at: datetime | None = None,
    site_id: str | None = None,
    sites: Sites = None,
    where: Mapping[str, Any] | None = None,
    after: Sequence[Any] | None = None,
    limit: int | None = None,
) -> list[Version[Fact]]:
    """What holds now, or held at ``at``, by key, from behind the key ``after``; of one site, if ``site_id`` says so,
    and of no other than ``sites``. ``where``: columns and their values.
    """
    conditions: list[sql.Composable] = [
        sql.SQL("valid_to IS NULL")
        if at is None
        else sql.SQL("valid_from <= %(at)s AND (valid_to IS NULL OR valid_to > %(at)s)")
    ]
    values: dict[str, Any] = {"at": at, "limit": limit}
    chosen = {**(where or {}), **({} if site_id is None else {"site_id": site_id})}
    for number, (name, value) in enumerate(chosen.items()):
        conditions.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"where{number}")))
        values[f"where{number}"] = value
    if sites is not None:
        conditions.append(sql.SQL("site_id = ANY(%(sites)s)"))
        values["sites"] = listed(sites)
    key = _names(table.key)
    if after is not None:
        marks = [sql.Placeholder(f"after{number}") for number in range(len(after))]
        conditions.append(sql.SQL("({}) > ({})").format(key, sql.SQL(", ").join(marks)))
        values |= {f"after{number}": value for number, value in enumerate(after)}
    query = sql.SQL("SELECT version_no, valid_from, {} FROM {} WHERE {} ORDER BY {} LIMIT %(limit)s").format(
        _names(table.columns), sql.Identifier(table.name), sql.SQL(" AND ").join(conditions), key
    )
    cursor = await conn.execute(query, values)
    return [version_of(table, row) for row in await cursor.fetchall()]


def version_of(table: VersionedTable[Fact], row: Sequence[Any]) -> Version[Fact]:
    """A row of version_no, valid_from and the columns."""
    values = [utc(value) if isinstance(value, datetime) else value for value in row[2:]]
    fact = msgspec.convert(dict(zip(table.columns, values, strict=True)), table.fact)
    return Version(version=row[0], since=utc(row[1]), fact=fact)


async def get(conn: Connection, table: VersionedTable[Fact], *key: Any) -> Version[Fact]:
    """:raises UnknownEntry: there is none now."""
    found = await load(conn, table, where=dict(zip(table.key, key, strict=True)))
    if not found:
        raise UnknownEntry(f"no {_noun(table)} {_subject(key)}")
    return found[0]


async def put(
    conn: Connection, table: VersionedTable[Fact], facts: Iterable[Fact], *, actor: str, at: datetime
) -> Changes:
    """Add what is new, change what differs, touch nothing else.

    :raises UnknownSite: one names a site that is not registered.
    :raises RegistryError: one is given twice, or the table refuses a value. Whatever is raised, nothing was changed.
    """
    async with writing(conn):
        names = _table_names(table)
        await conn.execute(
            sql.SQL("CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA").format(
                **names
            )
        )
        await conn.execute(sql.SQL("ALTER TABLE staged ADD PRIMARY KEY ({key})").format(**names))
        copy = sql.SQL("COPY staged ({columns}) FROM STDIN").format(**names)
        async with conn.cursor() as cursor, cursor.copy(copy) as copying:
            for fact in facts:
                await copying.write_row(table.values(fact))
        await conn.execute("ANALYZE staged")
        if table.of_sites:
            await _check_sites(conn)
        await conn.execute(
            sql.SQL(
                """CREATE TEMP TABLE planned ON COMMIT DROP AS
                   SELECT {of_new}, o.version_no, o.valid_from AS before_from,
                          to_jsonb(n) AS after,
                          CASE WHEN o.version_no IS NOT NULL THEN to_jsonb(o) - %(own)s::text[] END AS before
                   FROM staged AS n LEFT JOIN {table} AS o ON ({of_old_key}) = ({of_new_key}) AND o.valid_to IS NULL"""
            ).format(**names),
            {"own": ["version_no", "valid_from", "valid_to"]},
        )
        await conn.execute(
            sql.SQL(
                """UPDATE {table} AS o SET valid_to = greatest(%(at)s, o.valid_from)
                   FROM planned AS p WHERE o.version_no = p.version_no AND p.before <> p.after"""
            ).format(**names),
            {"at": at},
        )
        await conn.execute(
            sql.SQL(
                """INSERT INTO {table} ({columns}, valid_from)
                   SELECT {columns}, greatest(%(at)s, before_from) FROM planned
                   WHERE before IS NULL OR before <> after ORDER BY {key}"""
            ).format(**names),
            {"at": at},
        )
        changes = await _tell(conn, table, actor=actor, at=at)
        await conn.execute("DROP TABLE planned, staged")
    return changes


async def edit(
    conn: Connection,
    table: VersionedTable[Fact],
    fact: Fact,
    *,
    version: int | None,
    actor: str,
    at: datetime,
) -> Version[Fact]:
    """Register ``fact`` (``version`` None), or put it in the place of the version that the editor saw.

    :raises EditConflict: it is registered already, or was changed meanwhile.
    :raises UnknownEntry: there is none to change.
    """
    async with writing(conn):
        key = table.key_of(fact)
        await _check_version(conn, table, key, version)
        await put(conn, table, [fact], actor=actor, at=at)
        return await get(conn, table, *key)


async def remove(
    conn: Connection, table: VersionedTable[Fact], *key: Any, version: int | None, actor: str, at: datetime
) -> Fact:
    """End what holds; its past stays. ``version`` None: whichever it is. What it was.

    :raises EditConflict: it was changed meanwhile.
    :raises UnknownEntry: there is none.
    """
    async with writing(conn):
        held = await get(conn, table, *key)
        if version is not None:
            await _check_version(conn, table, key, version)
        await conn.execute(
            sql.SQL("UPDATE {} SET valid_to = greatest(%s, valid_from) WHERE version_no = %s").format(
                sql.Identifier(table.name)
            ),
            (at, held.version),
        )
        await append(conn, at=at, actor=actor, action=f"{table.name}.removed", subject=_subject(key))
        await notify(conn, NoticeChannel.PREMISES, getattr(held.fact, "site_id", ""))
    return held.fact


async def _check_version(conn: Connection, table: VersionedTable[Fact], key: tuple[Any, ...], seen: int | None) -> None:
    held = await load(conn, table, where=dict(zip(table.key, key, strict=True)))
    if seen is None:
        if held:
            raise EditConflict(f"{_noun(table)} {_subject(key)} is registered already")
    elif not held:
        raise UnknownEntry(f"no {_noun(table)} {_subject(key)}")
    elif held[0].version != seen:
        raise EditConflict(f"{_noun(table)} {_subject(key)} was changed meanwhile: it is version {held[0].version} now")


async def _check_sites(conn: Connection) -> None:
    cursor = await conn.execute(
        """SELECT DISTINCT site_id FROM staged
           WHERE site_id NOT IN (SELECT site_id FROM site) ORDER BY site_id LIMIT 10"""
    )
    if unknown := [site_id for (site_id,) in await cursor.fetchall()]:
        raise UnknownSite(f"no such site: {', '.join(unknown)}")


async def _tell(conn: Connection, table: VersionedTable[Fact], *, actor: str, at: datetime) -> Changes:
    """Audit what `put` planned, give notice, and count."""
    cursor = await conn.execute(
        sql.SQL(
            """WITH entry AS (
                   INSERT INTO audit_entry (at, actor, origin, action, subject, detail)
                   SELECT %(at)s, %(actor)s, %(origin)s,
                          %(noun)s || CASE WHEN before IS NULL THEN '.added' ELSE '.changed' END,
                          concat_ws('/', {key}), difference.detail
                   FROM planned, LATERAL (
                       SELECT jsonb_object_agg(key, CASE WHEN key = ANY(%(secrets)s) THEN '"***"'::jsonb
                                                    ELSE jsonb_build_array(before -> key, value) END) AS detail
                       FROM jsonb_each(after) WHERE before -> key IS DISTINCT FROM value
                   ) AS difference
                   WHERE before IS NULL OR before <> after ORDER BY {key}
                   RETURNING action
               )
               SELECT count(*) FILTER (WHERE action = %(noun)s || '.added'),
                      count(*) FILTER (WHERE action = %(noun)s || '.changed'),
                      (SELECT count(*) FROM planned) - count(*)
               FROM entry"""
        ).format(**_table_names(table)),
        {
            "actor": actor,
            "at": at,
            "noun": table.name,
            "secrets": list(table.secrets),
            "origin": asked_from.get(),
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # an aggregate always answers with one row
    changes = Changes(*row)
    if changes.added or changes.changed:
        for site_id in await _sites_touched(conn) if table.of_sites else [""]:
            await notify(conn, NoticeChannel.PREMISES, site_id)
    return changes


async def _sites_touched(conn: Connection) -> list[str]:
    """Of a guard who goes from one site to another, both."""
    cursor = await conn.execute(
        """SELECT site_id FROM planned WHERE before IS NULL OR before <> after
           UNION SELECT before ->> 'site_id' FROM planned WHERE before <> after ORDER BY 1 LIMIT %s""",
        (_MOST_NOTICES + 1,),
    )
    found = [site_id for (site_id,) in await cursor.fetchall()]
    return found if len(found) <= _MOST_NOTICES else [""]


def _table_names(table: VersionedTable[Any]) -> dict[str, sql.Composable]:
    return {
        "table": sql.Identifier(table.name),
        "columns": _names(table.columns),
        "key": _names(table.key),
        "of_new": sql.SQL(", ").join(sql.Identifier("n", name) for name in table.columns),
        "of_new_key": sql.SQL(", ").join(sql.Identifier("n", name) for name in table.key),
        "of_old_key": sql.SQL(", ").join(sql.Identifier("o", name) for name in table.key),
    }


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _noun(table: VersionedTable[Any]) -> str:
    return table.name.replace("_", " ")


def _subject(key: Sequence[Any]) -> str:
    return "/".join(str(part) for part in key)
