"""`campuswatch links`: the settings file stays whole, and what is asked of the supervision is done."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from alerting.signature import Seal
from alerting.supervision import Plan, Supervisor
from campuswatch.commands.links import links
from campuswatch.session import Session
from campuswatch.settings import load_settings
from domain.clock import SystemClock
from domain.errors import SettingsError, SignatureRefused, TemporaryFailure
from storage.pool import open_pool
from tests.unit.alerting.findings import NOW
from tests.unit.alerting.inbox import Inbox


class _Here(Session):
    """A session whose database is a test's."""

    def __init__(self, file: Path, dsn: str = "") -> None:
        super().__init__(file)
        self._dsn = dsn

    def dsn(self) -> str:
        return self._dsn


def run(file: Path, *arguments: str, dsn: str = "") -> Result:
    return CliRunner().invoke(links, list(arguments), obj=_Here(file, dsn))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "campuswatch.toml"
    written.write_text('# of the bureau\nzone = "Asia/Shanghai"   # where we are\n', "utf-8")
    return written


def test_a_link_is_written_into_the_settings_with_a_secret_of_its_own(file: Path) -> None:
    file.chmod(0o640)
    added = run(file, "add", "police", "--url", "https://alarm.example/x", "--no-drills")
    assert added.exit_code == 0, added.output
    mqtt = ("--kind", "mqtt", "--url", "mqtts://broker.example", "--username", "wujin", "--topic", "a/b")
    assert run(file, "add", "education", *mqtt).exit_code == 0
    settings = load_settings(file, {})
    assert added.stdout.strip() == settings.links["police"].secret.get_secret_value()
    assert (settings.links["police"].drills, settings.links["education"].kind) == (False, "mqtt")
    assert settings.links["police"].secret != settings.links["education"].secret
    assert file.read_text("utf-8").startswith('# of the bureau\nzone = "Asia/Shanghai"   # where we are\n')
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_settings_file_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    assert run(file, "add", "police", "--url", "https://alarm.example/x").exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("add", "police", "--url", "http://alarm.example/x"), "links.police.url: expected https"),
        (("add", "Police!", "--url", "https://alarm.example/x"), "links.Police!"),
        (("add", "police", "--kind", "mqtt", "--url", "https://a.example"), "expected mqtts"),
        (("rotate-secret", "police"), "no such link"),
    ],
)
def test_what_cannot_be_so_leaves_the_file_as_it_was(file: Path, arguments: tuple[str, ...], fault: str) -> None:
    before = file.read_bytes()
    refused = run(file, *arguments)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SettingsError)
    assert fault in str(refused.exception)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_secret_is_changed_without_a_moment_in_which_nothing_is_believed(file: Path) -> None:
    first = run(file, "add", "police", "--url", "https://alarm.example/x").stdout.strip()
    second = run(file, "rotate-secret", "police").stdout.strip()
    assert first != second
    ours = Seal(*load_settings(file, {}).links["police"].secrets())
    for theirs in (Seal(first), Seal(second)):
        assert theirs.check(ours.headers("msg_1", b"x", NOW), b"x", NOW) == "msg_1"
        assert ours.check(theirs.headers("msg_2", b"y", NOW), b"y", NOW) == "msg_2"
    assert "already" in str(run(file, "rotate-secret", "police").exception)
    assert run(file, "rotate-secret", "police", "--finish").exit_code == 0
    after = Seal(*load_settings(file, {}).links["police"].secrets())
    with pytest.raises(SignatureRefused):
        after.check(Seal(first).headers("msg_3", b"z", NOW), b"z", NOW)
    assert after.check(Seal(second).headers("msg_4", b"z", NOW), b"z", NOW) == "msg_4"


@contextmanager
def supervised(dsn: str, inbox: Inbox) -> Iterator[None]:
    """The role alerting's supervision of one link, in a thread of its own."""
    loop = asyncio.new_event_loop()

    async def supervise() -> None:
        async with open_pool(dsn, name="alerting", max_size=2) as pool:
            await Supervisor(pool=pool, links={"police": inbox}, plan=Plan(), clock=SystemClock()).run()

    task = loop.create_task(supervise())

    def live() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)


def _query(dsn: str, statement: str) -> list[Any]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(statement.encode()).fetchall()


def test_a_link_is_tested_paused_and_resumed(file: Path, plain_database: str) -> None:
    assert run(file, "add", "police", "--url", "https://alarm.example/x").exit_code == 0
    early = run(file, "test", "police", dsn=plain_database)
    assert (early.exit_code, "nobody supervises police" in early.output) == (1, True)
    inbox = Inbox()
    with supervised(plain_database, inbox):
        deadline = time.monotonic() + 20
        while not _query(plain_database, "SELECT FROM link_state WHERE alive_since IS NOT NULL"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        tested = run(file, "test", "police", dsn=plain_database)
        assert tested.exit_code == 0, tested.output
        assert tested.output.startswith("R-")
        listed = run(file, "list", dsn=plain_database)
        assert (listed.exit_code, "\talive " in listed.output, "alarm.example" in listed.output) == (0, True, True)
        inbox.down = TemporaryFailure("HTTP 500")
        failed = run(file, "test", "police", "--wait", "8", dsn=plain_database)
        assert (failed.exit_code, "no receipt" in failed.output) == (1, True)
        paused = run(file, "pause", "police", "--hours", "2", "--reason", "对方更换服务器", dsn=plain_database)
        assert paused.exit_code == 0, paused.output
        listed = run(file, "list", dsn=plain_database)
        assert "\tpaused " in listed.output
        assert "对方更换服务器" in listed.output
        refused = run(file, "test", "police", dsn=plain_database)
        assert (refused.exit_code, "paused" in refused.output) == (1, True)
        assert run(file, "resume", "police", dsn=plain_database).exit_code == 0
    actions = _query(plain_database, "SELECT action FROM audit_entry WHERE subject = 'police' ORDER BY entry_no")
    assert actions == [("link.paused",), ("link.resumed",)]
    assert run(file, "pause", "nobody", "--hours", "1", "--reason", "x", dsn=plain_database).exit_code == 1


def test_the_help_says_that_alarms_go_out_all_the_same() -> None:
    told = CliRunner().invoke(links, ["pause", "--help"]).output
    assert "ALARMS GO OUT ALL THE SAME" in " ".join(told.split())
