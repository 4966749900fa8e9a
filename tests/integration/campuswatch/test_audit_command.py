from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from click.testing import CliRunner, Result

from campuswatch.commands.audit import audit
from campuswatch.settings import Settings


@pytest.fixture
def written(plain_database: str) -> str:
    with psycopg.connect(plain_database, autocommit=True) as admin:
        for number in range(4):
            admin.execute(
                "INSERT INTO audit_entry (at, actor, action, subject, detail)"
                " VALUES (now(), '张伟', 'incident.noted', %s, '{\"note\": \"误报\"}')",
                (f"s{number}",),
            )
    return plain_database


def run(dsn: str, data: Path, *arguments: str | Path) -> Result:
    session = SimpleNamespace(dsn=lambda: dsn, settings=lambda: Settings(data=data))
    return CliRunner().invoke(audit, [str(argument) for argument in arguments], obj=session)


def tamper(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"SET session_replication_role = replica; {statement}".encode())


def test_a_whole_trail_verifies_in_the_database_and_from_an_export(written: str, tmp_path: Path) -> None:
    whole = run(written, tmp_path, "verify")
    assert (whole.exit_code, whole.output.split(";")[0]) == (0, "4 entries, 0 kept heads, 0 faults")
    assert "4 entries" in run(written, tmp_path, "export", tmp_path / "trail.jsonl").output
    assert run("nowhere", tmp_path, "verify", "--file", tmp_path / "trail.jsonl").exit_code == 0
    assert run(written, tmp_path, "list", "--limit", "1").output.count("incident.noted") == 1


def test_one_changed_byte_is_named_and_fails(written: str, tmp_path: Path) -> None:
    tamper(written, "UPDATE audit_entry SET actor = '张韦' WHERE subject = 's1'")
    result = run(written, tmp_path, "verify")
    assert result.exit_code == 1
    assert result.output.startswith("changed: entry 2 was changed\n")


def test_a_cut_end_is_told_by_a_head_that_was_kept(written: str, tmp_path: Path) -> None:
    head = run(written, tmp_path, "head").output.strip()
    assert run(written, tmp_path, "verify", "--head", head).exit_code == 0
    tamper(written, "DELETE FROM audit_entry WHERE entry_no = 4; DELETE FROM audit_link WHERE position = 4")
    result = run(written, tmp_path, "verify", "--head", head)
    assert result.exit_code == 1
    assert "cut: the chain ended at position 4 or later and now ends at 3" in result.output
    assert run(written, tmp_path, "verify", "--head", "4:abc").exit_code == 2


def test_a_changed_byte_of_an_export_is_named(written: str, tmp_path: Path) -> None:
    file = tmp_path / "trail.jsonl"
    run(written, tmp_path, "export", file)
    file.write_text(file.read_text("utf-8").replace('"subject":"s2"', '"subject":"s3"'), "utf-8")
    result = run(written, tmp_path, "verify", "--file", file)
    assert (result.exit_code, result.output.splitlines()[0]) == (1, "changed: entry 3 was changed")
    file.write_text("{}\n", "utf-8")
    assert run(written, tmp_path, "verify", "--file", file).exit_code == 1
