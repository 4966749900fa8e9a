"""A script: a scenario that was read, checked and made exact. All times are seconds since 1970 UTC.

Whoever runs it carries out the steps in their order, each at its time, and gathers happenings until ``ends_s``; the
judge compares. ``line`` is the line of the file that said so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from domain.early_warning import WarningLevel
from simulators.district import District
from simulators.far_ends import LinkName, Mode, Person
from simulators.orders import Order
from simulators.scenarios.happening import HappeningKind

#: So long ago each one-key alarm was tested over both links, and receipted.
TESTED_S = 10 * 86_400.0


class Words(msgspec.Struct, frozen=True):
    """The same in both languages."""

    zh: str
    en: str


class OperatorAction(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    CLOSE = "close"


class Process(StrEnum):
    """A process of the control room."""

    ALARM = "alarm"
    BULK = "bulk"
    ALERTING = "alerting"


class LinkAct(msgspec.Struct, frozen=True, kw_only=True):
    """The far end behaves so from now on; ``seconds`` is how long `slow` and `hang` take. ``person`` is what
    the person there does with each new alarm, ``person_after_s`` after it.
    """

    link: LinkName
    mode: Mode
    seconds: float = 5.0
    person: Person = Person.SILENT
    person_after_s: float = 20.0


class OperatorAct(msgspec.Struct, frozen=True, kw_only=True):
    """``actor`` does it to the oldest incident of ``rule`` that is not closed and whose state allows it. ``site`` and
    ``device`` may be any where they are empty. Where there is no such incident, that is a failure of the operator.
    """

    action: OperatorAction
    rule: str
    site: str = ""
    device: str = ""
    actor: str = ""
    note: str = ""


class MaintenanceAct(msgspec.Struct, frozen=True, kw_only=True):
    """``actor`` opens a maintenance window for so long. What is empty may be any."""

    site: str = ""
    device: str = ""
    rule: str = ""
    kind: str = ""
    seconds: float
    reason: str
    actor: str = ""


class ShelveAct(msgspec.Struct, frozen=True, kw_only=True):
    """``actor`` shelves, for so long, the oldest incident of ``rule`` that allows it, as with `OperatorAct`."""

    rule: str
    site: str = ""
    device: str = ""
    seconds: float
    reason: str
    actor: str = ""


class ReportStep(StrEnum):
    """What is done about a report. The three reports are drafted, approved and sent at once."""

    START = "start"
    FIRST = "first"
    FOLLOW_UP = "follow_up"
    FINAL = "final"
    WAIVE = "waive"


class ReportAct(msgspec.Struct, frozen=True, kw_only=True):
    """``actor`` does it about the oldest incident of ``rule`` that is not closed."""

    rule: str
    does: ReportStep
    actor: str = ""


class WarnAct(msgspec.Struct, frozen=True, kw_only=True):
    """The bureau issues an early warning to all sites, for so long."""

    level: WarningLevel
    seconds: float


class ReadAct(msgspec.Struct, frozen=True, kw_only=True):
    """The site has read the newest early warning."""

    site: str


class RestartAct(msgspec.Struct, frozen=True, kw_only=True):
    """The process dies without a word (SIGKILL) and is started again at once."""

    process: Process


class DatabaseAct(msgspec.Struct, frozen=True, kw_only=True):
    """The database goes away, or comes back."""

    away: bool


class OnRoster(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the roster, of the bureau where ``site`` is empty: on days of these kinds (`domain.school_calendar`),
    or, where ``days`` is empty, from ``starts_s`` to ``ends_s``. Who is not ``reachable`` has no telephone.
    """

    person: str
    role: str = "leader"
    site: str = ""
    days: tuple[str, ...] = ()
    starts_s: float = 0.0
    ends_s: float = 0.0
    reachable: bool = True


class RosterAct(msgspec.Struct, frozen=True, kw_only=True):
    """The roster is this one from now on, and nothing else."""

    people: tuple[OnRoster, ...]


class SwapAct(msgspec.Struct, frozen=True, kw_only=True):
    """Two people change shifts: for each the one that runs now or comes next."""

    first: str
    second: str


class StandInAct(msgspec.Struct, frozen=True, kw_only=True):
    """``person`` stands in for ``instead_of`` ("" = for everybody on duty) for so long, from now on."""

    person: str
    instead_of: str
    seconds: float
    role: str = "leader"
    site: str = ""


class AnswerAct(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever was told answers by the link of his message: takes the oldest incident of ``rule``, or declines."""

    take: bool
    rule: str
    site: str = ""
    device: str = ""
    by: str


class DutyAct(msgspec.Struct, frozen=True, kw_only=True):
    """From now on the roster names one leader for the whole district, as at the beginning, or nobody."""

    present: bool


class RegistryOp(StrEnum):
    """What changes in the registry, by the words of the file: of a guard, a barrier, a post, a school, a target.

    ``UNREPORTED``: the guards do not report the post any more, as they do on any other day.
    """

    LEAVES = "leaves"
    RETURNS = "returns"
    CERTIFICATE_ENDS = "certificate_ends"
    CERTIFICATE_RENEWED = "certificate_renewed"
    CHECKS_IN = "checks_in"
    REMOVED = "removed"
    INSTALLED = "installed"
    PASSES = "passes"
    FAILS = "fails"
    LAPSES = "lapses"
    REPORTED = "reported"
    UNREPORTED = "unreported"
    REPORTED_AGAIN = "reported_again"
    ENROLLED = "enrolled"
    ENABLED = "enabled"
    DISABLED = "disabled"


class RegistryAct(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changes the registry. ``subject``: guard, barrier, post or target; ``count``: who stands there, or
    pupils. A target has no ``site``.
    """

    op: RegistryOp
    site: str = ""
    subject: str = ""
    count: int = 0
    boarders: int = 0


Act: TypeAlias = (
    Order
    | LinkAct
    | OperatorAct
    | MaintenanceAct
    | ShelveAct
    | ReportAct
    | WarnAct
    | ReadAct
    | RestartAct
    | DatabaseAct
    | DutyAct
    | RosterAct
    | SwapAct
    | StandInAct
    | AnswerAct
    | RegistryAct
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    at_s: float
    line: int
    act: Act


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """``times`` happenings that fit, each in [``since_s``, ``by_s``].

    ``what``: see `simulators.scenarios.happening`. What is empty, or None for ``severity``, may be anything;
    ``of`` is the incident's rule; ``standing`` and ``cause`` are of a target. ``proof``: fields of what was found that
    have to be so. ``test`` and ``drill`` must be as they are here: what is no drill is never marked so.
    """

    kind: HappeningKind
    what: str
    of: str = ""
    site: str = ""
    device: str = ""
    severity: str = ""
    standing: str = ""
    cause: str = ""
    proof: dict[str, Any] = {}
    test: bool = False
    drill: bool = False
    to: str = ""
    times: int = 1
    since_s: float
    by_s: float
    line: int


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """In [``since_s``, ``until_s``] nothing happens but what was wanted, at ``site`` or anywhere.

    ``only`` and ``but`` hold kinds, changes, links, ``duty`` and rules: the quiet is about ``only`` these (empty =
    everything), and not about ``but`` these. How sites stand to targets is told by incidents too: a quiet is about it
    only where ``only`` says so.
    """

    since_s: float
    until_s: float
    site: str = ""
    only: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()
    line: int


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """``name``: of the file, without its ending. ``steps`` are in the order of their times. Both links answer well and
    a leader is on duty at the beginning. ``supervised``: links are sent heartbeats and test alarms. ``tested_s`` before
    the beginning each one-key alarm was tested. ``limits``: of fairness, by the names of the settings, where they are
    not the usual ones.
    """

    name: str
    title: Words
    about: Words
    seed: int
    start_s: float
    ends_s: float
    district: District
    steps: tuple[Step, ...]
    wants: tuple[Want, ...]
    quiets: tuple[Quiet, ...]
    supervised: bool = False
    tested_s: float = TESTED_S
    limits: dict[str, float] = {}
