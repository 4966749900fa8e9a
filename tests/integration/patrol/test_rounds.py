"""A round from beginning to end: what a person says of a picture, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from dashboards.patrol.paper import paper
from dashboards.patrol.report import of_period, of_round
from dashboards.patrol.workbook import workbook
from domain.errors import RoundRefused
from domain.patrol_round import ItemVerdict, RoundKind
from storage.cameras import waiting_lessons
from storage.patrol_rounds import (
    end_round,
    follow_hazards,
    get_round,
    hazards,
    items_of,
    judge,
    start_round,
    strike_off,
)
from storage.pool import Connection
from tests.integration.patrol.school import NOON, school

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def _told(conn: Connection) -> list[tuple[str, str, str]]:
    cursor = await conn.execute(
        "SELECT kind, severity, device_id FROM finding WHERE rule = 'camera_hazard' ORDER BY finding_no"
    )
    return await cursor.fetchall()


async def test_a_confirmed_fault_is_a_hazard_until_the_picture_is_good_and_a_person_strikes_it_off(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path, cameras=2) as place:
        place.behave("cam-01", "black")
        await place.look("cam-01", times=3)
        await place.look("cam-02", times=6)
        now = place.clock.at
        number = await start_round(conn, RoundKind.DOUBTFUL, size=10, actor="李敏", at=now)
        (item,) = await items_of(conn, number)
        assert (item.device_id, item.fault, item.evidence_id is not None) == ("cam-01", "black", True)
        assert item.score is not None

        judged = await judge(conn, number, 1, ItemVerdict.CONFIRMED, actor="李敏", at=now)
        assert judged.hazard_no is not None
        assert await _told(conn) == [("raised", "minor", "cam-01")]
        with pytest.raises(RoundRefused, match="already"):
            await judge(conn, number, 1, ItemVerdict.REJECTED, actor="王强", at=now)
        with pytest.raises(RoundRefused, match="note"):
            await strike_off(conn, judged.hazard_no, note="", four_eyes=True, actor="王强", at=now)

        assert await follow_hazards(conn, now + timedelta(hours=25)) == 1
        assert await follow_hazards(conn, now + timedelta(hours=26)) == 0
        assert await _told(conn) == [
            ("raised", "minor", "cam-01"),
            ("cleared", "minor", "cam-01"),
            ("raised", "major", "cam-01"),
        ]

        place.behave("cam-01", "ok")
        await place.look("cam-01", times=8)
        assert await follow_hazards(conn, place.clock.at) == 1
        assert (await _told(conn))[-1] == ("cleared", "major", "cam-01")
        for same in ("李敏", " 李敏 "):
            with pytest.raises(RoundRefused, match="another person"):
                await strike_off(conn, judged.hazard_no, note="", four_eyes=True, actor=same, at=place.clock.at)
        struck = await strike_off(conn, judged.hazard_no, note="", four_eyes=True, actor="王强", at=place.clock.at)
        assert (struck.struck_by, struck.cleared_at) == ("王强", place.clock.at)
        assert await hazards(conn, only_open=True) == []


async def test_a_rejection_is_a_lesson_and_a_missed_fault_a_hazard_that_only_a_person_ends(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path, cameras=2) as place:
        place.behave("cam-01", "black")
        await place.look("cam-01", times=3)
        await place.look("cam-02", times=7)
        now = place.clock.at
        number = await start_round(conn, RoundKind.SITE, site_id="s001", size=1, actor="李敏", at=now)
        first, second = await items_of(conn, number)
        assert (first.fault, second.fault) == ("black", "")
        await judge(conn, number, 1, ItemVerdict.REJECTED, actor="李敏", at=now)
        missed = await judge(conn, number, 2, ItemVerdict.MISSED, found="blurred", actor="李敏", at=now)
        await end_round(conn, number, actor="李敏", at=now)
        with pytest.raises(RoundRefused):
            await judge(conn, number, 2, ItemVerdict.GOOD, actor="李敏", at=now)
        assert (await get_round(conn, number)).judged == 2
        (lesson,) = await waiting_lessons(conn)
        assert (lesson.kind, lesson.fault, lesson.score) == ("rejected", "black", first.score)

        await place.look("cam-02", times=2)
        assert await follow_hazards(conn, place.clock.at) == 0
        assert missed.hazard_no is not None
        await strike_off(conn, missed.hazard_no, note="镜头已擦净", four_eyes=False, actor="李敏", at=place.clock.at)
        assert await _told(conn) == [("raised", "minor", "cam-02"), ("cleared", "minor", "cam-02")]

        report = await of_round(conn, number, now=place.clock.at)
        assert (report.total.rejected, report.total.missed, report.total.precision) == (1, 1, 0.0)
        assert [(one.name, one.missed, one.rejected) for one in report.by_fault] == [
            ("black", 0, 1),
            ("blurred", 1, 0),
        ]
        assert (report.in_time, report.late, len(report.hazards)) == (1, 0, 1)
        month = await of_period(conn, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1), now=now)
        assert (month.rounds, month.total) == (1, report.total)

        book = load_workbook(BytesIO(workbook(report, language="zh", zone=SHANGHAI)))
        assert book.sheetnames == ["合计", "按故障", "按学校", "按巡查员", "隐患清单"]
        assert [cell.value for cell in book["隐患清单"][2]][:2] == ["学校 cam-02", "模糊"]
        assert paper(report, language="en", zone=SHANGHAI).startswith(b"%PDF")


async def test_a_round_without_anything_to_look_at_does_not_begin(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path):
        with pytest.raises(RoundRefused):
            await start_round(conn, RoundKind.DOUBTFUL, size=10, actor="李敏", at=NOON)
        with pytest.raises(RoundRefused, match="site_id"):
            await start_round(conn, RoundKind.SITE, size=10, actor="李敏", at=NOON)
        number = await start_round(conn, RoundKind.SAMPLE, size=10, actor="李敏", at=NOON)
        assert len(await items_of(conn, number)) == 1
