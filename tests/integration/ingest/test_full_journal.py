"""The alarm lane's journal while the database is away and somebody floods it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ingest.admission
from devices.formats.decode import Decoder
from devices.formats.topic import ALARM_FILTERS
from domain.finding import FindingKind
from ingest.spool import Spool
from storage.pool import Connection
from tests.integration.alerting.ledgers import rows, until, until_true
from tests.integration.dashboards.line import Line
from tests.integration.ingest.lanes import Told, alarm_lane
from tests.integration.ingest.school import Devices, Message, counts, ledger, press

SMALL = 256 * 1024


def _spool(path: Path) -> Spool:
    return Spool(path, most_bytes=SMALL)


def _junk(count: int, sender: str = "btn-03") -> list[Message]:
    return [(f"campus/v1/s001/{sender}/alarm", b"junk %d" % number + b"." * 200) for number in range(count)]


class _Open(Told):
    """Alerting, as far as it matters here: whose incident was begun is open."""

    def is_open(self, key: str) -> bool:
        return any(finding.key == key for finding in self.begun)

    def told(self, device_id: str) -> int:
        return sum(f.device_id == device_id and f.kind is FindingKind.RAISED for f in self.begun)


async def _until_received(conn: Connection, count: int) -> None:
    async def all_booked() -> bool:
        return (await ledger(conn))["received"] >= count

    await until(all_booked, within_s=60)


async def test_junk_beyond_its_room_is_counted_acknowledged_and_booked_once_over_a_crash(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    junk = [*_junk(1500), *_junk(1500, "nobody")]
    async with Line(dsn).open() as line:
        line.cut()
        desk = _Open()
        async with alarm_lane(
            url, line.dsn, alarm_client, decoder, _spool(journal_path), desk, is_open=desk.is_open
        ) as session:
            await devices.say(*junk, press(0, name="p1"))
            await until_true(lambda: desk.told("btn-00") == 1, within_s=30)
            await until_true(lambda: not session.unacknowledged, within_s=30)
            assert desk.is_open("doubtful_alarm/s001/btn-03")
    counted = (journal_path / "counted").read_bytes()
    desk = _Open()
    async with alarm_lane(url, dsn, alarm_client, decoder, _spool(journal_path), desk, is_open=desk.is_open):
        await _until_received(conn, 3001)
        assert desk.told("btn-00") == 1, "the press was in the journal"
        await devices.say(press(1, name="p1"))
        await _until_received(conn, 3002)
    assert await ledger(conn) == {"received": 3002, "stored": 2, "rejected": 3000, "duplicate": 0}
    kept = await counts(conn)
    assert 0 < kept["quarantine"] < 100
    (journal_path / "counted").write_bytes(counted)  # it had died before it could strike the count
    async with alarm_lane(url, dsn, alarm_client, decoder, _spool(journal_path), desk):
        await devices.say(press(2, name="p1"))
        await _until_received(conn, 3003)
        await until_true(lambda: (journal_path / "counted").read_bytes() != counted)
    assert (await ledger(conn))["rejected"] == 3000, "nothing is booked twice"


async def test_a_device_that_loops_leaves_room_for_the_first_press_of_every_other(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    alarm_client: str,
    journal_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingest.admission, "MOST_REPEATS", 100)
    loop = [press(3, name=f"n{number}") for number in range(3000)]
    others = [press(number, name="p1") for number in range(10) if number != 3]
    async with Line(dsn).open() as line:
        line.cut()
        desk = _Open()
        async with alarm_lane(
            url, line.dsn, alarm_client, decoder, _spool(journal_path), desk, is_open=desk.is_open
        ) as session:
            await devices.say(*loop, *others)
            await until_true(lambda: all(desk.told(f"btn-{n:02d}") for n in range(10)), within_s=30)
            await until_true(lambda: not session.unacknowledged, within_s=30)
    desk = _Open()
    async with alarm_lane(url, dsn, alarm_client, decoder, _spool(journal_path), desk, is_open=desk.is_open):
        await _until_received(conn, 3009)
    booked = await ledger(conn)
    assert (booked["received"], booked["duplicate"]) == (3009, 0)
    stored = await rows(
        conn, "SELECT device_id, count(*) AS n FROM event JOIN device USING (device_no) GROUP BY 1 ORDER BY 1"
    )
    assert [(row["device_id"], row["n"]) for row in stored] == [
        (f"btn-{n:02d}", 100 if n == 3 else 1) for n in range(10)
    ]
    aside = await rows(conn, "SELECT reason, device_id FROM quarantine")
    assert [(row["reason"], row["device_id"]) for row in aside] == [("rate_limited", "btn-03")]


async def test_a_device_that_loops_while_the_database_is_there_is_stored_so_often_and_counted_on(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    alarm_client: str,
    journal_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingest.admission, "MOST_REPEATS", 20)
    desk = _Open()
    async with alarm_lane(url, dsn, alarm_client, decoder, _spool(journal_path), desk, is_open=desk.is_open):
        for number in range(60):
            await devices.say(press(3, name=f"n{number}"))
        await _until_received(conn, 60)
        written = len(desk.written)
        for number in range(60, 65):
            await devices.say(press(3, name=f"n{number}"))
            await _until_received(conn, number + 1)
        assert len(desk.written) == written + 5, "the incident hears of what is not stored, too"
        await devices.say(press(3, name="n64"), press(4))
        await _until_received(conn, 67)
        assert len(desk.written) == written + 6, "of what comes again it hears once"
    booked = await ledger(conn)
    assert booked["received"] == 67
    assert (booked["stored"], booked["duplicate"]) == (21, 1)


class _FullForCounts(Spool):
    """A journal whose directory takes no file more."""

    def open(self) -> None:
        super().open()
        (self.directory / "counted").mkdir(exist_ok=True)


async def test_what_the_disk_cannot_count_is_acknowledged_when_the_database_has_counted_it(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    spool = _FullForCounts(journal_path, most_bytes=SMALL)
    desk = _Open()
    async with alarm_lane(url, dsn, alarm_client, decoder, spool, desk) as session:
        await devices.say(*_junk(1500), press(0))
        await _until_received(conn, 1501)
        await until_true(lambda: not session.unacknowledged)
    assert await ledger(conn) == {"received": 1501, "stored": 1, "rejected": 1500, "duplicate": 0}


async def test_what_holds_nothing_for_this_lane_takes_no_room(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, alarm_client: str, journal_path: Path
) -> None:
    """Of a maker's topics both lanes hear everything; readings are the other lane's to keep."""
    said = [("zigbee2mqtt/bridge/state", b'{"state":"online"}')] * 50
    async with Line(dsn).open() as line:
        line.cut()
        spool, filters = _spool(journal_path), [*ALARM_FILTERS, "zigbee2mqtt/#"]
        lane = alarm_lane(url, line.dsn, alarm_client, decoder, spool, _Open(), filters=filters)
        async with lane as session:
            await devices.say(*said, press(0))
            await until_true(lambda: spool.records == 1 and not session.unacknowledged)
