"""Rules as people look at and change them, over the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from campuswatch.rulebook import document_of
from dashboards.people import Who
from detectors.documents.checking import Fault
from detectors.documents.form import RuleDocument
from detectors.documents.reading import enabled, read_said, unlocated
from detectors.documents.registered import Registered, strangers
from detectors.documents.schema import schema
from detectors.documents.shipped import shipped
from domain.clock import Clock
from domain.errors import RuleConflict, RuleGuarded, RuleRefused, UnknownRule
from domain.markup import nearest
from storage.pool import Connection, Pool, wrapped_errors
from storage.rules import RuleVersion, device_keys, load_site_facts, newest_versions, put_rule, rule_versions

log = structlog.get_logger("campuswatch.rules")

SHIPS = "campuswatch"


def as_shipped(document: RuleDocument) -> RuleVersion:
    return RuleVersion(
        rule=document.name, version=0, document=document.said, enabled=True, author=SHIPS, reason="", at=None
    )


async def all_rules(conn: Connection) -> list[RuleVersion]:
    """Of each rule the version that counts, by name."""
    newest = {name: as_shipped(document) for name, document in shipped().items()}
    newest.update((version.rule, version) for version in await newest_versions(conn))
    return [newest[name] for name in sorted(newest)]


async def all_versions(conn: Connection, rule: str) -> list[RuleVersion]:
    """:raises UnknownRule: there is none of this name."""
    written = await rule_versions(conn, rule)
    if rule in shipped():
        written.append(as_shipped(shipped()[rule]))
    if not written:
        raise UnknownRule(f"no rule is called {rule}{nearest(rule, shipped())}")
    return written


async def change(
    conn: Connection, document: RuleDocument, *, expected: int, author: str, reason: str, at: datetime, origin: str = ""
) -> RuleVersion:
    """:raises RuleConflict: ``expected`` is not the newest version."""
    said = msgspec.json.decode(msgspec.json.encode(document.said))
    async with conn.transaction():
        version = await put_rule(
            conn,
            document.name,
            said,
            expected=expected,
            enabled=document.enabled,
            author=author,
            reason=reason,
            at=at,
            origin=origin,
        )
    return RuleVersion(
        rule=document.name,
        version=version,
        document=said,
        enabled=document.enabled,
        author=author,
        reason=reason,
        at=at,
    )


async def check_guard(conn: Connection, document: RuleDocument, expected: int) -> None:
    """Whoever may change rules, but none of life safety, neither makes one nor takes anything from one.

    :raises RuleGuarded: ``document`` is one, or the version that it replaces. :raises RuleConflict: that is no more the
    newest one.
    """
    try:
        newest = (await all_versions(conn, document.name))[0]
    except UnknownRule:
        newest = None
    if newest is not None and newest.version != expected:
        raise RuleConflict(f"rule {document.name} is at version {newest.version} by now")
    if document.header.life_safety or (newest is not None and newest.document.get("life_safety", False)):
        raise RuleGuarded(f"{document.name} is a rule of life safety: to change it asks for «life_safety»")


async def strangers_of(conn: Connection, document: RuleDocument) -> list[Fault]:
    """What the rule watches and nobody has registered."""
    watch = document.header.watch
    if watch.sites is None and watch.townships is None and watch.devices is None:
        return []
    facts = await load_site_facts(conn)
    known = Registered(
        sites={site_id for _, site_id, _, _ in facts},
        townships={township for *_, township in facts},
        devices=set() if watch.devices is None else set(await device_keys(conn)),
    )
    return list(strangers(watch, known))


class WebRules:
    """`dashboards.desk.RuleKeeper`."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def rules(self) -> Sequence[RuleVersion]:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await all_rules(conn)

    async def versions(self, rule: str) -> Sequence[RuleVersion]:
        async with wrapped_errors(), self._pool.connection() as conn:
            return await all_versions(conn, rule)

    def check(self, said: object) -> str:
        return read_said(said).name

    def schema(self) -> Mapping[str, Any]:
        return schema()

    async def put(
        self, rule: str, said: object, *, expected: int, reason: str, by: Who, guarded: bool = False
    ) -> RuleVersion:
        document = read_said(said)
        if document.name != rule:
            raise RuleRefused([f"rule: expected {rule}, as the address has it; got {document.name}"])
        async with wrapped_errors(), self._pool.connection() as conn:
            if guarded:
                await check_guard(conn, document, expected)
            if wrong := await strangers_of(conn, document):
                raise RuleRefused(unlocated(wrong))
            return await self._change(conn, document, expected, reason, by)

    async def switch(
        self, rule: str, on: bool, *, expected: int, reason: str, by: Who, guarded: bool = False
    ) -> RuleVersion:
        async with wrapped_errors(), self._pool.connection() as conn:
            newest = (await all_versions(conn, rule))[0]
            if guarded:
                await check_guard(conn, document_of(newest), expected)
            document = enabled(document_of(msgspec.structs.replace(newest, enabled=True)), on)
            return await self._change(conn, document, expected, reason, by)

    async def _change(
        self, conn: Connection, document: RuleDocument, expected: int, reason: str, by: Who
    ) -> RuleVersion:
        written = await change(
            conn,
            document,
            expected=expected,
            author=by.actor,
            reason=reason,
            at=self._clock.now(),
            origin=by.origin,
        )
        log.info("rule changed", rule=written.rule, version=written.version, on=written.enabled, actor=by.actor)
        return written
