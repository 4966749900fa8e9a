"""``campuswatch targets`` on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from campuswatch.commands.targets import targets
from campuswatch.session import Session
from campuswatch.targets.keeper import Keeper
from domain.liveness import Connectivity
from storage.pool import connect, open_pool
from tests.integration.campuswatch.school import live, register
from tests.unit.alerting.findings import SetClock


@pytest.fixture
async def school(plain_database: str) -> str:
    """Its button has been silent for an hour."""
    now = datetime.now(UTC)
    conn = await connect(plain_database, name="test")
    await register(conn)
    await live(conn, "btn-1", Connectivity.OFFLINE, at=now - timedelta(hours=1))
    async with open_pool(plain_database, name="keeper", max_size=2) as pool:
        clock = SetClock(now - timedelta(hours=1))
        await Keeper(pool=pool, clock=clock, zone=ZoneInfo("Asia/Shanghai"), metrics=CollectorRegistry()).once()
    await conn.close()
    return plain_database


class _Session(Session):
    def __init__(self, dsn: str) -> None:
        super().__init__(None)
        self._dsn = dsn

    def dsn(self) -> str:
        return self._dsn


def test_status_names_the_site_and_its_cause_and_says_so_by_its_exit_code(school: str) -> None:
    found = CliRunner().invoke(targets, ["status"], obj=_Session(school))
    assert found.exit_code == 1, found.output
    assert "一键式报警和重要部位视频联网率" in found.output
    assert "s001" in found.output
    assert "设备失联" in found.output
    english = CliRunner().invoke(targets, ["status", "s001", "--lang", "en"], obj=_Session(school))
    assert "device silent" in english.output
    before = CliRunner().invoke(targets, ["status", "--at", "2020-01-01"], obj=_Session(school))
    assert before.exit_code == 0


def test_due_tests_and_reports_as_files(school: str, tmp_path: Path) -> None:
    due = CliRunner().invoke(targets, ["due", "--within", "400"], obj=_Session(school))
    assert due.exit_code == 0, due.output
    assert due.output.count("btn-1") == 2
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    for name, begins in (("r.pdf", b"%PDF-"), ("r.xlsx", b"PK"), ("r.json", b"{")):
        file = tmp_path / name
        made = CliRunner().invoke(
            targets, ["report", str(file), "--from", today, "--to", today, "--by", "site"], obj=_Session(school)
        )
        assert made.exit_code == 0, made.output
        assert file.read_bytes().startswith(begins)
    refused = CliRunner().invoke(
        targets, ["report", str(tmp_path / "r.doc"), "--from", today, "--to", today], obj=_Session(school)
    )
    assert refused.exit_code == 2
