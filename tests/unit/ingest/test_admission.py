from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

from domain.finding import Finding, FindingKind
from ingest.admission import EVIDENCE_EVERY, MOST_REPEATS, Admission, Place, Stay
from mqtt.packets import Inbound
from tests.unit.alerting.findings import finding

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
MIB = 1024 * 1024


def _message(size: int = 100, *, after_s: float = 0.0) -> Inbound:
    return Inbound(b"t", bytes(size), NOW + timedelta(seconds=after_s), 1, 1, False)


def _finding(key: str, kind: FindingKind = FindingKind.RAISED) -> Finding:
    return msgspec.structs.replace(finding(), finding_id=uuid5(NAMESPACE_OID, key), key=key, kind=kind)


class Desk:
    """A journal's admission, and what is open."""

    def __init__(self, most_bytes: int = 64 * MIB) -> None:
        self.open: set[str] = set()
        self.known: set[UUID] = set()  # findings that were committed
        self.admission = Admission(
            most_bytes, is_open=self.open.__contains__, is_known=lambda finding: finding.finding_id in self.known
        )
        self.stays: list[Stay] = []
        self.keys: list[str] = []  # of what waits for the database
        self.evidence: list[float] = []

    def press(
        self, device: int, *, size: int = 100, kind: FindingKind = FindingKind.RAISED, after_s: float = 0.0
    ) -> Place:
        said = _finding(f"alarm/{device}", kind)
        place = self.admission.place(_message(size, after_s=after_s), {device: 1}, [said], self.stays)
        if place is not Place.COUNTED:
            self.keys += self.admission.wait([said])
        if place is Place.LIMITED and self.admission.evidence(device, _message(after_s=after_s).received_at):
            self.evidence.append(after_s)
        return place

    def full_of_repeats(self, device: int) -> None:
        """The device loops until the half of the journal that repeats may have holds no more."""
        while self.press(device) is not Place.COUNTED:
            pass

    def commit(self) -> None:
        self.admission.in_hand(self.keys)
        self.keys.clear()

    def junk(self, sender: int, size: int = 1000) -> Place:
        return self.admission.place_unreadable(_message(size), sender, self.stays)

    def kept(self) -> int:
        return sum(stay.size for stay in self.stays)


def test_junk_of_one_sender_takes_a_small_part_and_the_next_sender_still_finds_room() -> None:
    desk = Desk()
    places = [desk.junk(1) for _ in range(3000)]
    assert places[0] is Place.KEPT
    assert places[-1] is Place.COUNTED
    assert desk.kept() <= MIB
    assert desk.junk(2) is Place.KEPT


def test_junk_of_all_senders_leaves_three_quarters_and_the_first_of_each_finds_more_room_than_a_flood() -> None:
    desk = Desk()
    for sender in range(100):
        for _ in range(2000):
            desk.junk(sender)
    flood = desk.kept()
    assert flood <= 9 * MIB
    assert [desk.junk(sender) for sender in range(100, 1000)] == [Place.KEPT] * 900
    for sender in range(1000, 40_000):
        desk.junk(sender)
    assert flood < desk.kept() <= 16 * MIB
    assert desk.press(7) is Place.KEPT


def test_room_is_given_back() -> None:
    desk = Desk()
    while desk.junk(1) is Place.KEPT:
        pass
    desk.admission.leave(desk.stays)
    assert desk.junk(1) is Place.KEPT


def test_of_a_device_that_loops_so_many_are_stored_and_the_rest_is_only_heard() -> None:
    desk = Desk()
    places = [desk.press(1) for _ in range(3 * MOST_REPEATS)]
    assert places[:MOST_REPEATS] == [Place.KEPT] * MOST_REPEATS
    assert set(places[MOST_REPEATS:]) == {Place.LIMITED}
    assert desk.press(2) is Place.KEPT


def test_where_repeats_have_filled_their_half_they_are_counted_as_long_as_one_waits() -> None:
    desk = Desk(MIB)
    desk.full_of_repeats(1)
    assert desk.kept() <= MIB / 2
    assert desk.press(1) is Place.COUNTED
    assert desk.press(2) is Place.KEPT


def test_a_call_of_a_looping_device_is_never_counted_where_none_like_it_waits() -> None:
    """The one before may be committed, and a person may have reset it since."""
    desk = Desk(MIB)
    desk.open.add("alarm/1")
    desk.full_of_repeats(1)
    desk.commit()
    assert [desk.press(1, after_s=1), desk.press(1, after_s=1)] == [Place.LIMITED, Place.COUNTED]


def test_a_new_press_does_not_hide_behind_an_old_one_that_is_repeated_for_ever() -> None:
    """A gateway's old press waits, and is known: it will open nothing, so whoever presses now must not lean on it."""
    desk = Desk(MIB)
    desk.open.add("alarm/1")
    desk.full_of_repeats(1)
    desk.commit()
    desk.known.add(_finding("alarm/1").finding_id)
    assert {desk.press(1) for _ in range(100)} == {Place.COUNTED}, "the very same one again"
    assert desk.keys == []
    desk.known.clear()
    assert desk.press(1) is Place.LIMITED
    desk.commit()
    desk.open.clear()
    desk.known.add(_finding("alarm/1").finding_id)
    desk.press(1)
    desk.known.clear()
    assert desk.press(1) is Place.KEPT, "after the reset it is a call"


def test_a_call_after_the_reset_is_kept_however_much_the_device_has_said() -> None:
    desk = Desk(MIB)
    desk.open.add("alarm/1")
    desk.full_of_repeats(1)
    desk.commit()
    desk.open.clear()
    assert desk.press(1) is Place.KEPT


def test_a_fire_that_comes_back_is_not_counted_away_behind_its_end() -> None:
    desk = Desk(MIB)
    desk.open.add("alarm/1")
    desk.full_of_repeats(1)
    desk.commit()
    end = desk.press(1, kind=FindingKind.CLEARED, after_s=1)
    assert end is Place.LIMITED
    assert [desk.press(1, after_s=1), desk.press(1, after_s=1)] == [Place.LIMITED, Place.COUNTED]
    assert desk.press(1, kind=FindingKind.CLEARED, after_s=1) is Place.COUNTED


def test_repeats_of_all_devices_leave_room_for_whoever_calls_for_the_first_time() -> None:
    desk = Desk(MIB)
    for device in range(100):
        for _ in range(100):
            desk.press(device, size=500)
    while desk.junk(1000 + len(desk.stays)) is Place.KEPT:
        pass
    assert desk.kept() <= 3 / 4 * MIB
    assert [desk.press(device) for device in range(100, 1000)] == [Place.KEPT] * 900


def test_the_hour_begins_anew() -> None:
    desk = Desk()
    for _ in range(2 * MOST_REPEATS):
        desk.press(1)
    assert desk.press(1, after_s=3600) is Place.KEPT


def test_a_device_that_loops_for_long_leaves_evidence_once_a_minute() -> None:
    desk = Desk()
    for _ in range(MOST_REPEATS):
        desk.press(1)
    minute = EVIDENCE_EVERY.total_seconds()
    for n in range(300):
        desk.press(1, after_s=n)
    assert desk.evidence == [int(minute) * n for n in range(5)]


def test_what_an_earlier_process_kept_is_charged_to_its_sender() -> None:
    desk = Desk()
    for _ in range(2000):
        desk.admission.take_up(_message(1000), {}, 1, desk.stays)
    assert desk.junk(1) is Place.COUNTED
    desk.admission.leave(desk.stays)
    assert desk.junk(1) is Place.KEPT


def test_a_message_counts_as_many_alarms_as_it_holds() -> None:
    desk = Desk()
    desk.open.add("alarm/1")
    said = [_finding("alarm/1")]
    places = [desk.admission.place(_message(), {1: MOST_REPEATS // 2}, said, desk.stays) for _ in range(3)]
    assert places == [Place.KEPT, Place.KEPT, Place.LIMITED]
    assert desk.admission.over([1, 2]) == {1}
