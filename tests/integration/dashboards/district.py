"""A small district in a database, as the other roles would have left it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from domain.finding import Severity
from domain.incident import IncidentState

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


class District:
    """Writes rows through a connection of its own. Devices and sites are named by their ids."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def site(self, site_id: str = "s001", *, name: str = "前黄实验学校") -> int:
        rows = self.execute(
            "INSERT INTO site (site_id, name, name_en, kind, township) VALUES (%s, %s, 'Qianhuang', 'primary',"
            " '前黄镇') RETURNING site_no",
            site_id,
            name,
        )
        return int(rows[0][0])

    def device(
        self,
        device_id: str,
        *,
        site_id: str = "s001",
        kind: str = "smoke",
        state: str | None = "online",
        parent_id: str = "",
        retired: bool = False,
    ) -> int:
        rows = self.execute(
            "INSERT INTO device (site_no, device_id, kind, name, place, parent_no, retired_at)"
            " SELECT site_no, %s, %s, '烟感', '三楼', (SELECT device_no FROM device WHERE device_id = %s), %s"
            " FROM site WHERE site_id = %s RETURNING device_no",
            device_id,
            kind,
            parent_id,
            NOW if retired else None,
            site_id,
        )
        number = int(rows[0][0])
        if state is not None:
            self.execute(
                "INSERT INTO device_state (device_no, connectivity, since, last_seen_at) VALUES (%s, %s, %s, %s)",
                number,
                state,
                ago(hours=3),
                ago(hours=2),
            )
        return number

    def heartbeat(self, device_no: int, at: datetime, battery_pct: float | None = None) -> None:
        self.execute("INSERT INTO heartbeat VALUES (%s, %s, %s, %s)", at, device_no, at, battery_pct)

    def reading(self, device_no: int, metric: str, value: float, at: datetime) -> None:
        self.execute("INSERT INTO reading VALUES (%s, %s, %s, %s, %s)", at, device_no, metric, value, at)

    def incident(
        self,
        *,
        severity: Severity = Severity.CRITICAL,
        state: IncidentState = IncidentState.RAISED,
        raised_at: datetime = NOW,
        site_no: int = 1,
        site_id: str = "s001",
        device_no: int | None = None,
        device_id: str = "",
        life_safety: bool = True,
    ) -> UUID:
        incident_id = uuid4()
        self.execute(
            "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
            " site_no, site_id, device_no, device_id, state, raised_at, last_event_at, detail, changed_at)"
            " VALUES (%s, %s, 'smoke_alarm', 'fire', %s, %s, %s, false, false, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            incident_id,
            str(incident_id),
            severity,
            severity.rank,
            life_safety,
            site_no,
            site_id,
            device_no,
            device_id,
            state,
            raised_at,
            raised_at,
            Jsonb({"value": 3.5}),
            raised_at,
        )
        self.notice("campuswatch_incident", str(incident_id))
        return incident_id

    def delivery(
        self,
        incident_id: UUID,
        recipient: str = "police",
        *,
        state: str = "queued",
        attempts: int = 0,
        created_at: datetime = NOW,
        received_at: datetime | None = None,
        channel: str = "webhook",
        last_error: str | None = None,
    ) -> UUID:
        delivery_id = uuid4()
        self.execute(
            "INSERT INTO delivery (delivery_id, incident_id, channel, recipient, notice, body, state, attempts,"
            " life_safety, created_at, next_attempt_at, received_at, last_error)"
            " VALUES (%s, %s, %s, %s, 'raised', '{}', %s, %s, true, %s, %s, %s, %s)",
            delivery_id,
            incident_id,
            channel,
            recipient,
            state,
            attempts,
            created_at,
            created_at,
            received_at,
            last_error,
        )
        return delivery_id

    def quarantined(
        self,
        *,
        reason: str = "bad_json",
        device_id: str = "s001-smk-99",
        payload: bytes = b"{",
        channel: str = "reading",
        at: datetime = NOW,
    ) -> None:
        self.execute(
            "INSERT INTO quarantine (received_at, topic, site_id, device_id, channel, reason, detail, payload, size)"
            " VALUES (%s, %s, 's001', %s, %s, %s, 'why', %s, %s)",
            at,
            f"campus/v1/s001/{device_id}/{channel}",
            device_id,
            channel,
            reason,
            payload,
            len(payload),
        )

    def notice(self, channel: str, payload: str = "") -> None:
        self.execute("SELECT pg_notify(%s, %s)", channel, payload)
