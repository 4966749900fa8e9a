"""A database that the tests of one module share: emptied before each, for cloning one costs more than most tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.pool import Connection, connect
from tests.servers import DatabaseServer, Template

#: In an order that foreign keys allow.
_TABLES = (
    *("camera_hazard", "patrol_item", "patrol_round"),
    *("camera_lesson", "camera_evidence", "camera_memory", "camera_patrol", "camera_day", "camera_day_folded"),
    *("camera_interval", "camera_truth", "camera_source"),
    *("compliance_interval", "target_flag", "expiry_warning", "link_proof", "device_condition", "target_mark"),
    *("action_key", "attachment", "held_finding", "maintenance_window"),
    *("used_link", "response_tick", "response_upgrade", "response", "response_plan", "roster_audit"),
    *("duty_swap", "duty_override", "duty_handover", "duty_pattern", "duty_requirement"),
    *("delivery", "incident_entry", "incident", "finding", "duty_shift", "contact", "person"),
    *("rule_state", "detector_mark", "device_state"),
    *("ledger_entry", "ledger_hour", "ledger_audit", "quarantine", "event_key", "event", "reading"),
    *("site_fact", "networked_device", "guard", "guard_shift", "guard_check_in", "guard_post", "post_report", "gate"),
    "rule_version",
    *("barrier", "barrier_inspection", "safety_officer", "calendar_year", "site_bells"),
    *("heartbeat", "device", "site"),
)
#: Of these some refuse to be emptied, as they must; they refer to the others.
_LASTING = (
    *("audit_link", "audit_entry", "link_state", "report_event", "report", "report_clock", "warning_receipt"),
    "early_warning",
)


@pytest.fixture(scope="module")
def kept_database(request: pytest.FixtureRequest, database_server: DatabaseServer) -> Iterator[str]:
    """DSN of the module's database, once on each kind of server."""
    name = {"postgresql": "postgres_template", "timescaledb": "timescale_template"}[database_server.kind]
    template: Template = request.getfixturevalue(name)
    with template.clone() as dsn:
        yield dsn


@pytest.fixture
async def conn(kept_database: str) -> AsyncIterator[Connection]:
    """A connection to the emptied database."""
    connection = await connect(kept_database, name="test")
    await empty(connection)
    yield connection
    await connection.close()


async def empty(connection: Connection) -> None:
    lasting = "; ".join(f"DELETE FROM {table}" for table in _LASTING)
    await connection.execute(
        f"SET session_replication_role = replica; {lasting}; RESET session_replication_role".encode()
    )
    await connection.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES).encode())
