from __future__ import annotations

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from alerting.desk import Desk
from storage.pool import Connection, Pool, open_pool
from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import kept_database as kept_database
from tests.unit.alerting.findings import SetClock, SmallGazetteer


@pytest.fixture
async def pool(kept_database: str, conn: Connection) -> AsyncIterator[Pool]:
    async with open_pool(kept_database, name="alerting", max_size=8) as opened:
        yield opened


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def desk() -> Desk:
    return Desk(gazetteer=SmallGazetteer(), link_ids=("police", "education"), zone=ZoneInfo("Asia/Shanghai"))
