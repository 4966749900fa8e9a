"""How long cameras were available: by day, by group, with maintenance apart, from intervals and from days added up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.camera import Truth, TruthChange, TruthState
from storage.availability import Availability, availability
from storage.camera_days import by_day, days_within, fold_days, summed
from storage.camera_truths import record_truths
from storage.pool import Connection
from tests.integration.patrol.school import build

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: Midnight of a Monday in the district.
MONDAY = datetime(2026, 3, 1, 16, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def say(conn: Connection, device_id: str, at: datetime, state: TruthState, reason: str = "") -> None:
    cursor = await conn.execute("SELECT device_no FROM device WHERE device_id = %s", (device_id,))
    row = await cursor.fetchone()
    assert row is not None
    async with conn.transaction():
        change = TruthChange(device_no=row[0], truth=Truth.GOOD, state=state, since=at, checked_at=at, reason=reason)
        await record_truths(conn, [change])


async def troubled_week(conn: Connection) -> None:
    """Two cameras, known since Monday. The first is covered on Tuesday from 22 to 4 o'clock, the second is unknown on
    Thursday from 10 to 12 and not good from Friday noon on. Tuesday from 23 to 2 o'clock is planned.
    """
    await build(conn, cameras=2)
    yes, no, unknown = TruthState.YES, TruthState.NO, TruthState.UNKNOWN
    for at, camera, state in (
        (MONDAY, "cam-01", yes),
        (MONDAY, "cam-02", yes),
        (MONDAY + DAY + 22 * HOUR, "cam-01", no),
        (MONDAY + DAY + 28 * HOUR, "cam-01", yes),
        (MONDAY + 3 * DAY + 10 * HOUR, "cam-02", unknown),
        (MONDAY + 3 * DAY + 12 * HOUR, "cam-02", yes),
        (MONDAY + 4 * DAY + 12 * HOUR, "cam-02", no),
        (MONDAY + 4 * DAY + 13 * HOUR, "cam-02", no),
    ):
        await say(conn, camera, at, state)
    await conn.execute(
        "INSERT INTO maintenance_window (site_no, starts_at, ends_at, reason, author, made_at)"
        " SELECT site_no, u.s, u.e, 'new cables', 'test', u.s FROM site,"
        " unnest(%s::timestamptz[], %s::timestamptz[]) AS u (s, e)",
        # Two that overlap count once.
        (
            [MONDAY + DAY + 23 * HOUR, MONDAY + DAY + 24 * HOUR],
            [MONDAY + DAY + 25 * HOUR, MONDAY + DAY + 26 * HOUR],
        ),
    )


def hours(one: Availability) -> tuple[float, float, float, float]:
    return one.yes_s / 3600, one.no_s / 3600, one.unknown_s / 3600, one.planned_s / 3600


WEEK = [MONDAY + number * DAY for number in range(8)]
BY_DAY = [
    (48.0, 0.0, 0.0, 0.0),
    (45.0, 1.0, 0.0, 2.0),  # two hours of two cameras are planned, one of them at fault meanwhile
    (42.0, 2.0, 0.0, 4.0),
    (46.0, 0.0, 2.0, 0.0),
    (36.0, 12.0, 0.0, 0.0),
    (24.0, 24.0, 0.0, 0.0),
    (24.0, 24.0, 0.0, 0.0),
]


async def test_by_day_with_maintenance_apart(conn: Connection) -> None:
    await troubled_week(conn)
    found = await availability(conn, WEEK, truths=[Truth.GOOD])
    assert [hours(one) for one in found] == BY_DAY
    assert found[4].rate == 0.75
    assert found[3].known == 46 / 48


async def test_by_camera_site_and_township_over_any_period(conn: Connection) -> None:
    await troubled_week(conn)
    since, until = MONDAY + DAY + 21 * HOUR, MONDAY + DAY + 27 * HOUR + 30 * timedelta(minutes=1)
    cameras = await availability(conn, [since, until], by="camera", truths=[Truth.GOOD])
    assert {one.group: hours(one) for one in cameras} == {
        "s001/cam-01": (1.0, 2.5, 0.0, 3.0),
        "s001/cam-02": (3.5, 0.0, 0.0, 3.0),
    }
    for by, group in (("site", "s001"), ("township", "前黄镇"), ("district", "")):
        (one,) = await availability(conn, [since, until], by=by, truths=[Truth.GOOD])  # type: ignore[arg-type]
        assert (one.group, hours(one)) == (group, (4.5, 2.5, 0.0, 6.0))
    assert await availability(conn, [since, until], site_id="s999") == []


async def test_days_that_were_added_up_say_the_same_and_follow_a_changed_window(conn: Connection) -> None:
    await troubled_week(conn)
    now = MONDAY + 6 * DAY + 9 * HOUR
    assert await fold_days(conn, now, SHANGHAI) == 6
    assert await fold_days(conn, now, SHANGHAI) == 0

    found = await by_day(conn, WEEK[0], WEEK[7], SHANGHAI, truths=[Truth.GOOD])
    assert [hours(one) for one in found] == BY_DAY
    (whole,) = summed(found)
    assert hours(whole) == tuple(sum(column) for column in zip(*BY_DAY, strict=True))

    part = await by_day(conn, WEEK[1] + 23 * HOUR, WEEK[3] + HOUR, SHANGHAI, by="site", truths=[Truth.GOOD])
    assert [hours(one) for one in part] == [(0.0, 0.0, 0.0, 2.0), BY_DAY[2], (2.0, 0.0, 0.0, 0.0)]

    await conn.execute(
        "INSERT INTO maintenance_window (site_no, starts_at, ends_at, reason, author, made_at)"
        " SELECT site_no, %s, %s, 'painters', 'test', %s FROM site",
        (WEEK[5], WEEK[6], now + HOUR),
    )
    assert await fold_days(conn, now + 2 * HOUR, SHANGHAI) == 1
    again = await by_day(conn, WEEK[0], WEEK[7], SHANGHAI, truths=[Truth.GOOD])
    assert [hours(one) for one in again] == [*BY_DAY[:5], (0.0, 0.0, 0.0, 48.0), BY_DAY[6]]


async def test_a_camera_out_of_service_counts_until_then(conn: Connection) -> None:
    await troubled_week(conn)
    await conn.execute("UPDATE device SET retired_at = %s WHERE device_id = 'cam-02'", (WEEK[4],))
    found = await availability(conn, WEEK, truths=[Truth.GOOD])
    assert [hours(one) for one in found][4:] == [(24.0, 0.0, 0.0, 0.0)] * 3


def test_days_of_a_period_are_those_that_lie_whole_within_it() -> None:
    days = days_within(MONDAY + HOUR, MONDAY + 3 * DAY, SHANGHAI)
    assert [day.isoformat() for day in days] == ["2026-03-03", "2026-03-04"]
    berlin = ZoneInfo("Europe/Berlin")
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert len(days_within(spring, spring + timedelta(hours=23), berlin)) == 1
