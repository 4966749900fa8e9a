from __future__ import annotations

from collections import Counter
from uuid import uuid4

import msgspec

from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.observation import Alarm, AlarmKind
from domain.quarantine import Reason, Rejected
from ingest.alarm_batch import Batch, Part, told_once
from ingest.books import hour_of
from ingest.parcel import Parcel
from mqtt.packets import Inbound
from tests.unit.alerting.findings import NOW, finding


def _raised(key: str, **change: object) -> Finding:
    return msgspec.structs.replace(finding(), key=key, **change)


def _said(findings: list[Finding]) -> list[tuple[str, str, object]]:
    return [(f.key, f.kind.value, f.detail.get("times")) for f in told_once(findings)]


def test_a_hundred_presses_of_one_button_are_raised_and_raised_again_with_a_count() -> None:
    assert _said([_raised("a")] * 100) == [("a", "raised", None), ("a", "raised", 99)]


def test_each_press_of_an_impatient_finger_is_one() -> None:
    assert _said([_raised("a")] * 10) == [("a", "raised", None)] * 10


def test_two_presses_are_two() -> None:
    assert _said([_raised("a"), _raised("b"), _raised("a")]) == [
        ("a", "raised", None),
        ("a", "raised", None),
        ("b", "raised", None),
    ]


def test_what_came_in_between_stands_in_between() -> None:
    cleared = _raised("a", kind=FindingKind.CLEARED)
    said = [_raised("a"), cleared, _raised("a"), cleared, *[_raised("a")] * 30]
    assert [kind for _, kind, _ in _said(said)] == ["raised", "cleared", "raised", "cleared", "raised", "raised"]


def test_a_real_press_is_no_repeated_drill() -> None:
    drill = _raised("a", drill=True)
    assert [(f.drill, f.detail.get("times")) for f in told_once([drill] * 15 + [_raised("a")])] == [
        (True, None),
        (True, 14),
        (False, None),
    ]


def _part(findings: int, *, keys: int = 1000) -> Part:
    """A gateway's message of so many alarms of ``keys`` devices."""
    device = RegisteredDevice(device_no=7, site_no=3, site_id="s001", device_id="btn-00", kind=DeviceKind.ONE_KEY_ALARM)
    message = Inbound(b"campus/v1/s001/gw-01/alarm", b"{}", NOW, 1, 1, False)
    part = Part(Parcel(messages=[message]), b"s001", message)
    for number in range(findings):
        alarm = Alarm(device, NOW, NOW, uuid4(), AlarmKind.PANIC)
        found = _raised(f"alarm/{number % keys}", finding_id=uuid4())
        part.parcel.reports.append(alarm)
        part.parcel.findings.append(found)
        part.causes[found.finding_id] = alarm.uid
        part.keys.append(found.key)
    part.parcel.door = {hour_of(NOW): Counter({3: findings})}
    part.belongs_to(Batch([message]))
    return part


def _pieces(part: Part, most: int) -> list[Part]:
    pieces: list[Part] = []
    while not pieces or pieces[-1] is not part:
        pieces.append(part.cut(most))
    return pieces


def test_a_message_of_many_alarms_is_cut_into_pieces_that_each_hold_what_was_said_and_what_follows() -> None:
    part = _part(25)
    findings, reports = list(part.parcel.findings), list(part.parcel.reports)
    pieces = _pieces(part, 10)
    assert [len(piece.parcel.findings) for piece in pieces] == [10, 10, 5]
    assert [f for piece in pieces for f in piece.parcel.findings] == findings
    assert [r for piece in pieces for r in piece.parcel.reports] == reports
    for piece in pieces:
        uids = [piece.causes[finding.finding_id] for finding in piece.parcel.findings]
        assert uids == [report.uid for report in piece.parcel.reports]
        assert piece.parcel.door == {hour_of(NOW): Counter({3: len(uids)})}
    assert [len(piece.parcel.messages) for piece in pieces] == [0, 0, 1], "counted once"
    assert [len(piece.batches) for piece in pieces] == [0, 0, 1], "struck after the last one"
    assert all(piece.message is part.message for piece in pieces), "each can be put aside"


def test_a_key_waits_until_its_last_piece_is_in_hand() -> None:
    assert [len(piece.keys) for piece in _pieces(_part(25, keys=5), 10)] == [0, 0, 25]
    assert [len(piece.keys) for piece in _pieces(_part(25), 10)] == [10, 10, 5]


def test_what_was_put_aside_beside_alarms_goes_with_the_first_piece_and_each_piece_balances() -> None:
    part = _part(3)
    aside = Rejected(
        received_at=NOW,
        topic="campus/v1/s001/gw-01/alarm",
        site_id="s001",
        device_id="",
        channel="alarm",
        reason=Reason.BAD_FIELD,
        detail="device: missing",
        payload=b"{}",
        size=2,
    )
    part.parcel.rejected = [aside, aside]
    part.parcel.rejected_sites = [3, 3]
    part.parcel.door[hour_of(NOW)][3] += 2
    pieces = _pieces(part, 2)
    assert [len(piece.parcel.rejected) for piece in pieces] == [2, 0]
    assert [piece.parcel.door[hour_of(NOW)][3] for piece in pieces] == [4, 1]


def test_two_findings_of_one_alarm_stay_together() -> None:
    part = _part(3)
    first, second, third = part.parcel.findings
    part.causes[second.finding_id] = part.causes[first.finding_id]
    assert [piece.parcel.findings for piece in _pieces(part, 1)] == [[first, second], [third]]
