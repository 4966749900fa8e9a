from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psycopg
from click.testing import CliRunner, Result

from campuswatch.commands.silence import silence
from campuswatch.settings import Settings


def run(dsn: str, data: Path, *arguments: str) -> Result:
    session = SimpleNamespace(dsn=lambda: dsn, settings=lambda: Settings(data=data))
    return CliRunner().invoke(silence, list(arguments), obj=session)


def test_a_window_is_opened_listed_and_ended(plain_database: str, tmp_path: Path) -> None:
    opened = run(plain_database, tmp_path, "open", "--rule", "tamper", "--hours", "2", "--reason", "更换烟感")
    assert opened.exit_code == 0, opened.output
    listed = run(plain_database, tmp_path, "list")
    assert listed.output == opened.output
    assert "\ttamper\t" in listed.output
    assert run(plain_database, tmp_path, "held").output == ""
    assert run(plain_database, tmp_path, "end", "1").exit_code == 0
    assert run(plain_database, tmp_path, "list").output == ""
    assert run(plain_database, tmp_path, "list", "--state", "over").output.startswith("1\t")
    with psycopg.connect(plain_database) as conn:
        actions = conn.execute("SELECT action FROM audit_entry ORDER BY entry_no").fetchall()
    assert actions == [("window.opened",), ("window.ended",)]


def test_life_safety_is_refused(plain_database: str, tmp_path: Path) -> None:
    refused = run(plain_database, tmp_path, "open", "--rule", "smoke_alarm", "--hours", "2", "--reason", "x")
    assert refused.exit_code == 1
    assert "life safety" in str(refused.exception)
