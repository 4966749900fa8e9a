"""The account sees what it is there to see: lost, missing, twice, false. Without any process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from domain.observation import AlarmKind, Channel
from tests.chaos.account import Account, Part, Row, account
from tests.chaos.books import Books, LedgerLine, Opened, Outgoing
from tests.chaos.far_end import LINKS, Arrived
from tests.chaos.sent import Kind, Sent, Speech

NOW_S = 1_800_000_000.0
PARTS = [Part("nothing", NOW_S), Part("broker killed", NOW_S + 10)]


class World:
    """A small run in which everything went well, to be spoilt by the tests."""

    def __init__(self) -> None:
        speech = Speech()
        self.heartbeat = speech.heartbeat("s001", "cam-01", NOW_S)
        self.unreadable = speech.unreadable("s001", "cam-01", NOW_S, Channel.READING)
        speech.stretch = 1
        self.event = speech.event("s001", "door-01", NOW_S + 11)
        self.press = speech.alarm("s001", "btn-01", NOW_S + 12, AlarmKind.PANIC)
        self.sent = [self.heartbeat, self.unreadable, self.event, self.press]
        for message in self.sent:
            message.acknowledged_s = message.given_s
        self.arrived = [self.telling(link, f"msg-{link}") for link in LINKS]
        self.books = Books(
            heartbeats={(self.heartbeat.device, self.heartbeat.at)},
            events={self.event.name, self.press.name},
            quarantined=Counter([self.unreadable.payload]),
            rows=3,
            incidents=[
                Opened(incident_id="i", rule="one_key_alarm", device="s001/btn-01", causes=[self.press.name]),
            ],
            outgoing=[Outgoing(incident_id="i", link=link, notice="raised", receipted=True) for link in LINKS],
            ledger=[LedgerLine(at_s=NOW_S + 11, received=5, stored=3, rejected=1, duplicate=1)],
        )

    def telling(self, link: str, webhook_id: str, incident_id: str = "i", copies: int = 1) -> Arrived:
        return Arrived(
            link=link,
            webhook_id=webhook_id,
            type="incident.raised",
            incident_id=incident_id,
            device="s001/btn-01",
            received_at=self.press.at + timedelta(seconds=0.5 if link == "police" else 2.0),
            copies=copies,
        )

    def drawn(self, *, journalled: Sequence[bytes] = (), forgotten: Collection[str] = ()) -> Account:
        return account(PARTS, self.sent, self.books, self.arrived, journalled=journalled, forgotten=forgotten)

    def row(self) -> Row:
        return self.drawn().rows[1]


def test_everything_accounted_for_is_no_fault() -> None:
    drawn = World().drawn()
    assert drawn.faults == []
    assert drawn.unsettled == 0
    calm, fault = drawn.rows
    assert (calm.sent, calm.acknowledged, calm.stored, calm.rejected) == (2, 2, 1, 1)
    assert (fault.sent, fault.stored, fault.duplicate, fault.raised, fault.delivered) == (2, 2, 1, 1, 1)
    assert [round(seconds, 3) for seconds in fault.latencies_s] == [2.0]  # the slower of the two links
    assert (drawn.total.sent, drawn.total.stored) == (4, 3)


def test_acknowledged_and_nowhere_is_lost() -> None:
    world = World()
    world.books.heartbeats.clear()
    world.books.rows = 2
    world.books.ledger[0].stored -= 1
    world.books.ledger[0].received -= 1
    drawn = world.drawn()
    assert drawn.rows[0].lost == 1
    assert drawn.faults == [f"lost: 1 ({world.heartbeat.name})"]


def test_what_lies_in_a_journal_is_not_lost() -> None:
    world = World()
    world.books.events.remove(world.event.name)
    assert world.row().lost == 1
    assert world.drawn(journalled=[b"head " + world.event.payload]).rows[1].lost == 0


def test_what_the_broker_forgot_in_its_kill_is_counted_apart() -> None:
    world = World()
    world.books.events.remove(world.event.name)
    row = world.drawn(forgotten={world.event.name}).rows[1]
    assert (row.lost, row.broker_lost) == (0, 1)


def test_not_acknowledged_is_not_lost_and_still_a_fault() -> None:
    world = World()
    world.event.acknowledged_s = None
    world.books.events.remove(world.event.name)
    drawn = world.drawn()
    assert drawn.rows[1].lost == 0
    assert any("not acknowledged" in fault for fault in drawn.faults)


def test_a_press_without_incident_is_missing() -> None:
    world = World()
    world.books.incidents.clear()
    world.arrived.clear()
    assert world.row().missing == 1


def test_an_alarm_that_one_link_never_got_is_missing() -> None:
    world = World()
    del world.arrived[0]
    row = world.row()
    assert (row.missing, row.delivered) == (1, 0)


def test_a_second_webhook_id_is_twice_and_a_copy_under_the_same_one_is_not() -> None:
    world = World()
    world.arrived[0].copies = 3
    assert world.drawn().faults == []
    assert (world.row().again, world.row().twice) == (2, 0)
    world.arrived.append(world.telling("police", "another id"))
    assert world.row().twice == 1
    assert any("twice" in fault for fault in world.drawn().faults)


def test_a_link_told_of_an_incident_that_nobody_knows_is_twice() -> None:
    world = World()
    world.arrived.append(world.telling("education", "another id", incident_id="phantom"))
    assert world.row().twice == 1
    assert any("in no table" in fault for fault in world.drawn().faults)


def test_no_receipt_in_the_outbox_is_a_fault() -> None:
    world = World()
    world.books.outgoing[1].receipted = False
    assert any("no receipt of education" in fault for fault in world.drawn().faults)
    assert world.row().delivered == 0


def test_an_incident_without_a_cause_is_false() -> None:
    world = World()
    world.books.incidents.append(Opened(incident_id="j", rule="one_key_alarm", device="s001/btn-02", causes=[]))
    world.books.incidents.append(Opened(incident_id="k", rule="heartbeat_lost", device="s001/cam-01", causes=[]))
    faults = world.drawn().faults
    assert any("false incident one_key_alarm" in fault for fault in faults)
    assert any("false incident heartbeat_lost" in fault for fault in faults)


def test_a_living_device_called_offline_is_a_fault() -> None:
    world = World()
    world.books.offline.append("s001/cam-01")
    assert world.drawn().faults == ["false offline: 1 (s001/cam-01)"]


def test_a_press_that_opens_two_incidents_is_counted_twice() -> None:
    world = World()
    world.books.incidents.append(
        Opened(incident_id="j", rule="one_key_alarm", device="s001/btn-01", causes=[world.press.name])
    )
    assert any("one press counted twice" in fault for fault in world.drawn().faults)


def test_an_uneven_ledger_is_a_fault() -> None:
    world = World()
    world.books.ledger[0].received += 1
    assert any("ledger uneven" in fault for fault in world.drawn().faults)


def test_a_ledger_that_claims_more_than_the_tables_hold_is_a_fault() -> None:
    world = World()
    world.books.rows -= 1
    assert world.drawn().faults == ["ledger and tables differ: 1 (3 stored, 2 rows)"]


def test_a_readable_message_in_quarantine_is_a_fault() -> None:
    world = World()
    world.books.quarantined[world.event.payload] += 1
    assert any("readable, and yet in quarantine" in fault for fault in world.drawn().faults)


def test_no_two_messages_of_a_device_have_the_same_time() -> None:
    speech = Speech()
    said: list[Sent] = [speech.heartbeat("s001", "cam-01", NOW_S) for _ in range(3)]
    times: list[datetime] = [message.at for message in said]
    assert len(set(times)) == 3
    assert {message.kind for message in said} == {Kind.HEARTBEAT}
