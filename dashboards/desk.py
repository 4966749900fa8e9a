"""What the routes ask of others: the desk where incidents are handled, the registrar who adopts devices, and who
replays messages that were put aside, and the assessor who judges sites by the targets.

Protocols, because alerting is a sibling that is never imported; the composition root passes them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.device import DeviceKind
from domain.incident import IncidentAction
from domain.replay import ReplayReport
from domain.self_test import SelfTest
from domain.target import TargetDefinition, Verdict
from storage.pool import Connection
from storage.quarantine import QuarantineFilter


class IncidentDesk(Protocol):
    async def act(self, incident_id: UUID, action: IncidentAction, *, actor: str, note: str) -> None:
        """Do what a person decided.

        :raises UnknownIncident: there is none with this id.
        :raises IllegalTransition: its state does not allow it; the message says what is possible.
        """


class Registrar(Protocol):
    async def adopt(self, site_id: str, device_id: str, kind: DeviceKind, name: str, place: str, actor: str) -> None:
        """Register a device that speaks already.

        :raises RegistryError: refused; `UnknownSite` where the site is not registered.
        """


class Replayer(Protocol):
    async def replay(
        self, only: QuarantineFilter, *, after: int, limit: int, dry_run: bool, actor: str
    ) -> ReplayReport:
        """Decode up to ``limit`` messages once more, the oldest behind number ``after`` first, and store them under
        their own time. A dry run only says what would become of them.

        :raises RegistryError: a maker's profile is wrong.
        """


class Assessor(Protocol):
    async def verdicts(self, conn: Connection, site_id: str, now: datetime) -> Sequence[Verdict]:
        """How a site stands to each target, with all that was looked at.

        :raises UnknownSite: it is not registered.
        """

    async def self_tests(
        self, conn: Connection, now: datetime, *, due_before: datetime, site_id: str | None
    ) -> Sequence[SelfTest]:
        """What is due before a moment, the longest overdue first."""

    async def define(self, definition: TargetDefinition) -> TargetDefinition:
        """Check a definition, complete its figures and add it as the newest version of its target.

        :raises UnknownTarget: there is no such target.
        :raises DefinitionRefused: it cannot be meant; says why.
        """
