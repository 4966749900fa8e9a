"""The ledger over the lanes: what it says in the hours when something goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.formats.decode import Decoder
from ingest.journal import Journal
from ingest.parcel import Parcel
from ingest.session import Inbound
from ingest.spool import Spool
from storage.audit import differences
from storage.pool import Connection
from tests.integration.alerting.ledgers import rows, until
from tests.integration.ingest.lanes import Told, alarm_lane, bulk_lane
from tests.integration.ingest.school import TELEMETRY, Devices, Message, heartbeat, ledger, press


def _inbound(messages: list[Message], received_at: datetime, *, again: bool = False) -> list[Inbound]:
    """Of one connection: no two in the same microsecond."""
    return [
        Inbound(topic.encode(), body, received_at + timedelta(microseconds=n), 1 + n, 1, False, again=again)
        for n, (topic, body) in enumerate(messages)
    ]


async def _put(journal_path: Path, *batches: list[Inbound], segment_bytes: int = 1) -> list[Path]:
    async with Journal(Spool(journal_path, segment_bytes=segment_bytes)) as journal:
        for batch in batches:
            await journal.append(batch)
    return _segments(journal_path)


def _segments(journal_path: Path) -> list[Path]:
    return sorted(journal_path.glob("*.seg"))


async def _books(conn: Connection) -> dict[tuple[datetime, int], tuple[int, int, int]]:
    """Hour and site → received, stored, difference."""
    found = await rows(conn, "SELECT hour, site_no, received, stored, difference FROM ledger")
    return {(row["hour"], row["site_no"]): (row["received"], row["stored"], row["difference"]) for row in found}


async def _received(conn: Connection, count: int) -> None:
    async def came() -> bool:
        return sum(received for received, _, _ in (await _books(conn)).values()) >= count

    await until(came, within_s=20)


def _beats(count: int, at: datetime, *, start: int = 0) -> list[Message]:
    return [heartbeat(n % 10, ts=(at + timedelta(milliseconds=n)).isoformat()) for n in range(start, start + count)]


async def test_journal_that_is_worked_off_later_counts_for_the_hour_in_which_its_messages_came(
    url: str, dsn: str, conn: Connection, decoder: Decoder, bulk_client: str, journal_path: Path
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    before, after = hour - timedelta(minutes=10), hour + timedelta(minutes=10)
    await _put(journal_path, _inbound(_beats(7, before), before), _inbound(_beats(5, after), after))
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await _received(conn, 12)
    books = await _books(conn)
    assert {at: counts for (at, _), counts in books.items()} == {
        hour - timedelta(hours=1): (7, 7, 0),
        hour: (5, 5, 0),
    }


async def test_segment_that_was_deleted_is_a_difference_of_as_many_messages_as_were_in_it(
    url: str, dsn: str, conn: Connection, decoder: Decoder, bulk_client: str, journal_path: Path
) -> None:
    now = datetime.now(UTC) - timedelta(seconds=60)
    batches = [_inbound(_beats(10, now, start=10 * n), now + timedelta(seconds=n)) for n in range(3)]
    (await _put(journal_path, *batches))[1].unlink()
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await _received(conn, 30)
    (site_no,) = {site for _, site in await _books(conn) if site}
    of_site = [counts for (_, site), counts in (await _books(conn)).items() if site == site_no]
    assert [sum(column) for column in zip(*of_site, strict=True)] == [20, 20, 0]
    (found,) = await differences(conn, now=datetime.now(UTC))
    assert (found.site_no, found.received, found.unaccounted) == (0, 10, 10)


async def test_loss_is_booked_once_though_the_lane_dies_between_the_commit_and_the_journal(
    url: str, dsn: str, conn: Connection, decoder: Decoder, bulk_client: str, journal_path: Path
) -> None:
    now = datetime.now(UTC) - timedelta(seconds=60)
    (await _put(journal_path, _inbound(_beats(4, now), now), _inbound(_beats(4, now, start=4), now)))[0].unlink()

    class Forgetful(Spool):
        def consume(self, position: object) -> None:
            """As if the process died each time before it came to this."""

    async with bulk_lane(url, dsn, bulk_client, decoder, Forgetful(journal_path)):
        await _received(conn, 16)
    (found,) = await differences(conn, now=datetime.now(UTC))
    assert (found.site_no, found.received, found.unaccounted) == (0, 4, 4)


async def test_alarm_that_the_journal_lost_is_a_difference_too(
    url: str, dsn: str, conn: Connection, decoder: Decoder, alarm_client: str, journal_path: Path
) -> None:
    now = datetime.now(UTC)
    (await _put(journal_path, _inbound([press(0)], now), _inbound([press(1)], now)))[0].unlink()
    async with alarm_lane(url, dsn, alarm_client, decoder, journal_path, Told()):
        await _received(conn, 2)
    (found,) = await differences(conn, now=datetime.now(UTC))
    assert (found.site_no, found.unaccounted) == (0, 1)


async def test_whole_journal_that_was_deleted_is_a_difference_and_the_lane_goes_on(
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    bulk_client: str,
    journal_path: Path,
) -> None:
    now = datetime.now(UTC) - timedelta(seconds=60)
    for segment in await _put(journal_path, _inbound(_beats(6, now), now)):
        segment.unlink()
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await devices.say(*_beats(3, now, start=50))
        await _received(conn, 9)
    (found,) = await differences(conn, now=datetime.now(UTC))
    assert (found.site_no, found.unaccounted) == (0, 6)
    assert sum(stored for _, stored, _ in (await _books(conn)).values()) == 3


async def test_bad_message_that_the_broker_sends_again_is_put_aside_once_and_the_books_balance(
    request: pytest.FixtureRequest,
    url: str,
    dsn: str,
    conn: Connection,
    decoder: Decoder,
    devices: Devices,
    bulk_client: str,
    journal_path: Path,
) -> None:
    topic, _ = heartbeat(0)
    two_alike = b'{"batch":[{"device":"tmp-01","battery_pct":"x"},{"device":"tmp-01","battery_pct":"x"}]}'
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path) as session:
        session.acknowledge = lambda messages: None  # type: ignore[method-assign]
        await devices.say((topic, b"{"), (topic, two_alike), (topic, b"{"))
        await _received(conn, 4)
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await _received(conn, 8)
    # The embedded broker sets no DUP on what it sends again, so nobody can tell it from an equal message.
    known = 4 if "mosquitto" in request.node.name else 0
    assert await ledger(conn) == {"received": 8, "stored": 0, "rejected": 8 - known, "duplicate": known}
    assert len(await rows(conn, "SELECT 1 FROM quarantine")) == 8 - known


async def test_rows_that_the_database_swallows_go_where_they_are_kept(
    url: str, dsn: str, conn: Connection, decoder: Decoder, devices: Devices, bulk_client: str, journal_path: Path
) -> None:
    await conn.execute(
        "CREATE OR REPLACE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.battery_pct = 13 THEN RETURN NULL; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER swallow BEFORE INSERT ON heartbeat FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    now = datetime.now(UTC) - timedelta(seconds=60)
    topic, _ = heartbeat(3)
    try:
        async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
            await devices.say(*_beats(5, now), (topic, f'{{"ts":"{now.isoformat()}","battery_pct":13}}'.encode()))
            await _received(conn, 6)
    finally:
        await conn.execute("DROP TRIGGER swallow ON heartbeat")
    assert await ledger(conn) == {"received": 6, "stored": 5, "rejected": 1, "duplicate": 0}
    (aside,) = await rows(conn, "SELECT reason FROM quarantine")
    assert aside["reason"] == "unstorable"


async def test_what_is_dropped_between_door_and_database_is_a_difference(conn: Connection, decoder: Decoder) -> None:
    """A fault of our own, as it were: somebody forgets a table."""
    now = datetime.now(UTC)
    parcel = Parcel()
    parcel.open(_inbound(_beats(5, now), now), decoder, TELEMETRY)
    del parcel.heartbeats[3:]
    async with conn.transaction():
        await parcel.write(conn, "bulk")
    (found,) = await differences(conn, now=now)
    assert (found.received, found.stored, found.unaccounted) == (5, 3, 2)


async def test_journal_knows_what_it_holds_of_each_site(journal_path: Path) -> None:
    now = datetime.now(UTC)
    first = _inbound([*_beats(3, now), heartbeat(0, site="s002"), ("zigbee2mqtt/x", b"{}")], now)
    async with Journal(Spool(journal_path)) as journal:
        await journal.append(first)
    async with Journal(Spool(journal_path)) as journal:
        await journal.append(_inbound(_beats(2, now), now))
        state = journal.state("bulk", now)
        assert (state.messages, state.sites) == (7, {"s001": 5, "s002": 1, "": 1})
        oldest = await journal.peek(4, now=now)
        assert journal.behind(oldest.position) == 3
        await journal.consume(oldest.position, oldest.messages)
        assert journal.state("bulk", now).sites == {"s001": 2, "": 1}
        rest = await journal.peek(10, now=now)
        await journal.consume(rest.position, rest.messages)
        state = journal.state("bulk", now)
        assert (state.messages, state.size_bytes, state.sites) == (0, 0, {})
