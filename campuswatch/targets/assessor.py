"""Judging sites on demand, for whoever asks: the web page, the command line. Reads facts, keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import structlog

from campuswatch.targets.rulings import Rulings
from detectors.targets import complete, judge
from detectors.targets.expiries import link_tests, self_tests
from detectors.targets.networking import Networking
from domain.clock import Clock
from domain.errors import DefinitionRefused, UnknownSite
from domain.self_test import SelfTest
from domain.target import TargetDefinition, Verdict
from storage.pool import Connection, Pool, wrapped_errors
from storage.site_facts import load_link_facts, load_site_facts
from storage.targets import add_version, target_definitions

log = structlog.get_logger("campuswatch.targets")


class TargetAssessor:
    """A `dashboards.desk.Assessor`."""

    def __init__(self, pool: Pool, clock: Clock, zone: ZoneInfo) -> None:
        self._pool = pool
        self._clock = clock
        self._zone = zone

    async def verdicts(self, conn: Connection, site_id: str, now: datetime) -> Sequence[Verdict]:
        """:raises UnknownSite: it is not registered."""
        found = list((await load_site_facts(conn, now=now, site_id=site_id)).values())
        if not found:
            raise UnknownSite(f"no site {site_id}")
        rulings = Rulings(await target_definitions(conn))
        in_force = [rulings.in_force(target_id, now) for target_id in rulings.target_ids]
        return [judge(one, found[0], now, self._zone) for one in in_force if one is not None and one.definition.enabled]

    async def self_tests(
        self, conn: Connection, now: datetime, *, due_before: datetime, site_id: str | None
    ) -> Sequence[SelfTest]:
        return await due_tests(conn, now, due_before=due_before, site_id=site_id)

    async def define(self, definition: TargetDefinition) -> TargetDefinition:
        """:raises DefinitionRefused: it cannot be meant. :raises UnknownTarget: there is no such target."""
        now = self._clock.now()
        faults = []
        if not definition.author.strip():
            faults.append("author: who decides it has to be named")
        if not definition.reason.strip():
            faults.append("reason: why it is changed has to be said")
        if definition.starts_at < now - timedelta(minutes=5):
            faults.append("starts_at: the past keeps the definition that was in force; name now or later")
        if faults:
            raise DefinitionRefused(faults)
        whole = complete(definition)
        whole = msgspec.structs.replace(whole, starts_at=max(whole.starts_at, now))
        async with wrapped_errors(), self._pool.connection() as conn:
            added = await add_version(conn, whole, at=now)
        log.info("target defined", target=added.target_id, version=added.version, author=added.author)
        return added


async def due_tests(
    conn: Connection, now: datetime, *, due_before: datetime, site_id: str | None = None
) -> list[SelfTest]:
    """Self-tests of one-key alarms, and unless one site is asked for those of the links themselves."""
    rulings = Rulings(await target_definitions(conn))
    found: list[SelfTest] = []
    for target_id in rulings.target_ids:
        by = rulings.in_force(target_id, now)
        if by is None or not by.definition.enabled or not isinstance(by.parameters, Networking):
            continue
        for facts in (await load_site_facts(conn, now=now, site_id=site_id)).values():
            found += self_tests(facts, by.parameters)
    if site_id is None:
        found += link_tests(await load_link_facts(conn))
    return sorted(
        (one for one in found if one.due_at < due_before),
        key=lambda one: (one.due_at, one.site_id, one.device_id, one.link_id),
    )
