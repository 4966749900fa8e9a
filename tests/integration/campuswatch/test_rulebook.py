"""What rules go by comes from the registry: kinds of sites, their own bells, the district's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from campuswatch.rulebook import Rulebook, read_alarm_rules
from detectors.rules.reported_alarm import ReportedAlarm
from domain.bells import BELLS, SiteBells
from domain.school_calendar import CalendarSpan, CalendarYear, DayKind, SpanKind
from domain.site import SiteKind
from storage.pool import Connection
from storage.rules import put_rule
from storage.school_calendar import BELLS as BELLS_TABLE
from storage.school_calendar import YEARS
from storage.versions import put
from tests.integration.campuswatch.school import register
from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import kept_database as kept_database

NOW = datetime(2026, 3, 10, 16, 30, tzinfo=UTC)  # half past midnight of the 11th in China
SHANGHAI = ZoneInfo("Asia/Shanghai")


def early(from_day: date) -> SiteBells:
    return SiteBells(
        site_id="s001", from_day=from_day, arrival=400, lessons=440, noon=700, afternoon=800, leaving=960,
        leaving_to=990, staff_leave=1080,
    )  # fmt: skip


async def test_bells_and_calendar_of_the_district_are_what_rules_go_by(conn: Connection) -> None:
    await register(conn)
    cursor = await conn.execute("SELECT site_no, kind FROM site WHERE site_id = 's001'")
    row = await cursor.fetchone()
    assert row is not None
    number, kind = row
    book = Rulebook(SHANGHAI)
    usual = await book.grounds(conn, NOW)
    assert usual.bells_of(number) == BELLS[SiteKind(kind)]
    assert usual.calendar.day_kind(date(2026, 3, 11)) is DayKind.SCHOOL

    await put(conn, BELLS_TABLE, [early(date(2026, 3, 11))], actor="office", at=NOW)
    year = CalendarYear(
        year=2026,
        spans=(CalendarSpan(kind=SpanKind.HOLIDAY, first=date(2026, 3, 11), last=date(2026, 3, 12)),),
    )
    await put(conn, YEARS, [year], actor="office", at=NOW)
    grounds = await book.grounds(conn, NOW)
    assert grounds.bells_of(number).lessons == 440  # by the district's date, which is a day ahead of UTC's
    assert grounds.calendar.day_kind(date(2026, 3, 11)) is DayKind.HOLIDAY


async def test_the_alarm_lane_reads_no_places_for_rules_of_other_lanes(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(conn)
    document = {
        "rule": "hall_tamper",
        "title": {"zh": "x", "en": "x"},
        "category": "device",
        "severity": "minor",
        "watch": {"places": ["hall*"]},
        "when": {"event": "tamper"},
    }
    await put_rule(conn, "hall_tamper", document, expected=0, author="office", reason="", at=NOW)
    asked: list[Connection] = []

    async def spots(conn: Connection) -> list[tuple[int, str, str]]:
        asked.append(conn)
        return []

    monkeypatch.setattr("campuswatch.rulebook.load_spots", spots)
    book = Rulebook(SHANGHAI)
    await read_alarm_rules(conn, book, ReportedAlarm(), NOW)
    assert "hall_tamper" in book.documents
    assert not asked
    await book.grounds(conn, NOW)
    assert asked
