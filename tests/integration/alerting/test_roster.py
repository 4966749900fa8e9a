"""What is read of the roster for a moment: what runs then, what was swapped with it, and not the years beside it."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from domain.duty import DutyRole
from storage.duty import load_roster, put_person, put_shift, put_swap
from storage.pool import Connection
from tests.unit.alerting.findings import NOW

HOUR = timedelta(hours=1)
ZONE = ZoneInfo("Asia/Shanghai")


async def _shift(conn: Connection, name: str, *, days: int) -> int:
    person = await put_person(conn, f"id-{name}", name)
    begins = NOW + timedelta(days=days) - HOUR
    return await put_shift(
        conn, person, site_id="", role=DutyRole.LEADER, starts_at=begins, ends_at=begins + timedelta(hours=8)
    )


async def _on_duty(conn: Connection) -> list[str]:
    roster = await load_roster(conn, NOW, NOW, zone=ZONE, site_ids=[])
    return [one.person.name for one in roster.who(NOW, "", DutyRole.LEADER)]


async def test_shifts_that_changed_hands_twice_are_those_of_the_third(conn: Connection) -> None:
    today = await _shift(conn, "王", days=0)
    tomorrow = await _shift(conn, "李", days=1)
    next_week = await _shift(conn, "张", days=7)
    assert await _on_duty(conn) == ["王"]
    await put_swap(conn, tomorrow, next_week, at=NOW, by="科长")
    assert await _on_duty(conn) == ["王"]
    await put_swap(conn, today, tomorrow, at=NOW, by="科长")
    assert await _on_duty(conn) == ["张"]


async def test_what_was_swapped_at_other_times_is_not_read(conn: Connection) -> None:
    today = await _shift(conn, "王", days=0)
    tomorrow = await _shift(conn, "李", days=1)
    for number in range(20):
        one = await _shift(conn, f"a{number}", days=-60 + number)
        other = await _shift(conn, f"b{number}", days=-30 + number)
        await put_swap(conn, one, other, at=NOW, by="科长")
    await put_swap(conn, today, tomorrow, at=NOW, by="科长")
    roster = await load_roster(conn, NOW, NOW, zone=ZONE, site_ids=[])
    assert [shift.shift_no for shift in roster.shifts] == [today, tomorrow]
    assert len(roster.swaps) == 1
    assert await _on_duty(conn) == ["李"]
