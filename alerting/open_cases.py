"""Open cases: the open incidents of which links are told, as far as the alarm lane's process knows.

::

    stored   what the database said last, kept on disk for a restart without it
    ahead    the same with what was heard here since and is not committed yet, in order
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec

from alerting.desk import incident_id_of
from alerting.policy import calls_again
from domain.finding import Finding, FindingKind
from domain.incident import OpenCase


@dataclass(slots=True)
class _Ahead:
    """How a key stands after ``waiting`` findings that are still to be committed."""

    case: OpenCase | None
    waiting: int = 0


class OpenCases:
    """``refresh`` brings the truth of the database. What was begun here and is not committed yet goes on top of it, and
    what the database said after that truth was asked for stands.
    """

    def __init__(self) -> None:
        self._stored: dict[str, OpenCase] = {}
        self._ahead: dict[str, _Ahead] = {}
        self._news: dict[str, tuple[int, OpenCase | None]] = {}
        self._step = 0
        self.asked = False  # whether the truth was ever brought

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> OpenCase | None:
        """How the open incident of ``key`` stands, what is not committed yet included."""
        ahead = self._ahead.get(key)
        return self._stored.get(key) if ahead is None else ahead.case

    @property
    def stored(self) -> dict[str, OpenCase]:
        """What is committed, by key."""
        return dict(self._stored)

    def begin(self, finding: Finding, *, changes: bool = True) -> OpenCase | None:
        """``finding`` was heard and is on its way to the database; how its case stood before. With ``changes`` false
        the database had it before and will do nothing with it. Each is to be followed by `confirm`.
        """
        before = self.get(finding.key)
        ahead = self._ahead.setdefault(finding.key, _Ahead(before))
        ahead.waiting += 1
        if changes:
            ahead.case = _after(before, finding)
        return before

    def confirm(self, finding: Finding) -> None:
        """What was begun is committed, or had been before."""
        ahead = self._ahead.get(finding.key)
        if ahead is not None:
            ahead.waiting -= 1
            if ahead.waiting <= 0:
                del self._ahead[finding.key]

    def learn(self, key: str, case: OpenCase | None) -> None:
        """How the key stands in the database since a commit of ours, which may not be as memory had it."""
        self._note(key, case)
        ahead = self._ahead.get(key)
        if ahead is not None and case is not None:
            seen = case if ahead.case is None else ahead.case
            ahead.case = msgspec.structs.replace(case, returned=seen.returned, acknowledged_at=seen.acknowledged_at)

    def end(self, incident_id: UUID) -> None:
        """A person ended this one: the next alarm of its key is a first one."""
        for key in [key for key, case in self._stored.items() if case.incident_id == incident_id]:
            self._note(key, None)
        for ahead in self._ahead.values():
            if ahead.case is not None and ahead.case.incident_id == incident_id:
                ahead.case = None

    @property
    def step(self) -> int:
        """Take it before asking the database, and give it to `refresh`."""
        return self._step

    def refresh(self, cases: Mapping[str, OpenCase], *, asked_at_step: int) -> None:
        self.asked = True
        self._news = {key: news for key, news in self._news.items() if news[0] > asked_at_step}
        fresh = dict(cases)
        for key, (_, case) in self._news.items():
            _put(fresh, key, case)
        for key, ahead in self._ahead.items():
            before, now = self._stored.get(key), fresh.get(key)
            ended = before is not None and (now is None or now.incident_id != before.incident_id)
            if ended and ahead.case is not None and before is not None and ahead.case.incident_id == before.incident_id:
                ahead.case = now
        self._stored = fresh

    def _note(self, key: str, case: OpenCase | None) -> None:
        self._step += 1
        self._news[key] = (self._step, case)
        _put(self._stored, key, case)


def is_call(finding: Finding, before: OpenCase | None) -> bool:
    """Whether links have to hear of a raise whose case stood as ``before``: nothing was open; or it had come back to
    normal, or was taken and somebody presses anew, and this is not the very finding that had opened it, seen again.
    """
    if before is None:
        return True
    again = before.returned or calls_again(finding, before.acknowledged_at)
    return again and before.incident_id != incident_id_of(finding)


def _after(before: OpenCase | None, finding: Finding) -> OpenCase | None:
    if finding.kind is FindingKind.RAISED:
        if before is None:
            return OpenCase(incident_id=incident_id_of(finding), raised_at=finding.at)
        if is_call(finding, before):
            return msgspec.structs.replace(before, returned=False, acknowledged_at=None)
        return before
    if finding.kind is FindingKind.CLEARED and before is not None:
        return msgspec.structs.replace(before, returned=True)
    return before


def _put(cases: dict[str, OpenCase], key: str, case: OpenCase | None) -> None:
    if case is None:
        cases.pop(key, None)
    else:
        cases[key] = case
