"""Silence is judged behind the backlog, on real brokers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from detectors.engine import Engine
from detectors.rules import bulk_rules
from devices.formats.decode import Decoder
from domain.finding import Finding
from domain.observation import Misdated, Observation
from storage.pool import Connection
from tests.integration.alerting.ledgers import rows, until, until_true
from tests.integration.ingest.lanes import bulk_lane
from tests.integration.ingest.school import Devices, counts, heartbeat, ledger, reading

MANY = 400


class _Listening(Engine):
    """Notes when it heard something and when it was asked about silence."""

    def __init__(self) -> None:
        super().__init__(bulk_rules())
        self.heard = 0
        self.heard_at_first_tick = -1
        self.ticks: list[datetime] = []

    def observe_many(self, observations: Iterable[Observation | Misdated]) -> list[Finding]:
        said = list(observations)
        self.heard += len(said)
        return super().observe_many(said)

    def tick(self, now: datetime) -> Sequence[Finding]:
        if not self.ticks:
            self.heard_at_first_tick = self.heard
        self.ticks.append(now)
        return super().tick(now)


async def test_silence_is_judged_when_all_that_the_broker_held_was_heard(
    url: str, dsn: str, conn: Connection, bulk_client: str, decoder: Decoder, devices: Devices, journal_path: Path
) -> None:
    """The broker holds a backlog, and the lane reads it in small bites; ticks come every 50 ms all the while."""
    held = [(heartbeat if number % 2 else reading)(number % 10) for number in range(MANY)]
    await devices.say(*held)
    engine = _Listening()
    engine.enrol(decoder.registry, datetime.now().astimezone())
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, engine=engine, most=7):
        await until_true(lambda: bool(engine.ticks), within_s=60)
    assert engine.heard_at_first_tick == MANY


async def test_echoes_are_for_the_lane_alone_and_time_goes_on(
    url: str, dsn: str, conn: Connection, bulk_client: str, decoder: Decoder, devices: Devices, journal_path: Path
) -> None:
    engine = _Listening()
    engine.enrol(decoder.registry, datetime.now().astimezone())
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path, engine=engine):
        await devices.say(heartbeat(1))
        await until_true(lambda: engine.heard == 1 and len(set(engine.ticks)) > 5)
        await until_true(lambda: len(engine.ticks) > 10)
    assert engine.ticks == sorted(engine.ticks)
    assert await ledger(conn) == {"received": 1, "stored": 1, "rejected": 0, "duplicate": 0}
    assert (await counts(conn))["quarantine"] == 0


async def test_whatever_else_comes_on_the_topics_of_echoes_is_put_aside_and_booked(
    url: str, dsn: str, conn: Connection, bulk_client: str, decoder: Decoder, devices: Devices, journal_path: Path
) -> None:
    async with bulk_lane(url, dsn, bulk_client, decoder, journal_path):
        await devices.say(
            ("campus/v1/-/nobody/heartbeat", b"{}"),
            ("campus/v1/-/bulk/heartbeat", heartbeat(0)[1]),  # on the lane's own topic
            ("campus/v1/-/other-bulk/state", b"0a1b2c3d/17"),  # another installation's echo
            heartbeat(1),
        )

        async def all_booked() -> bool:
            return (await ledger(conn))["received"] == 4

        await until(all_booked)
    assert await ledger(conn) == {"received": 4, "stored": 1, "rejected": 3, "duplicate": 0}
    aside = await rows(conn, "SELECT topic FROM quarantine ORDER BY topic")
    assert [row["topic"] for row in aside] == ["campus/v1/-/bulk/heartbeat", "campus/v1/-/nobody/heartbeat"]
