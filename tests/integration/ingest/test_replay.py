"""What was put aside is taken in after all: once, under its own time, and without calling anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from click.testing import CliRunner, Result

from alerting.desk import Desk
from alerting.intake import Intake
from campuswatch.commands.quarantine import quarantine
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.replay import open_replay
from campuswatch.roles.web import WebReplayer
from campuswatch.settings import Settings
from devices.formats.decode import Decoder
from domain.clock import SystemClock
from domain.device import Device, DeviceKind
from domain.errors import RegistryError
from domain.quarantine import Reason
from domain.replay import ReplayReport
from ingest.parcel import Parcel, Share
from ingest.session import Inbound
from storage.devices import upsert_devices
from storage.pool import Connection, open_pool
from storage.quarantine import QuarantineFilter
from tests.integration.alerting.ledgers import rows
from tests.integration.ingest.school import TELEMETRY, Message, counts, ledger

THEN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
ALL = QuarantineFilter()
ALARM_SHARE = Share(alarms=True, both=frozenset())


def _new(number: int = 0, *, second: int = 0, channel: str = "heartbeat", **fields: Any) -> Message:
    body = msgspec.json.encode({"ts": (THEN + timedelta(seconds=second)).isoformat(), **fields})
    return f"campus/v1/s001/new-{number:02d}/{channel}", body


async def _put_aside(
    conn: Connection, decoder: Decoder, said: Sequence[Message], *, share: Share = TELEMETRY, lane: str = "bulk"
) -> None:
    """As a lane did it yesterday."""
    parcel = Parcel()
    messages = [
        Inbound(topic.encode(), payload, THEN + timedelta(seconds=5, microseconds=place), 0, 0, False)
        for place, (topic, payload) in enumerate(said)
    ]
    parcel.open(messages, decoder, share)
    async with conn.transaction():
        await parcel.write(conn, lane)


async def _register(conn: Connection, *numbers: int, kind: DeviceKind = DeviceKind.TEMPERATURE, **fields: Any) -> None:
    devices = [Device(site_id="s001", device_id=f"new-{number:02d}", kind=kind, **fields) for number in numbers or (0,)]
    await upsert_devices(conn, devices, actor="test", at=SystemClock().now())


async def _replay(
    conn: Connection, only: QuarantineFilter = ALL, *, settings: Settings | None = None, **options: Any
) -> ReplayReport:
    replay = await open_replay(conn, settings or Settings())
    return await replay.step(conn, only, actor="张伟", now=SystemClock().now(), **options)


async def _unreplayed(conn: Connection) -> int:
    (found,) = await rows(conn, "SELECT count(*)::int AS n FROM quarantine WHERE replayed_at IS NULL")
    return int(found["n"])


@pytest.fixture
async def aside(conn: Connection, decoder: Decoder) -> list[Message]:
    """A day ago an unregistered sensor spoke thirty times."""
    said = [_new(second=number) for number in range(20)]
    said += [_new(second=number, channel="reading", values={"temperature_c": 80}) for number in range(10)]
    await _put_aside(conn, decoder, said)
    return said


async def test_after_registration_everything_is_stored_under_its_own_time(
    conn: Connection, aside: list[Message]
) -> None:
    await _register(conn)
    report = await _replay(conn)
    assert (report.examined, report.replayed, report.stored, report.duplicate) == (30, 30, 30, 0)
    found = await counts(conn)
    assert (found["heartbeat"], found["reading"]) == (20, 10)
    (span,) = await rows(conn, "SELECT min(ts) AS first, max(ts) AS last, min(received_at) AS received FROM heartbeat")
    assert (span["first"], span["last"]) == (THEN, THEN + timedelta(seconds=19))
    assert span["received"] == THEN + timedelta(seconds=5)
    assert await _unreplayed(conn) == 0


async def test_a_day_old_fire_raises_nothing_and_proves_nobody_alive(conn: Connection, aside: list[Message]) -> None:
    await _register(conn)
    await _replay(conn)
    assert not await rows(conn, "SELECT * FROM finding")
    assert not await rows(conn, "SELECT * FROM device_state")


async def test_the_books_stay_even_and_name_the_replay(conn: Connection, aside: list[Message]) -> None:
    before = await ledger(conn)
    assert (before["received"], before["rejected"]) == (30, 30)
    await _register(conn)
    await _replay(conn)
    after = await ledger(conn)
    assert after == {"received": 60, "stored": 30, "rejected": 30, "duplicate": 0}
    (line,) = await rows(conn, "SELECT lane, sum(stored)::int AS stored FROM ledger WHERE lane = 'replay' GROUP BY 1")
    assert line["stored"] == 30


async def test_twice_is_once(conn: Connection, aside: list[Message]) -> None:
    await _register(conn)
    await _replay(conn)
    again = await _replay(conn)
    assert (again.examined, again.stored) == (0, 0)
    await conn.execute("UPDATE quarantine SET replayed_at = NULL")  # somebody insists
    insisted = await _replay(conn)
    assert (insisted.replayed, insisted.stored, insisted.duplicate) == (30, 0, 30)
    assert (await counts(conn))["heartbeat"] == 20


async def test_two_replays_at_once_store_once(conn: Connection, dsn: str, aside: list[Message]) -> None:
    await _register(conn)
    async with open_pool(dsn, name="web") as pool:
        replayer = WebReplayer(pool, Settings(), SystemClock())
        other = WebReplayer(pool, Settings(), SystemClock())
        reports = await asyncio.gather(
            *(one.replay(ALL, after=0, limit=1000, dry_run=False, actor="a") for one in (replayer, other))
        )
    assert sum(report.stored for report in reports) == 30
    assert (await counts(conn))["heartbeat"] == 20
    assert await _unreplayed(conn) == 0


async def test_a_dry_run_says_the_same_and_changes_nothing(conn: Connection, aside: list[Message]) -> None:
    await _register(conn)
    before = (await counts(conn), await ledger(conn))
    dry = await _replay(conn, dry_run=True)
    assert (await counts(conn), await ledger(conn)) == before
    assert not await rows(conn, "SELECT * FROM audit_entry WHERE action = 'quarantine.replayed'")
    assert dry == await _replay(conn)


async def test_what_is_still_wrong_stays_and_says_why(conn: Connection, decoder: Decoder) -> None:
    await _put_aside(
        conn,
        decoder,
        [_new(0), _new(1), ("campus/v1/s001/new-00/heartbeat", b"{"), _new(0, channel="reading", values={})],
    )
    await _register(conn, 0)
    report = await _replay(conn)
    assert (report.examined, report.replayed, report.stored) == (4, 1, 1)
    assert report.refused == {Reason.UNKNOWN_DEVICE: 1, Reason.BAD_JSON: 1, Reason.BAD_FIELD: 1}
    assert await _unreplayed(conn) == 3


async def test_only_what_was_chosen_is_replayed(conn: Connection, decoder: Decoder) -> None:
    await _put_aside(conn, decoder, [_new(0), _new(1), _new(2)])
    await _register(conn, 0, 1, 2)
    assert (await _replay(conn, QuarantineFilter(device_id="new-01"))).stored == 1
    assert (await _replay(conn, QuarantineFilter(reason=Reason.BAD_JSON))).examined == 0
    assert (await _replay(conn, QuarantineFilter(site_id="s002"))).examined == 0
    assert (await _replay(conn, QuarantineFilter(since=THEN + timedelta(hours=1)))).examined == 0
    assert (await _replay(conn, QuarantineFilter(until=THEN))).examined == 0
    assert (await _replay(conn, QuarantineFilter(until=THEN + timedelta(hours=1)))).stored == 2


async def test_steps_go_on_behind_each_other_to_the_end(conn: Connection, aside: list[Message]) -> None:
    await _register(conn)
    total = ReplayReport(next=0)
    steps = 0
    while total.next is not None:
        total.add(await _replay(conn, after=total.next, limit=7))
        steps += 1
    assert (steps, total.replayed) == (5, 30)


async def test_a_message_that_was_cut_cannot_be_replayed_and_says_so(conn: Connection, decoder: Decoder) -> None:
    await _put_aside(conn, decoder, [_new(0, note="x" * 70_000), _new(0)])
    await _register(conn)
    report = await _replay(conn)
    assert (report.cut, report.replayed) == (1, 1)
    assert await _unreplayed(conn) == 1


async def test_a_bad_entry_of_a_batch_comes_back_alone(conn: Connection, decoder: Decoder) -> None:
    entries = [{"device": device, "ts": THEN.isoformat()} for device in ("tmp-00", "new-00", "tmp-01", "new-01")]
    batch = ("campus/v1/s001/gw/heartbeat", msgspec.json.encode({"batch": entries}))
    await _put_aside(conn, decoder, [batch])
    assert (await counts(conn))["heartbeat"] == 2
    await _register(conn, 0)
    report = await _replay(conn)
    assert (report.examined, report.stored, report.refused) == (2, 1, {Reason.UNKNOWN_DEVICE: 1})


async def test_a_mended_profile_takes_in_what_it_had_refused(
    conn: Connection, decoder: Decoder, tmp_path: Path
) -> None:
    said = [("acme/box-1/up", msgspec.json.encode({"t": 21.5 + number, "s": number})) for number in range(3)]
    await _put_aside(conn, decoder, said)
    assert (await counts(conn))["quarantine"] == 3
    (tmp_path / "acme.yaml").write_text(
        "profile: acme\ntitle: Acme\nmessages:\n  - topic: acme/{address}/up\n    payload: json\n"
        "    readings: {temperature_c: [{path: t}]}\n"
    )
    await _register(conn, profile="acme", address="box-1")
    settings = Settings(ingest={"profiles": tmp_path})
    report = await _replay(conn, settings=settings)
    assert (report.replayed, report.stored) == (3, 3)
    values = await rows(conn, "SELECT value FROM reading ORDER BY value")
    assert [row["value"] for row in values] == [21.5, 22.5, 23.5]


async def test_one_that_the_database_refuses_does_not_keep_the_others(
    conn: Connection, aside: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    await _register(conn)
    await conn.execute(
        "ALTER TABLE heartbeat ADD CONSTRAINT no_tenth CHECK"
        f" (ts <> '{(THEN + timedelta(seconds=10)).isoformat()}'::timestamptz)".encode()
    )
    try:
        report = await _replay(conn)
    finally:
        await conn.execute("ALTER TABLE heartbeat DROP CONSTRAINT no_tenth")
    assert (report.examined, report.replayed, report.stored) == (30, 29, 29)
    assert report.refused == {Reason.UNSTORABLE: 1}
    assert await _unreplayed(conn) == 1


async def test_the_audit_says_who_replayed_what(conn: Connection, aside: list[Message]) -> None:
    await _register(conn)
    await _replay(conn, QuarantineFilter(reason=Reason.UNKNOWN_DEVICE, site_id="s001"))
    (entry,) = await rows(conn, "SELECT * FROM audit_entry WHERE action = 'quarantine.replayed'")
    assert entry["actor"] == "张伟"
    assert entry["subject"] == "reason unknown_device, site_id s001"
    assert entry["detail"] == {"messages": 30, "stored": 30, "duplicate": 0}


# -- alarms -----------------------------------------------------------------------------------------------------------


async def _taken_over(conn: Connection, dsn: str) -> None:
    gazetteer = RegistryGazetteer()
    await gazetteer.load(conn)
    desk = Desk(gazetteer=gazetteer, link_ids=["police", "education"], zone=ZoneInfo("Asia/Shanghai"))
    async with open_pool(dsn, name="alerting") as pool:
        await Intake(pool=pool, desk=desk, clock=SystemClock(), wake=asyncio.Event()).take_over()


async def test_a_press_of_yesterday_is_stored_and_listed_and_calls_nobody(
    conn: Connection, dsn: str, decoder: Decoder
) -> None:
    await _put_aside(conn, decoder, [_new(0, channel="alarm", alarm="panic")], share=ALARM_SHARE, lane="alarm")
    await _register(conn, kind=DeviceKind.ONE_KEY_ALARM)
    report = await _replay(conn)
    (listed,) = report.alarms
    assert (listed.device_id, listed.alarm, listed.at) == ("new-00", "panic", THEN)
    (event,) = await rows(conn, "SELECT channel, kind, ts FROM event")
    assert (event["channel"], event["kind"], event["ts"]) == ("alarm", "panic", THEN)
    await _taken_over(conn, dsn)
    assert not await rows(conn, "SELECT * FROM incident")
    assert not await rows(conn, "SELECT * FROM delivery")


async def test_the_doubt_that_a_press_once_raised_learns_what_it_was(
    conn: Connection, dsn: str, decoder: Decoder
) -> None:
    await _put_aside(conn, decoder, [_new(0, channel="alarm", alarm="panic")], share=ALARM_SHARE, lane="alarm")
    await conn.execute(
        "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
        " site_no, site_id, device_id, state, raised_at, last_event_at, detail, changed_at) SELECT gen_random_uuid(),"
        " 'doubtful_alarm/s001/', 'doubtful_alarm', 'system', 'critical', 0, false, false, false, site_no, 's001', '',"
        " 'raised', now(), now(), '{}', now() FROM site WHERE site_id = 's001'"
    )
    await _register(conn, kind=DeviceKind.ONE_KEY_ALARM)
    await _replay(conn)
    await _taken_over(conn, dsn)
    (entry,) = await rows(conn, "SELECT kind, detail FROM incident_entry")
    assert entry["kind"] == "updated"
    assert entry["detail"] == {"reason": "replayed", "alarm": "panic", "device_time": THEN.isoformat()}
    assert not await rows(conn, "SELECT * FROM delivery")


# -- command line and web ---------------------------------------------------------------------------------------------


def _run(dsn: str, *arguments: str) -> Result:
    session = SimpleNamespace(dsn=lambda: dsn, settings=lambda: Settings())
    return CliRunner().invoke(quarantine, arguments, obj=session)


async def test_the_command_line_lists_shows_and_replays(conn: Connection, dsn: str, aside: list[Message]) -> None:
    await _register(conn)
    listed = await asyncio.to_thread(_run, dsn, "list", "--site", "s001", "--limit", "3")
    lines = listed.output.splitlines()
    assert len(lines) == 3
    number = lines[0].split("\t")[0]
    assert "unknown_device" in lines[0]
    shown = await asyncio.to_thread(_run, dsn, "show", number)
    assert "campus/v1/s001/new-00/reading" in shown.output
    assert '"temperature_c":80' in shown.output
    dry = await asyncio.to_thread(_run, dsn, "replay", "--reason", "unknown_device", "--dry-run")
    assert "replayed 30" in dry.output
    assert "nothing was changed" in dry.output
    assert await _unreplayed(conn) == 30
    done = await asyncio.to_thread(_run, dsn, "replay", "--reason", "unknown_device")
    assert done.exit_code == 0
    assert "stored 30" in done.output
    again = await asyncio.to_thread(_run, dsn, "list", "--limit", "1")
    assert again.output.startswith(f"({number})")


async def test_the_command_line_says_what_is_wrong(conn: Connection, dsn: str) -> None:
    missing = await asyncio.to_thread(_run, dsn, "show", "999")
    assert missing.exit_code == 1
    assert "no message 999" in missing.output
    odd = await asyncio.to_thread(_run, dsn, "replay", "--since", "yesterday")
    assert odd.exit_code == 2
    assert "expected 2026-11-22" in odd.output


async def test_the_command_line_names_alarms_and_messages_that_are_not_whole(
    conn: Connection, dsn: str, decoder: Decoder
) -> None:
    said = [_new(0, channel="alarm", alarm="panic", test=True), _new(0, channel="alarm", alarm="panic", x="y" * 70_000)]
    await _put_aside(conn, decoder, said, share=ALARM_SHARE, lane="alarm")
    await _register(conn, kind=DeviceKind.ONE_KEY_ALARM)
    done = await asyncio.to_thread(_run, dsn, "replay")
    assert "s001/new-00  panic (test)" in done.output
    assert "Nobody was called" in done.output
    assert "not whole 1" in done.output


async def test_the_web_replays_and_refuses_a_broken_profile(
    conn: Connection, dsn: str, aside: list[Message], tmp_path: Path
) -> None:
    await _register(conn)
    (tmp_path / "bad.yaml").write_text("profile: [")
    async with open_pool(dsn, name="web") as pool:
        broken = WebReplayer(pool, Settings(ingest={"profiles": tmp_path}), SystemClock())
        with pytest.raises(RegistryError, match=r"bad\.yaml"):
            await broken.replay(ALL, after=0, limit=1000, dry_run=False, actor="张伟")
        replayer = WebReplayer(pool, Settings(), SystemClock())
        report = await replayer.replay(ALL, after=0, limit=1000, dry_run=False, actor="张伟")
    assert report.stored == 30


def test_the_rejected_know_their_device_and_what_their_clock_said(decoder: Decoder) -> None:
    now = SystemClock().now()
    ahead = now + timedelta(minutes=12)
    topic, body = "campus/v1/s001/tmp-01/heartbeat", msgspec.json.encode({"ts": ahead.isoformat()})
    (refused,) = decoder.decode(topic, body, now).rejected
    device = decoder.registry.device("s001", "tmp-01")
    assert device is not None
    assert (refused.device_no, refused.said_at) == (device.device_no, ahead)
    batch = msgspec.json.encode({"batch": [{"device": "tmp-01", "ts": "1970-01-01T08:00:00+08:00"}]})
    (entry,) = decoder.decode("campus/v1/s001/gw/heartbeat", batch, now).rejected
    assert (entry.device_no, entry.reason) == (device.device_no, Reason.TOO_OLD)
    assert entry.said_at == datetime(1970, 1, 1, tzinfo=UTC)
    (stranger,) = decoder.decode("campus/v1/s001/x/heartbeat", body, now).rejected
    assert (stranger.device_no, stranger.said_at) == (0, None)
