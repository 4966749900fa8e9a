"""Troubles of the house itself, as the real lanes report them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from campuswatch.roles import Role, role_main
from campuswatch.roles.journals import read_states
from campuswatch.roles.places import journal_directory
from campuswatch.roles.surroundings import surroundings
from campuswatch.settings import DatabaseSettings, MqttSettings, Settings, load_settings
from ingest.journal import Journal
from ingest.session import Inbound
from ingest.spool import Spool
from storage.pool import Connection, connect
from tests.integration.alerting.ledgers import rows, until, until_true
from tests.integration.ingest.school import Devices, heartbeat, now_text, press, register
from tests.servers import Mosquitto, open_directory


@pytest.fixture
def forgetful_broker() -> Iterator[Mosquitto]:
    """It keeps nothing on disk."""
    with open_directory() as directory:
        server = Mosquitto(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
async def conn(plain_database: str) -> AsyncIterator[Connection]:
    connection = await connect(plain_database, name="test")
    await register(connection)
    yield connection
    await connection.close()


def _settings(dsn: str, mqtt_url: str, data: Path) -> Settings:
    database = DatabaseSettings.model_construct(url=SecretStr(dsn))  # no URL: as libpq takes it
    changed = {"database": database, "mqtt": MqttSettings(url=SecretStr(mqtt_url)), "data": data}
    return load_settings(None, {}).model_copy(update=changed)


@asynccontextmanager
async def _running(role: Role, settings: Settings) -> AsyncIterator[CollectorRegistry]:
    """``role`` until the end of the block; the block begins when it hears the broker."""
    around = surroundings(settings)
    task = asyncio.ensure_future(role_main(role)(around))
    try:
        await _connected(around.metrics, role)
        yield around.metrics
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _connected(metrics: CollectorRegistry, role: Role, up: float = 1.0) -> None:
    await until_true(
        lambda: metrics.get_sample_value("campuswatch_broker_connected", {"lane": role.value}) == up, within_s=20
    )


async def _incidents(conn: Connection, role: Role, rule: str) -> list[tuple[str, str, int]]:
    """The alarm lane opens incidents itself, the bulk lane hands findings over."""
    if role is Role.ALARM:
        found = await rows(conn, "SELECT rule, severity, site_no FROM incident WHERE rule = %s", rule)
    else:
        found = await rows(
            conn,
            "SELECT rule, severity, site_no FROM finding WHERE rule = %s AND kind = 'raised' ORDER BY severity",
            rule,
        )
    return [(row["rule"], row["severity"], row["site_no"]) for row in found]


@pytest.mark.parametrize("role", [Role.ALARM, Role.BULK])
async def test_broker_that_forgot_our_session_raises_an_incident(
    plain_database: str, conn: Connection, forgetful_broker: Mosquitto, tmp_path: Path, role: Role
) -> None:
    settings = _settings(plain_database, forgetful_broker.url, tmp_path)
    async with _running(role, settings) as metrics:
        assert await _incidents(conn, role, "session_forgotten") == []
        await asyncio.to_thread(forgetful_broker.stop)
        await _connected(metrics, role, up=0.0)
        await asyncio.to_thread(forgetful_broker.start)

        async def told() -> bool:
            return await _incidents(conn, role, "session_forgotten") == [("session_forgotten", "major", 0)]

        await until(told, within_s=30)


@pytest.mark.parametrize("role", [Role.ALARM, Role.BULK])
async def test_broker_that_forgot_our_session_while_the_role_was_down_raises_an_incident(
    plain_database: str, conn: Connection, forgetful_broker: Mosquitto, tmp_path: Path, role: Role
) -> None:
    settings = _settings(plain_database, forgetful_broker.url, tmp_path)
    for _ in range(2):  # the second time the broker still knows us
        async with _running(role, settings):
            await until_true(lambda: bool(list((tmp_path / "session").glob("*"))))
    assert await _incidents(conn, role, "session_forgotten") == []
    await asyncio.to_thread(forgetful_broker.stop)
    await asyncio.to_thread(forgetful_broker.start)
    async with _running(role, settings):

        async def told() -> bool:
            return await _incidents(conn, role, "session_forgotten") == [("session_forgotten", "major", 0)]

        await until(told, within_s=30)


async def test_broker_that_keeps_its_sessions_in_memory_is_not_reported_for_its_restart(
    plain_database: str, conn: Connection, forgetful_broker: Mosquitto, tmp_path: Path
) -> None:
    settings = _settings(plain_database, forgetful_broker.url, tmp_path)
    settings = settings.model_copy(update={"mqtt": settings.mqtt.model_copy(update={"keeps_sessions": False})})
    async with _running(Role.ALARM, settings):
        pass
    await asyncio.to_thread(forgetful_broker.stop)
    await asyncio.to_thread(forgetful_broker.start)
    async with _running(Role.ALARM, settings):
        devices = Devices(forgetful_broker.url)
        await devices.say(press(0))
        devices.close()

        async def heard() -> bool:
            return bool(await _incidents(conn, Role.ALARM, "one_key_alarm"))

        await until(heard, within_s=30)
    assert await _incidents(conn, Role.ALARM, "session_forgotten") == []


async def test_journal_that_is_full_is_told_of_and_is_over_once_it_is_worked_off(
    plain_database: str, conn: Connection, mosquitto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool.__init__, "__kwdefaults__", {"most_bytes": 35_000, "segment_bytes": 10_000})
    settings = _settings(plain_database, mosquitto, tmp_path)
    directory, now = journal_directory(settings, "bulk"), datetime.now(UTC)
    said = [heartbeat(n % 10, ts=now_text(milliseconds=n)) for n in range(300)]
    async with Journal(Spool(directory)) as journal:
        await journal.append([Inbound(topic.encode(), body, now, 0, 0, False) for topic, body in said])
        assert journal.fill > 0.9
    async with _running(Role.BULK, settings):

        async def told() -> bool:
            found = await rows(conn, "SELECT kind FROM finding WHERE rule = 'journal_filling' ORDER BY finding_no")
            return [row["kind"] for row in found] == ["raised", "raised", "cleared", "cleared"]

        await until(told, within_s=30)
        raised = await _incidents(conn, Role.BULK, "journal_filling")
        assert raised == [("journal_filling", "critical", 0), ("journal_filling", "major", 0)]
        await until_true(lambda: [(one.lane, one.messages) for one in read_states(settings)] == [("bulk", 0)])


async def test_alarm_role_starts_on_a_disk_that_takes_nothing(
    plain_database: str, conn: Connection, mosquitto: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory")
    settings = _settings(plain_database, mosquitto, tmp_path / "file" / "data")
    settings = settings.model_copy(update={"mqtt": settings.mqtt.model_copy(update={"client_id": "no-disk"})})
    async with _running(Role.ALARM, settings):
        devices = Devices(mosquitto)
        await devices.say(press(0))
        devices.close()

        async def heard() -> bool:
            return bool(await _incidents(conn, Role.ALARM, "one_key_alarm"))

        await until(heard, within_s=30)
