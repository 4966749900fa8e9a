"""Differences of the ledger become findings, and peace makes none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from campuswatch.roles.bookkeeping import Bookkeeping
from storage.ledger import store_ledger
from storage.pool import connect, open_pool
from tests.integration.alerting.ledgers import rows
from tests.integration.dashboards.district import SetClock
from tests.pages import page

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
NOW = HOUR + timedelta(hours=1, minutes=30)


async def test_difference_is_told_once_and_even_books_tell_nothing(database: str) -> None:
    metrics, conn = CollectorRegistry(), await connect(database, name="test")
    async with open_pool(database, name="alerting") as pool:
        books = Bookkeeping(pool, SetClock(NOW), metrics)
        await store_ledger(conn, "bulk", {HOUR: page((0, 5, 4, 1, 0))})
        await books.once()
        assert await rows(conn, "SELECT rule FROM finding") == []
        assert metrics.get_sample_value("campuswatch_ledger_difference") == 0
        await store_ledger(conn, "bulk", {HOUR: page((0, 9, 0, 0, 0))})
        for _ in range(2):
            await books.once()
        (found,) = await rows(conn, "SELECT rule, site_no, severity, life_safety, detail FROM finding")
        assert (found["rule"], found["site_no"], found["severity"]) == ("ledger_difference", 0, "major")
        assert found["detail"]["difference"] == 9
        assert not found["life_safety"]
        assert metrics.get_sample_value("campuswatch_ledger_difference") == 9
    await conn.close()


async def test_rows_that_are_gone_from_the_tables_are_told_by_the_audit(database: str) -> None:
    metrics, conn = CollectorRegistry(), await connect(database, name="test")
    async with open_pool(database, name="alerting") as pool:
        await store_ledger(conn, "bulk", {HOUR: page((0, 3, 3, 0, 0, 3))})
        await conn.execute(
            "INSERT INTO heartbeat VALUES (%(at)s, 1, %(at)s, NULL)", {"at": HOUR + timedelta(minutes=5)}
        )
        await Bookkeeping(pool, SetClock(NOW), metrics).once()
        (found,) = await rows(conn, "SELECT detail FROM finding WHERE rule = 'ledger_difference'")
        assert (found["detail"]["rows_booked"], found["detail"]["rows_found"]) == (3, 1)
        assert metrics.get_sample_value("campuswatch_ledger_missing_rows") == 2
    await conn.close()
