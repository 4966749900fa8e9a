"""Verification, windows, attachments, merging: what is allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.attachment import MOST_BYTES, media_type_of, safe_name
from domain.device import DeviceKind
from domain.errors import AttachmentRefused, IllegalTransition, VerificationRefused, WindowRefused
from domain.incident import OPEN_STATES, TRANSITIONS, IncidentAction, IncidentState, next_state
from domain.maintenance import NEVER_HELD, Scope, check_shelf, check_window, may_be_held
from domain.verification import REASONS, VERIFICATION_WORDS, Verification, check_reason
from tests.unit.alerting.findings import finding

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_every_verification_has_words_and_reasons_in_both_languages() -> None:
    assert set(VERIFICATION_WORDS) == set(Verification)
    for verification in Verification:
        assert [code for code, one in REASONS.items() if verification in one.of and code != "other"]
    assert all(one.zh and one.en and one.of for one in REASONS.values())


def test_other_needs_a_note() -> None:
    check_reason(Verification.FALSE, "other", "鸟")
    with pytest.raises(VerificationRefused, match="note"):
        check_reason(Verification.FALSE, "other", "")


def test_beside_its_state_nothing_moves_an_incident() -> None:
    beside = set(IncidentAction) - {
        *(IncidentAction.RAISE, IncidentAction.CALL_AGAIN, IncidentAction.RETURN),
        *(IncidentAction.ACKNOWLEDGE, IncidentAction.RESET, IncidentAction.CLOSE),
    }
    known = {action for _, action in TRANSITIONS}
    assert all(
        after is state for (state, action), after in TRANSITIONS.items() if action in beside & known - {_expire()}
    )


def _expire() -> object:
    return getattr(IncidentAction, "EXPIRE", None)


@pytest.mark.parametrize("state", OPEN_STATES)
def test_life_safety_is_shelved_in_no_state(state: IncidentState) -> None:
    assert next_state(state, IncidentAction.SHELVE, life_safety=False) is state
    with pytest.raises(IllegalTransition, match="never shelved"):
        next_state(state, IncidentAction.SHELVE, life_safety=True)


def test_windows_never_hold_life_safety_nor_what_might_be() -> None:
    assert not may_be_held(finding("one_key_alarm"))
    assert not may_be_held(finding("doubtful_alarm"))
    assert may_be_held(finding("tamper"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scope": Scope()}, "needs a site"),
        ({"scope": Scope(device_id="x")}, "with its site"),
        ({"scope": Scope(site_id="s001", rule="smoke_alarm")}, "life safety"),
        ({"reason": " "}, "reason"),
        ({"author": ""}, "author"),
        ({"ends_at": NOW}, "ends after"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "over already"),
        ({"ends_at": NOW + timedelta(days=32)}, "31 days"),
    ],
)
def test_a_window_has_a_scope_an_end_a_reason_and_an_author(change: dict[str, object], why: str) -> None:
    right: dict[str, object] = {
        "scope": Scope(device_kind=DeviceKind.ONE_KEY_ALARM),
        "starts_at": NOW,
        "ends_at": NOW + HOUR,
        "reason": "x",
        "author": "y",
        "now": NOW,
    }
    check_window(**right)  # type: ignore[arg-type]
    with pytest.raises(WindowRefused, match=why):
        check_window(**(right | change))  # type: ignore[arg-type]


def test_a_shelf_ends_within_a_day() -> None:
    check_shelf(life_safety=False, until=NOW + 24 * HOUR, reason="x", now=NOW)
    with pytest.raises(WindowRefused, match="24 hours"):
        check_shelf(life_safety=False, until=NOW + 25 * HOUR, reason="x", now=NOW)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPrest", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        ("<html>情况说明</html>\r\n".encode(), "text/plain; charset=utf-8"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, media_type: str) -> None:
    assert media_type_of(content) == media_type


@pytest.mark.parametrize("content", [b"", b"MZ\x90\x00", b"PK\x03\x04\x00", b"\x1b[2J", "情况".encode("gb18030")])
def test_what_is_no_picture_video_document_or_text_is_refused(content: bytes) -> None:
    with pytest.raises(AttachmentRefused):
        media_type_of(content)


def test_a_file_that_is_too_large_is_refused() -> None:
    media_type_of(b"\xff\xd8\xff".ljust(MOST_BYTES, b"x"))
    with pytest.raises(AttachmentRefused, match="5 MiB"):
        media_type_of(b"\xff\xd8\xff".ljust(MOST_BYTES + 1, b"x"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\现场\\照片 1.jpg", "照片 1.jpg"),
        ('a"b\r\nc.png', "a_b_c.png"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("..", "attachment"),
        ("x" * 200 + ".png", "x" * 116 + ".png"),
    ],
)
def test_names_hold_nothing_that_anybody_could_take_for_something_else(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_rules_that_are_never_held_are_named_in_the_migration_too() -> None:
    from storage.migrations import shipped

    (text,) = [sql for name, sql in shipped() if name.startswith("0033")]
    assert all(f"'{rule}'" in text for rule in NEVER_HELD)
