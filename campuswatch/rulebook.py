"""The rules in force: those that ship, with what people made of them in the database (docs/rules.md).

One that the database holds and this program does not accept (another version of the program wrote it) is said in the
log, and what was in force stays so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from detectors.documents.form import RuleDocument
from detectors.documents.reading import enabled, read_said
from detectors.documents.shipped import shipped
from detectors.engine import Engine
from detectors.grounds import Grounds, SiteFacts, Spot
from detectors.rules.reported_alarm import ReportedAlarm
from detectors.rules.ruleset import RuleSet, alarm_documents
from domain.bells import SiteBells, bells_on
from domain.errors import RuleRefused
from storage.pool import Connection
from storage.rules import RuleVersion, load_site_facts, load_spots, newest_versions
from storage.school_calendar import BELLS, school_calendar
from storage.versions import load

log = structlog.get_logger("campuswatch.rules")


class Rulebook:
    """``zone``: the district's."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._documents: dict[str, RuleDocument] = dict(shipped())
        self._refused: set[tuple[str, int]] = set()

    @property
    def documents(self) -> Mapping[str, RuleDocument]:
        return self._documents

    def take(self, versions: Iterable[RuleVersion]) -> Mapping[str, RuleDocument]:
        """Those in force, after ``versions`` have come to those that ship."""
        documents = dict(shipped())
        for version in versions:
            try:
                documents[version.rule] = document_of(version)
            except RuleRefused as error:
                if version.rule in self._documents:
                    documents[version.rule] = self._documents[version.rule]
                if (version.rule, version.version) not in self._refused:
                    self._refused.add((version.rule, version.version))
                    log.error("rule refused", rule=version.rule, version=version.version, problems=error.problems)
        self._documents = documents
        return documents

    async def load(self, conn: Connection) -> Mapping[str, RuleDocument]:
        return self.take(await newest_versions(conn))

    async def grounds(self, conn: Connection, now: datetime, of: Iterable[RuleDocument] | None = None) -> Grounds:
        """What the rules in force go by, or those ``of`` them. Places are read only where one of them asks for them."""
        known = await load_site_facts(conn)
        sites = {number: SiteFacts(kind, township) for number, _, kind, township in known}
        own: defaultdict[str, list[SiteBells]] = defaultdict(list)
        for version in await load(conn, BELLS):
            own[version.fact.site_id].append(version.fact)
        today = now.astimezone(self._zone).date()
        bells = {number: bells_on(today, kind, own[site_id]) for number, site_id, kind, _ in known if site_id in own}
        spots: dict[int, Spot] = {}
        if any(asks_for_places(document) for document in (self._documents.values() if of is None else of)):
            spots = {number: Spot(place, name) for number, place, name in await load_spots(conn)}
        calendar = await school_calendar(conn)
        return Grounds(sites=sites, spots=spots, bells=bells, calendar=calendar, zone=self._zone)


class BulkRules:
    """The rules of the bulk lane, kept as the database has them. Production and rehearsals alike."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._book = Rulebook(zone)
        self._set = RuleSet()
        self.engine = Engine(self._set.rules)

    @property
    def rules(self) -> RuleSet:
        return self._set

    async def read(self, conn: Connection, now: datetime) -> None:
        """Take up what the database has of rules and of what they go by. Before `Engine.enrol` where both are due."""
        documents = await self._book.load(conn)
        self._set.stand_on(await self._book.grounds(conn, now))
        if changed := self._set.use(documents):
            log.info("rules changed", rules=changed)
        self._set.settle(self.engine, now)


async def read_alarm_rules(conn: Connection, book: Rulebook, rule: ReportedAlarm, now: datetime) -> None:
    """The same for the alarm lane, which reads no places of twenty thousand devices for what other lanes decide by."""
    documents = (await book.load(conn)).values()
    rule.use(documents, await book.grounds(conn, now, alarm_documents(documents)))


def document_of(version: RuleVersion) -> RuleDocument:
    """:raises RuleRefused: this program does not accept it."""
    return enabled(read_said(version.document), version.enabled)


def asks_for_places(document: RuleDocument) -> bool:
    watch = document.header.watch
    return watch.places is not None or watch.names is not None or document.header.key == "place"
