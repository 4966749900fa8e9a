"""Sets what was sent against what the installation has on its books and what the links took. Pure.

A message is *lost* when the broker had acknowledged it to its publisher and it is neither stored nor in quarantine nor
in a journal. One that the broker itself forgot in its kill -9, before any role had acknowledged it, is counted apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.chaos.books import Books, Opened
from tests.chaos.far_end import LINKS, Arrived
from tests.chaos.sent import Kind, Sent

ALARM_RULES = frozenset({"one_key_alarm", "smoke_alarm"})
_RAISED, _RESET = "incident.raised", "incident.reset"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the run as it really was: what was injected, and when it began (epoch seconds)."""

    name: str
    began_s: float


@dataclass(slots=True)
class Row:
    """One fault; ``latencies_s``: from the press until every link had the alarm."""

    fault: str
    times: int = 0
    sent: int = 0
    acknowledged: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    lost: int = 0
    broker_lost: int = 0
    raised: int = 0
    delivered: int = 0
    again: int = 0
    twice: int = 0
    missing: int = 0
    latencies_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """``faults`` must be empty; ``unsettled`` counts what may still be on its way."""

    rows: list[Row]
    faults: list[str]
    unsettled: int

    @property
    def total(self) -> Row:
        whole = Row("total")
        for row in self.rows:
            for name in Row.__slots__:
                if name != "fault":
                    setattr(whole, name, getattr(whole, name) + getattr(row, name))
        return whole


class _Accountant:
    def __init__(
        self,
        parts: Sequence[Part],
        sent: Sequence[Sent],
        books: Books,
        arrived: Collection[Arrived],
        *,
        journalled: Collection[bytes],
        forgotten: Collection[str],
        tolerated: Collection[str],
    ) -> None:
        self._parts = parts
        self._starts = [part.began_s for part in parts]
        self._rows = {part.name: Row(part.name) for part in parts}
        self._sent = sent
        self._by_name = {message.name: message for message in sent}
        self._books = books
        self._arrived = arrived
        self._journalled = journalled
        self._forgotten = forgotten
        self._tolerated = tolerated
        self._said: dict[str, list[str]] = {}
        self._unsettled = 0

    def account(self) -> Account:
        for part in self._parts:
            self._rows[part.name].times += 1
        self._messages()
        self._incidents()
        self._deliveries()
        self._ledger()
        faults = [
            f"{what}: {len(names)} ({', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''})"
            for what, names in self._said.items()
        ]
        return Account(list(self._rows.values()), faults, self._unsettled)

    def _row(self, stretch: int) -> Row:
        return self._rows[self._parts[stretch].name]

    def _row_at(self, at_s: float) -> Row:
        return self._row(max(0, bisect_right(self._starts, at_s) - 1))

    def _fault(self, what: str, name: str, *, may_settle: bool = False) -> None:
        self._said.setdefault(what, []).append(name)
        self._unsettled += may_settle

    # -- messages ---------------------------------------------------------------------------------------------------

    def _messages(self) -> None:
        for message in self._sent:
            row = self._row(message.stretch)
            row.sent += 1
            if message.acknowledged_s is None:
                self._fault("not acknowledged by the broker at the end", message.name, may_settle=True)
            else:
                row.acknowledged += 1
            quarantined = message.payload in self._books.quarantined
            stored = self._is_stored(message)
            row.stored += stored
            row.rejected += quarantined
            if quarantined and message.kind is not Kind.UNREADABLE:
                self._fault("readable, and yet in quarantine", message.name)
            if stored or quarantined or message.acknowledged_s is None or self._is_journalled(message):
                continue
            if message.name in self._forgotten:
                row.broker_lost += 1
            else:
                row.lost += 1
                self._fault("lost", message.name, may_settle=True)

    def _is_journalled(self, message: Sent) -> bool:
        return any(message.payload in record for record in self._journalled)

    def _is_stored(self, message: Sent) -> bool:
        match message.kind:
            case Kind.HEARTBEAT:
                return (message.device, message.at) in self._books.heartbeats
            case Kind.READING:
                return (message.device, message.at) in self._books.readings
            case _:
                return message.name in self._books.events

    # -- alarms -----------------------------------------------------------------------------------------------------

    def _incidents(self) -> None:
        alarms = [incident for incident in self._books.incidents if incident.rule in ALARM_RULES]
        counted = Counter(name for incident in alarms for name in incident.causes)
        for incident in alarms:
            self._alarm(incident)
        for name, count in counted.items():
            if count > 1:
                self._fault("one press counted twice", name)
        doubted = {i.device for i in self._books.incidents if i.rule == "doubtful_alarm"}
        for message in self._sent:
            if message.acknowledged_s is None or message.name in self._forgotten:
                continue
            doubtful = message.kind is Kind.UNREADABLE and message.topic.endswith("/alarm")
            if (message.kind is Kind.ALARM and message.name not in counted) or (
                doubtful and message.device not in doubted
            ):
                self._row(message.stretch).missing += 1
                self._fault("alarm without an incident", message.name, may_settle=True)
        unreadable = {m.device for m in self._sent if m.kind is Kind.UNREADABLE}
        for incident in self._books.incidents:
            ours = incident.rule in ALARM_RULES or (incident.rule == "doubtful_alarm" and incident.device in unreadable)
            if not ours and incident.rule not in self._tolerated:
                self._fault(f"false incident {incident.rule}", incident.device)
        for device in self._books.offline:
            self._fault("false offline", device)

    def _alarm(self, incident: Opened) -> None:
        press = self._by_name.get(incident.causes[0]) if incident.causes else None
        if press is None:
            self._fault(f"false incident {incident.rule}", f"{incident.device} {incident.incident_id}")
            return
        row = self._row(press.stretch)
        row.raised += 1
        told = [a for a in self._arrived if a.incident_id == incident.incident_id and a.type == _RAISED]
        receipted = {
            out.link
            for out in self._books.outgoing
            if out.incident_id == incident.incident_id and out.notice == "raised" and out.receipted
        }
        row.again += sum(arrived.copies - 1 for arrived in told)
        links = Counter(arrived.link for arrived in told)
        row.twice += sum(count - 1 for count in links.values())
        for link in LINKS:
            if link not in links:
                row.missing += 1
                self._fault(f"alarm never told to {link}", press.name, may_settle=True)
            elif link not in receipted:
                self._fault(f"no receipt of {link} in the outbox", press.name, may_settle=True)
            if links[link] > 1:
                self._fault(f"told {link} twice under different ids", press.name)
        if len(links) == len(LINKS) <= len(receipted):
            row.delivered += 1
            row.latencies_s.append(max(arrived.received_at.timestamp() for arrived in told) - press.given_s)

    def _deliveries(self) -> None:
        known = {incident.incident_id for incident in self._books.incidents}
        for arrived in self._arrived:
            if arrived.incident_id not in known:
                self._row_at(arrived.received_at.timestamp()).twice += arrived.type == _RAISED
                self._fault(f"told {arrived.link} of an incident that is in no table", arrived.device, may_settle=True)
        resets = Counter((a.link, a.incident_id) for a in self._arrived if a.type == _RESET)
        for out in self._books.outgoing:
            if out.notice == "reset" and (out.link, out.incident_id) not in resets:
                self._fault(f"reset never told to {out.link}", out.incident_id, may_settle=True)
        for (link, incident_id), count in resets.items():
            if count > 1:
                self._fault(f"told {link} of a reset twice under different ids", incident_id)

    # -- ledger -----------------------------------------------------------------------------------------------------

    def _ledger(self) -> None:
        for line in self._books.ledger:
            self._row_at(line.at_s).duplicate += line.duplicate
            if line.received != line.stored + line.rejected + line.duplicate:
                self._fault("ledger uneven", f"{line}")
        stored = sum(line.stored for line in self._books.ledger)
        rejected = sum(line.rejected for line in self._books.ledger)
        if stored != self._books.rows:
            self._fault("ledger and tables differ", f"{stored} stored, {self._books.rows} rows")
        if rejected != self._books.quarantined.total():
            self._fault("ledger and quarantine differ", f"{rejected} and {self._books.quarantined.total()}")


def account(
    parts: Sequence[Part],
    sent: Sequence[Sent],
    books: Books,
    arrived: Collection[Arrived],
    *,
    journalled: Collection[bytes] = (),
    forgotten: Collection[str] = (),
    tolerated: Collection[str] = (),
) -> Account:
    """:param journalled: records that still lie in a journal.
    :param forgotten: names of messages that the broker lost in its own kill.
    :param tolerated: rules whose incidents are to be expected of these faults.
    """
    return _Accountant(
        parts, sent, books, arrived, journalled=journalled, forgotten=forgotten, tolerated=tolerated
    ).account()
