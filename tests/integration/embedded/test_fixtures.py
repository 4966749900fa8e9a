"""The servers that all other integration tests stand on."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from storage.migrations import shipped
from tests.integration.embedded.subscriber import Subscriber, eventually
from tests.servers import DatabaseServer


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_a_migrated_database_that_nobody_wrote_to(database: str, turn: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        applied = connection.execute("SELECT name FROM schema_migration ORDER BY name").fetchall()
        assert [name for (name,) in applied] == [name for name, _ in shipped()]
        connection.execute("CREATE TABLE left_behind ()")  # fails in the second turn if the database is the same


def test_one_kind_of_server_has_timescaledb_and_the_other_has_not(
    database_server: DatabaseServer, database: str
) -> None:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    assert found == (1 if database_server.kind == "timescaledb" else 0,)


def test_both_brokers_keep_messages_for_a_subscriber_that_is_away(broker: str) -> None:
    site, client_id = f"s-{uuid4().hex[:8]}", f"test-{uuid4().hex[:8]}"
    lane = Subscriber(broker, client_id)
    lane.subscribe(f"campus/v1/{site}/+/alarm")
    lane.close()
    sender = Subscriber(broker, f"{client_id}-sender", clean=True)
    sender.publish(f"campus/v1/{site}/btn/alarm", [b"%d" % n for n in range(2000)])
    back = Subscriber(broker, client_id)
    assert eventually(lambda: len(back.messages) >= 2000)
    assert back.payloads() == [b"%d" % n for n in range(2000)]
    back.close()
    sender.close()
