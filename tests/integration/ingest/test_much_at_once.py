"""A great many alarms at once, and a database that is slow with them: nobody waits for ever, and none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from prometheus_client import CollectorRegistry

import ingest.alarm_commit
from campuswatch.rehearsal.outside import Handed
from campuswatch.roles.alarm import AlarmDoubts
from detectors.engine import Engine
from detectors.rules import alarm_rules
from devices.formats.decode import Decoder
from domain.clock import SystemClock
from domain.finding import Finding
from ingest.admission import MOST_REPEATS
from ingest.alarm_commit import MOST_FINDINGS
from ingest.alarm_lane import AlarmLane
from ingest.journal import Journal
from ingest.meters import LaneMeters
from ingest.spool import Spool
from storage.pool import Connection
from tests.integration.alerting.ledgers import rows, until, until_true
from tests.integration.ingest.lanes import Told, running
from tests.integration.ingest.school import ALARMS, counts, ledger


class Slow(Told):
    """Alerting that takes its time for each finding. ``transactions``: the findings of those that were tried."""

    def __init__(self, each_s: float = 0.0) -> None:
        super().__init__()
        self.each_s = each_s
        self.transactions: list[list[Finding]] = []

    async def write(self, conn: Connection, findings: Sequence[Finding], *, now: datetime) -> None:
        self.transactions.append(list(findings))
        for _ in findings:
            await asyncio.sleep(self.each_s)
        self.written.extend(findings)


@asynccontextmanager
async def _lane(dsn: str, decoder: Decoder, journal: Path, handler: Told) -> AsyncIterator[Handed]:
    """A lane whose messages are handed to it: what is handed in one go comes in one go."""
    async with Journal(Spool(journal)) as kept, Handed() as session:
        lane = AlarmLane(
            session=session,
            dsn=dsn,
            journal=kept,
            decoder=decoder,
            share=ALARMS,
            detector=Engine(alarm_rules()),
            handler=handler,
            doubts=AlarmDoubts(decoder),
            clock=SystemClock(),
            meters=LaneMeters(CollectorRegistry(), "alarm"),
        )
        async with running(lane):
            yield session


def _smoke(entries: int, name: str, *, devices: int = 10) -> list[dict[str, object]]:
    """It comes and goes at each of the devices."""
    return [
        {"device": f"btn-{n % devices:02d}", "alarm": "smoke", "active": n // devices % 2 == 0, "id": f"{name}{n}"}
        for n in range(entries)
    ]


def _gateway(session: Handed, entries: int, name: str = "g", *, devices: int = 10) -> None:
    """One message of so many alarms."""
    body = msgspec.json.encode({"batch": _smoke(entries, name, devices=devices)})
    session.hand("campus/v1/s001/gw-01/alarm", body, datetime.now(UTC))


def _by_key(findings: Sequence[Finding]) -> dict[str, list[UUID]]:
    by_key: dict[str, list[UUID]] = {}
    for finding in findings:
        by_key.setdefault(finding.key, []).append(finding.finding_id)
    return by_key


def _press(session: Handed, site: str = "s002", number: int = 0, name: str = "p") -> None:
    body = msgspec.json.encode({"alarm": "panic", "id": name})
    session.hand(f"campus/v1/{site}/btn-{number:02d}/alarm", body, datetime.now(UTC))


async def _until_received(conn: Connection, count: int) -> None:
    async def all_booked() -> bool:
        return (await ledger(conn)).get("received", 0) >= count

    await until(all_booked, within_s=60)


async def test_a_message_of_a_thousand_alarms_is_committed_in_pieces_and_its_order_is_kept(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    told = Slow()
    async with _lane(dsn, decoder, journal_path, told) as session:
        _gateway(session, 1000)
        await _until_received(conn, 1000)
        await until_true(lambda: not list(journal_path.glob("*.seg")))
    assert await ledger(conn) == {"received": 1000, "stored": 1000, "rejected": 0, "duplicate": 0}
    assert max(len(findings) for findings in told.transactions) <= 200
    assert _by_key(told.written) == _by_key(told.begun)
    assert _by_key(told.committed_) == _by_key(told.begun)


async def test_fifty_presses_at_once_are_one_transaction(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    told = Slow()
    async with _lane(dsn, decoder, journal_path, told) as session:
        for number in range(10):
            for again in range(5):
                _press(session, "s001" if again % 2 else "s002", number, f"p{again}")
        await _until_received(conn, 50)
    assert [len(findings) for findings in told.transactions] == [50]


async def test_a_database_that_is_slow_with_many_gets_on_with_few_and_a_press_elsewhere_has_its_turn(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.alarm_commit, "COMMIT_PATIENCE_S", 1.0)
    told = Slow(each_s=0.03)
    async with _lane(dsn, decoder, journal_path, told) as session:
        for number in range(3):
            _gateway(session, 50, f"g{number}.")
        _press(session)
        await _until_received(conn, 151)
    order = [finding.site_id for finding in told.written]
    assert len(order) == 151
    assert order.index("s002") < 100
    assert len({finding.finding_id for finding in told.written}) == 151, "what was broken off was rolled back"
    assert _by_key(told.written) == _by_key(told.begun)
    assert await ledger(conn) == {"received": 151, "stored": 151, "rejected": 0, "duplicate": 0}


async def test_a_process_that_dies_between_two_pieces_of_a_message_repeats_nothing_and_loses_nothing(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    first = Slow()
    async with _lane(dsn, decoder, journal_path, first) as session:
        _gateway(session, 500)
        await until_true(lambda: len(first.committed_) >= MOST_FINDINGS)
        first.each_s = 1.0  # it hangs in the next piece
    done = Counter(finding.finding_id for finding in first.committed_)
    assert MOST_FINDINGS <= len(done) < 500
    second = Slow()
    async with _lane(dsn, decoder, journal_path, second):
        await until_true(lambda: len(second.committed_) >= 500, within_s=30)
    done.update(finding.finding_id for finding in second.written)
    assert len(done) == 500
    assert set(done.values()) == {1}
    assert (await counts(conn))["event"] == 500
    assert (await ledger(conn))["stored"] == 500
    assert (await ledger(conn))["duplicate"] == len(first.committed_)


async def test_a_refused_alarm_of_a_message_in_pieces_stops_no_other_piece(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    await conn.execute(b"ALTER TABLE event ADD CONSTRAINT picky CHECK (detail->>'odd' IS NULL) NOT VALID")
    told = Slow()
    batch = _smoke(500, "g")
    batch[250]["detail"] = {"odd": "yes"}
    body = msgspec.json.encode({"batch": batch})
    try:
        async with _lane(dsn, decoder, journal_path, told) as session:
            session.hand("campus/v1/s001/gw-01/alarm", body, datetime.now(UTC))
            _press(session)
            await until_true(lambda: len(told.committed_) == 501, within_s=30)
    finally:
        await conn.execute(b"ALTER TABLE event DROP CONSTRAINT picky")
    assert {f.finding_id for f in told.written} == {f.finding_id for f in told.begun}
    assert (await counts(conn))["event"] >= 301
    (aside,) = await rows(conn, "SELECT reason FROM quarantine")
    assert aside["reason"] == "unstorable"
    await ledger(conn)  # the books balance


async def test_a_gateways_alarms_are_counted_by_themselves_not_by_its_messages(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    told = Slow()
    async with _lane(dsn, decoder, journal_path, told) as session:
        for number in range(6):
            _gateway(session, MOST_REPEATS // 2, f"g{number}.", devices=1)
        await _until_received(conn, 3 * MOST_REPEATS)
    booked = await ledger(conn)
    assert booked["received"] == 3 * MOST_REPEATS
    assert booked["stored"] == MOST_REPEATS


async def test_a_device_that_says_too_much_is_not_stored_on_in_the_company_of_others(
    dsn: str, conn: Connection, decoder: Decoder, journal_path: Path
) -> None:
    told = Slow()
    loop = [{"device": "btn-00", "alarm": "smoke"}] * 400
    async with _lane(dsn, decoder, journal_path, told) as session:
        for number in range(6):
            entries = [{**entry, "id": f"{number}.{n}"} for n, entry in enumerate(loop)]
            batch = [*entries, {"device": f"btn-{number + 1:02d}", "alarm": "smoke", "id": "s"}]
            session.hand("campus/v1/s001/gw-01/alarm", msgspec.json.encode({"batch": batch}), datetime.now(UTC))
        await _until_received(conn, 6 * 401)
    stored = {
        row["device_id"]: row["n"]
        for row in await rows(
            conn, "SELECT device_id, count(*) AS n FROM event JOIN device USING (device_no) GROUP BY 1"
        )
    }
    assert stored == {"btn-00": 2 * 400 + 4, **{f"btn-{number:02d}": 1 for number in range(1, 7)}}
    assert {finding.device_id for finding in told.committed_} == stored.keys()
    assert (await ledger(conn))["rejected"] == 4 * 399
