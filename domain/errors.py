"""The one error tree of campuswatch.

::

    CampuswatchError
    ├── SettingsError          a settings file or environment is wrong (lists every fault)
    ├── StorageError           the database refused or is away
    │   ├── StorageUnavailable     cannot be reached; try again later
    │   └── MigrationError         a migration failed or history was changed
    ├── RegistryError          a change of the registry is refused
    │   ├── UnknownSite
    │   ├── UnknownDevice
    │   ├── UnknownEntry
    │   ├── EditConflict           somebody else was faster
    │   ├── EntryRefused           a field names what is not registered
    │   └── ImportRefused          rows of a file are bad (lists every row)
    ├── PayloadError           a message cannot be understood (goes to quarantine)
    ├── ProfileError           a maker's profile is wrong
    ├── IncidentError          an action on an incident is refused
    │   ├── UnknownIncident
    │   ├── IllegalTransition
    │   ├── VerificationRefused    a reason that is none of this verification
    │   ├── WindowRefused          a maintenance window or shelving without end or reason, or for life safety
    │   ├── UnknownWindow
    │   ├── AttachmentRefused      too large, too many, or of no kind that is taken
    │   ├── UnknownAttachment
    │   └── KeyReused              an idempotency key that came with another request before
    ├── AuditBroken            an export of the audit trail cannot be read
    ├── RuleError              a change of a rule is refused
    │   ├── UnknownRule
    │   ├── RuleRefused            the document is wrong (lists every fault)
    │   ├── RuleGuarded            it is one of life safety, and whoever changes it may not
    │   ├── RuleConflict           somebody else has changed it meanwhile
    │   ├── TrialRefused           another trial runs, or it is over
    │   └── UnknownTrial
    ├── DutyError              a change of the roster is refused
    ├── ResponsePlanError      a plan of the graded response cannot be carried out (lists every fault)
    ├── LinkRefused            the link of a message is not ours, too old, or was used
    ├── DeliveryError          a link or channel did not take a delivery
    │   ├── TemporaryFailure       worth another try
    │   └── PermanentFailure       the other side will never take it as it is
    ├── TargetError            a change of a target's definition is refused
    │   ├── UnknownTarget
    │   └── DefinitionRefused      figures that cannot be meant (lists every fault)
    ├── LinkError              what came over a link is refused
    │   ├── SignatureRefused       it does not come from the other side
    │   ├── AnswerRefused          it is no answer to a delivery
    │   ├── UnknownLink
    │   └── UnknownDelivery
    ├── ReportError            an action on a report up the line is refused
    │   ├── UnknownReport
    │   └── ReportRefused
    ├── RoundRefused           a patrol round cannot be worked through so
    ├── UnknownRound
    ├── WarningRefused         an early warning cannot be issued so
    ├── UnknownWarning
    ├── AccountError           a change of accounts is refused
    │   ├── UnknownAccount
    │   ├── AccountRefused         what it asks for cannot be
    │   └── PasswordRefused        too short, too well known, or the old one is wrong
    ├── SignInRefused          account or password is wrong, or it has to wait
    ├── SpoolTaken             another process works on this spool
    ├── SpoolFull              the spool on local disk takes no more
    ├── SealBroken             a secret cannot be opened: another key, another purpose, or spoilt
    └── EmbeddedError          the embedded broker or database did not start
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def first_error(group: BaseExceptionGroup[CampuswatchError]) -> CampuswatchError:
    """The first of ours in a group: what has to be mended; the rest mostly followed from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CampuswatchError)
    return error


class CampuswatchError(Exception):
    """Something went wrong in campuswatch."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])

    def __str__(self) -> str:
        return str(self.args[0])


class SettingsError(CampuswatchError):
    """The settings are wrong."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("settings are wrong:\n" + "\n".join(f"  - {fault}" for fault in faults))


class StorageError(CampuswatchError):
    """The database refused."""


class StorageUnavailable(StorageError):
    """The database cannot be reached."""


class MigrationError(StorageError):
    """A migration failed."""


class RegistryError(CampuswatchError):
    """A change of the registry is refused."""


class UnknownSite(RegistryError):
    """No site with this id is registered."""


class UnknownDevice(RegistryError):
    """No device with this id is registered at this site."""


class UnknownEntry(RegistryError):
    """Nothing with this id is registered."""


class EditConflict(RegistryError):
    """It was changed by somebody else meanwhile; look at it again."""


class EntryRefused(RegistryError):
    """A field names what is not registered. ``field`` is its name."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class ImportRefused(RegistryError):
    """Rows of the file are bad; nothing was imported. ``faults``: each by itself, where it is known whose it is."""

    def __init__(self, message: str, faults: Sequence[object] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(message)


class PayloadError(CampuswatchError):
    """A message cannot be understood.

    ``reason`` is a `domain.quarantine.Reason` value; ``detail`` names the field and what was expected; ``said_at`` is
    the time that it names, where that is what is wrong.
    """

    def __init__(self, reason: str, detail: str, *, said_at: datetime | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.said_at = said_at
        super().__init__(f"{reason}: {detail}")


class ProfileError(CampuswatchError):
    """A maker's profile is wrong."""


class IncidentError(CampuswatchError):
    """An action on an incident is refused."""


class UnknownIncident(IncidentError):
    """No incident with this id exists."""


class IllegalTransition(IncidentError):
    """The incident's state does not allow this action."""


class AuditBroken(CampuswatchError):
    """An export of the audit trail cannot be read."""


class VerificationRefused(IncidentError):
    """The reason is none of this verification."""


class WindowRefused(IncidentError):
    """This may not be held back."""


class UnknownWindow(IncidentError):
    """No maintenance window with this number exists."""


class AttachmentRefused(IncidentError):
    """This may not be attached."""


class UnknownAttachment(IncidentError):
    """The incident has no attachment with this number."""


class KeyReused(IncidentError):
    """The idempotency key came with another request before."""


class RuleError(CampuswatchError):
    """A change of a rule is refused."""


class UnknownRule(RuleError):
    """No rule has this name."""


class RuleRefused(RuleError):
    """The rule is wrong; the version before it stays in force.

    ``problems`` are texts that name line or field, and what was expected.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class RuleGuarded(RuleError):
    """Rules of life safety ask for a permission of their own."""


class RuleConflict(RuleError):
    """The rule was changed meanwhile; look at its newest version first."""


class TrialRefused(RuleError):
    """A rule cannot be tried now, or so."""


class UnknownTrial(RuleError):
    """No trial has this id, or it is kept no more."""


class DutyError(CampuswatchError):
    """A change of the roster is refused."""


class ResponsePlanError(CampuswatchError):
    """A plan of the graded response cannot be carried out."""


class LinkRefused(CampuswatchError):
    """The link of a message is not ours, too old, or was used."""


class DeliveryError(CampuswatchError):
    """A delivery was not taken."""


class TemporaryFailure(DeliveryError):
    """The other side did not take the delivery now; it is worth another try."""


class PermanentFailure(DeliveryError):
    """The other side refused the delivery for good."""


class TargetError(CampuswatchError):
    """A change of a target's definition is refused."""


class UnknownTarget(TargetError):
    """No target with this id exists."""


class DefinitionRefused(TargetError):
    """The definition cannot be meant; the version before it stays in force."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class LinkError(CampuswatchError):
    """What came over a link is refused."""


class SignatureRefused(LinkError):
    """It was not signed with the secret of this link."""


class AnswerRefused(LinkError):
    """It is no answer to a delivery."""


class UnknownLink(LinkError):
    """No link with this id is configured."""


class UnknownDelivery(LinkError):
    """Nothing was sent under this id."""


class ReportError(CampuswatchError):
    """An action on a report is refused."""


class UnknownReport(ReportError):
    """No report or clock with this id exists."""


class ReportRefused(ReportError):
    """It does not allow this now; the message says why."""


class RoundRefused(CampuswatchError):
    """A patrol round cannot be worked through so."""


class UnknownRound(CampuswatchError):
    """There is no such round, item or hazard."""


class WarningRefused(CampuswatchError):
    """The early warning cannot be issued so."""


class UnknownWarning(CampuswatchError):
    """No early warning with this id exists, or not for this site."""


class AccountError(CampuswatchError):
    """A change of accounts is refused."""


class UnknownAccount(AccountError):
    """No account or token goes by this name."""


class AccountRefused(AccountError):
    """The account cannot be so.

    ``field``: what of it; "" where it is none of its fields.
    """

    def __init__(self, message: str | None = None, *, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class PasswordRefused(AccountError):
    """The password is refused."""


class SignInRefused(CampuswatchError):
    """Account or password is wrong.

    ``wait_s`` > 0: nothing was looked at; another try may be made after so many seconds.
    """

    def __init__(self, message: str | None = None, *, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s
        super().__init__(message)


class SpoolTaken(CampuswatchError):
    """Another process works on this spool."""


class SpoolFull(CampuswatchError):
    """The spool on local disk takes no more; nothing of it was lost, nothing more may be acknowledged."""


class SealBroken(CampuswatchError):
    """A secret cannot be opened: it was sealed with another key, for something else, or is spoilt."""


class EmbeddedError(CampuswatchError):
    """The embedded broker or database did not start."""
