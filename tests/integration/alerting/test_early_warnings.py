"""Early warnings: for whom, read and not read, reminded until it is enough."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerting.early_warnings import Wanted, WarningCourier, WarningDesk
from domain.early_warning import MOST_REMINDERS, Audience, WarningLevel
from domain.errors import UnknownWarning, WarningRefused
from domain.site import Site, SiteKind
from storage.early_warnings import early_warnings, receipts, tallies
from storage.pool import Connection, Pool
from storage.sites import upsert_sites
from tests.integration.alerting.ledgers import deliveries, rows
from tests.unit.alerting.findings import NOW, SetClock

SITES = (
    Site(site_id="s001", name="前黄实验学校", township="前黄镇", kind=SiteKind.PRIMARY),
    Site(site_id="s002", name="星湖幼儿园", township="星湖街道", kind=SiteKind.KINDERGARTEN),
    Site(site_id="s003", name="前黄幼儿园", township="前黄镇", kind=SiteKind.KINDERGARTEN),
)


@pytest.fixture(autouse=True)
async def sites(conn: Connection) -> None:
    await upsert_sites(conn, SITES, actor="test", at=NOW)
    for number, site in enumerate(SITES[:2]):
        found = await rows(conn, "SELECT site_no FROM site WHERE site_id = %s", site.site_id)
        await rows(
            conn,
            "INSERT INTO duty_shift (leader, site_no, contacts, starts_at, ends_at) VALUES (%s, %s, %s, %s, %s)"
            " RETURNING shift_no",
            f"校领导{number}",
            found[0]["site_no"],
            ["json://127.0.0.1:1/phone"],
            NOW - timedelta(days=1),
            NOW + timedelta(days=2),
        )


def wanted(**audience: tuple[str, ...]) -> Wanted:
    return Wanted(
        kind="rainstorm",
        level=WarningLevel.RED,
        title_zh="暴雨",
        text_zh="请停止户外活动。",
        audience=Audience(**audience),
        valid_from=NOW,
        valid_until=NOW + timedelta(hours=6),
    )


async def _issue(conn: Connection, one: Wanted) -> UUID:
    return await WarningDesk().issue(conn, one, actor="甲", now=NOW)


async def _round(pool: Pool, clock: SetClock) -> None:
    """A new life each time."""
    zone = ZoneInfo("Asia/Shanghai")
    await WarningCourier(pool=pool, clock=clock, zone=zone, wake=asyncio.Event(), poll_s=2.0).round()


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        ({}, ["s001", "s002", "s003"]),
        ({"townships": ("前黄镇",)}, ["s001", "s003"]),
        ({"kinds": ("kindergarten",)}, ["s002", "s003"]),
        ({"sites": ("s002",)}, ["s002"]),
        ({"sites": ("s001",), "kinds": ("kindergarten",)}, ["s001", "s002", "s003"]),
    ],
)
async def test_a_warning_is_for_the_sites_of_its_audience(
    conn: Connection, audience: dict[str, tuple[str, ...]], told: list[str]
) -> None:
    warning_id = await _issue(conn, wanted(**audience))
    assert sorted(one.site_id for one in await receipts(conn, warning_id)) == told


async def test_who_has_read_it_is_reminded_no_more_and_the_rest_until_it_is_enough(
    conn: Connection, pool: Pool, clock: SetClock
) -> None:
    warning_id = await _issue(conn, wanted())
    await _round(pool, clock)
    assert {one["recipient"] for one in await deliveries(conn)} == {"校领导0", "校领导1"}
    clock.advance(minutes=5)
    assert await WarningDesk().read(conn, warning_id, "s001", actor="李老师", now=clock.now())
    assert not await WarningDesk().read(conn, warning_id, "s001", actor="别人", now=clock.now())
    for _ in range(40):
        clock.advance(minutes=5)
        await _round(pool, clock)
    told = [one["recipient"] for one in await deliveries(conn)]
    assert told.count("校领导0") == 1
    assert told.count("校领导1") == 1 + MOST_REMINDERS
    by_site = {one.site_id: one for one in await receipts(conn, warning_id)}
    assert (by_site["s001"].read_by, by_site["s001"].read_at) == ("李老师", NOW + timedelta(minutes=5))
    assert by_site["s003"].reachable is False, "nobody is on duty there, and that is said"
    tally = (await tallies(conn, [warning_id]))[warning_id]
    assert (tally.sites, tally.read, tally.unread, tally.unreachable, tally.median_s) == (3, 1, 2, 1, 300.0)


async def test_whoever_comes_on_duty_later_is_told_then(conn: Connection, pool: Pool, clock: SetClock) -> None:
    await _issue(conn, wanted(sites=("s003",)))
    await _round(pool, clock)
    assert await deliveries(conn) == []
    site_no = (await rows(conn, "SELECT site_no FROM site WHERE site_id = 's003'"))[0]["site_no"]
    await rows(
        conn,
        "INSERT INTO duty_shift (leader, site_no, contacts, starts_at, ends_at) VALUES ('园长', %s, %s, %s, %s)"
        " RETURNING shift_no",
        site_no,
        ["json://127.0.0.1:1/phone"],
        NOW,
        NOW + timedelta(days=1),
    )
    clock.advance(minutes=10)
    await _round(pool, clock)
    (told,) = await deliveries(conn)
    assert "【红色预警】暴雨" in told["body"]["title"]
    assert "请尽快" not in told["body"]["title"], "it is the first that they hear of it"


@pytest.mark.parametrize("end", ["cancelled", "over"])
async def test_nobody_is_reminded_of_what_is_over(conn: Connection, pool: Pool, clock: SetClock, end: str) -> None:
    warning_id = await _issue(conn, wanted())
    await _round(pool, clock)
    before = len(await deliveries(conn))
    if end == "cancelled":
        await WarningDesk().cancel(conn, warning_id, actor="甲", reason="雨停", now=NOW)
        with pytest.raises(WarningRefused):
            await WarningDesk().cancel(conn, warning_id, actor="甲", reason="雨停", now=NOW)
        clock.advance(minutes=11)
    else:
        clock.advance(hours=7)
    await _round(pool, clock)
    assert len(await deliveries(conn)) == before
    assert await early_warnings(conn, at=clock.now()) == []


async def test_what_cannot_be_issued_or_read_is_refused(conn: Connection) -> None:
    with pytest.raises(WarningRefused):
        await _issue(conn, wanted(townships=("没有的镇",)))
    over = wanted()
    with pytest.raises(WarningRefused):
        await WarningDesk().issue(conn, over, actor="甲", now=NOW + timedelta(days=1))
    warning_id = await _issue(conn, wanted(sites=("s001",)))
    with pytest.raises(UnknownWarning):
        await WarningDesk().read(conn, warning_id, "s002", actor="甲", now=NOW)
    assert len(await early_warnings(conn)) == 1
