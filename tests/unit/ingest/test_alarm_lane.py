from __future__ import annotations

import msgspec

from domain.finding import Finding, FindingKind
from ingest.alarm_batch import told_once
from tests.unit.alerting.findings import finding


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
