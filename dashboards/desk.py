"""What the routes ask of others: the desk where incidents are handled, the registrar who adopts devices, and who
replays messages that were put aside, and the assessor who judges sites by the targets.

Protocols, because alerting is a sibling that is never imported; the composition root passes them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from dashboards.people import Who
from domain.attachment import Attachment
from domain.device import DeviceKind
from domain.duty import DutyRole
from domain.early_warning import Audience, WarningLevel
from domain.finding import Severity
from domain.incident import IncidentAction
from domain.maintenance import MaintenanceWindow, Scope
from domain.replay import ReplayReport
from domain.report import ReportKind
from domain.response import Answer, Called, Grade
from domain.self_test import SelfTest
from domain.target import TargetDefinition, Verdict
from domain.verification import Verification
from storage.pool import Connection
from storage.quarantine import QuarantineFilter
from storage.rules import RuleVersion


class IncidentDesk(Protocol):
    """Does what a person decided, each in one transaction; where ``by`` carries a key, once for it.

    All raise `IncidentError`: `UnknownIncident` where there is none, `IllegalTransition` where its state does not allow
    it and what is possible, `KeyReused` where the key came with another request.
    """

    async def act(self, incident_id: UUID, action: IncidentAction, *, by: Who, note: str) -> None: ...

    async def verify(self, incident_id: UUID, verification: Verification, reason: str, *, by: Who, note: str) -> None:
        """:raises VerificationRefused: the reason is none of this verification."""

    async def reclassify(self, incident_id: UUID, severity: Severity, *, by: Who, note: str) -> None: ...

    async def merge(self, incident_id: UUID, into: UUID, *, by: Who, note: str) -> None: ...

    async def split(self, incident_id: UUID, *, by: Who, note: str) -> None: ...

    async def shelve(self, incident_id: UUID, until: datetime, reason: str, *, by: Who) -> None:
        """:raises WindowRefused: life safety, without a reason, over already or too long."""

    async def unshelve(self, incident_id: UUID, *, by: Who, note: str) -> None: ...

    async def assign(self, incident_id: UUID, person_id: str, *, by: Who, note: str) -> None:
        """Somebody of the list has it in hand; "" = whoever asks. :raises DutyError: nobody is called so."""

    async def unassign(self, incident_id: UUID, *, by: Who, note: str) -> None: ...

    async def attach(self, incident_id: UUID, name: str, content: bytes, *, by: Who) -> Attachment:
        """:raises AttachmentRefused: too large, too many, or of no kind that is taken."""

    async def open_window(
        self, scope: Scope, *, starts_at: datetime | None, ends_at: datetime, reason: str, by: Who
    ) -> MaintenanceWindow:
        """:raises WindowRefused: for life safety, or too long. :raises RegistryError: its scope is not registered."""

    async def end_window(self, window_no: int, *, by: Who) -> MaintenanceWindow:
        """:raises UnknownWindow: :raises IllegalTransition: it is over already."""


class Responder(Protocol):
    """How incidents are answered by people, and who is on duty."""

    async def answer(self, incident_id: UUID, answer: Answer, *, by: Who, note: str) -> None:
        """Somebody takes it, or cannot.

        :raises UnknownIncident: there is none with this id. :raises IllegalTransition: it is taken, or over.
        """

    async def regrade(self, incident_id: UUID, grade: Grade, *, by: Who, note: str) -> None:
        """:raises UnknownIncident: :raises IllegalTransition: it is over, or has this grade."""

    async def check(self, incident_id: UUID, item: str, *, by: Who, note: str) -> None:
        """:raises ResponsePlanError: there is no such item. :raises IllegalTransition: it is ticked off already."""

    async def look(self, token: str) -> Called:
        """What the page behind a message's link shows. :raises LinkRefused: it is not ours, or too old."""

    async def follow(self, token: str, answer: Answer) -> Called:
        """:raises LinkRefused: it is not ours, too old, or used. :raises IllegalTransition: somebody was faster."""

    async def key_pressed(self, headers: Mapping[str, str], body: bytes) -> None:
        """A voice gateway reports a key. :raises LinkRefused: it is not our gateway, or was answered already."""

    async def add_plan(self, document: object, *, actor: str, note: str) -> int:
        """The plan that holds from now on; its version. :raises ResponsePlanError: lists its faults."""

    async def test_contact(self, contact_no: int, *, actor: str) -> str:
        """Send a test message; "" where it was taken, else why not. :raises DutyError: there is no such contact."""

    async def stand_in(
        self,
        person_id: str,
        *,
        instead_of: str,
        site_id: str,
        role: DutyRole,
        starts_at: datetime,
        ends_at: datetime,
        actor: str,
        note: str,
    ) -> int:
        """:raises DutyError: somebody is not on the list. :raises UnknownSite: there is no such site."""

    async def swap(self, shift_no: int, other_no: int, *, actor: str, note: str) -> int:
        """:raises DutyError: they are not two shifts of people of the list."""

    async def hand_over(
        self, from_id: str, to_id: str, *, site_id: str, role: DutyRole, actor: str, note: str
    ) -> datetime | None:
        """One hands over to another, who stands in until the moment that is answered; None: he is on duty already.

        :raises DutyError: somebody is not on the list, or who hands over is not on duty.
        """

    async def audit(self) -> Sequence[object]:
        """What is wrong with the roster of the days to come."""

    def preview(self, language: str) -> dict[str, dict[str, str]]:
        """Every template of a message, filled in with an example: title and text."""


class Registrar(Protocol):
    async def adopt(
        self,
        site_id: str,
        device_id: str,
        kind: DeviceKind,
        name: str,
        place: str,
        actor: str,
        *,
        parent_id: str = "",
        profile: str = "",
        address: str = "",
    ) -> None:
        """Register a device that speaks already; ``profile`` and ``address`` of one that speaks a maker's format.

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


class LinkDesk(Protocol):
    async def answer(self, link_id: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Take what a person at a link said of a delivery; whether that was news.

        :raises UnknownLink: no such link is configured.
        :raises SignatureRefused: the other side of the link did not sign it.
        :raises AnswerRefused: it is no answer.
        :raises UnknownDelivery: nothing was sent there under this id.
        """

    async def resend(self, delivery_id: UUID, reason: str, *, by: Who) -> None:
        """Once more what was given up.

        :raises UnknownDelivery: there is none with this id. :raises IllegalTransition: it was not given up.
        """

    async def test(self, link_id: str, *, by: Who) -> None:
        """Have a test alarm sent now. :raises UnknownLink: :raises IllegalTransition: paused, or not supervised."""

    async def pause(self, link_id: str, until: datetime, reason: str, *, by: Who) -> None:
        """Let its supervision rest. :raises UnknownLink: :raises IllegalTransition: it is not supervised."""

    async def resume(self, link_id: str, *, by: Who) -> None:
        """:raises UnknownLink: :raises IllegalTransition: it is not paused."""


class RuleKeeper(Protocol):
    """Rules as documents. Version 0 of a rule is the one that ships."""

    async def rules(self) -> Sequence[RuleVersion]:
        """Of each rule the version that counts, by name."""

    async def versions(self, rule: str) -> Sequence[RuleVersion]:
        """All versions of one rule, the newest first.

        :raises UnknownRule: there is none of this name.
        """

    def check(self, said: object) -> str:
        """The name of a rule that is right.

        :raises RuleRefused: it is wrong; says why.
        """

    def schema(self) -> Mapping[str, object]:
        """The JSON Schema of a rule."""

    async def put(
        self, rule: str, said: object, *, expected: int, reason: str, by: Who, guarded: bool = False
    ) -> RuleVersion:
        """Add a version, in force.

        :param guarded: whoever asks may not change rules of life safety.
        :raises RuleGuarded: it is one, or was one.
        :raises RuleRefused: it is wrong; what was in force stays so.
        :raises RuleConflict: ``expected`` is not the newest version.
        """

    async def switch(
        self, rule: str, on: bool, *, expected: int, reason: str, by: Who, guarded: bool = False
    ) -> RuleVersion:
        """Add the newest version once more, in force or not.

        :raises UnknownRule: there is none of this name.
        :raises RuleGuarded: it is one of life safety.
        :raises RuleRefused: it may not be switched off.
        :raises RuleConflict: ``expected`` is not the newest version.
        """


class ReportDesk(Protocol):
    """Everything raises `ReportRefused` where it may not be now, and `UnknownReport` where there is none."""

    async def start(
        self,
        *,
        incident_id: UUID | None,
        site_id: str,
        subject: str,
        began_at: datetime | None,
        reason: str,
        by: Who,
    ) -> UUID:
        """Start a two-hour clock; its id. :raises UnknownIncident: no such one. :raises UnknownSite: no such one."""

    async def draft(self, clock_id: UUID, kind: ReportKind, *, by: Who) -> UUID:
        """Draft a report from the timeline; its id."""

    async def edit(self, report_id: UUID, text: str, *, by: Who) -> None: ...

    async def approve(self, report_id: UUID, *, by: Who) -> None:
        """Approve it and send it to education."""

    async def waive(self, clock_id: UUID, reason: str, *, by: Who) -> None: ...


class WarningDesk(Protocol):
    async def issue(
        self,
        *,
        kind: str,
        level: WarningLevel,
        title_zh: str,
        title_en: str,
        text_zh: str,
        text_en: str,
        audience: Audience,
        valid_from: datetime | None,
        valid_until: datetime,
        by: Who,
    ) -> UUID:
        """Issue an early warning; its id. :raises WarningRefused: it cannot be so."""

    async def read(self, warning_id: UUID, site_id: str, *, by: Who) -> bool:
        """A site has read it; whether that was news. :raises UnknownWarning: there is none for this site."""

    async def cancel(self, warning_id: UUID, reason: str, *, by: Who) -> None:
        """:raises UnknownWarning: there is none. :raises WarningRefused: it was lifted before."""
