"""What the installation itself has on its books at the end: tables, quarantine, ledger, incidents, receipts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from ingest.spool import Spool

_DEVICE: LiteralString = "s.site_id || '/' || d.device_id"
_OF_DEVICE: LiteralString = "JOIN device AS d USING (device_no) JOIN site AS s ON s.site_no = d.site_no"


@dataclass(slots=True, kw_only=True)
class Opened:
    """An incident. ``causes``: the names of the messages that its timeline rests on, the one that raised it first."""

    incident_id: str
    rule: str
    device: str
    causes: list[str]


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """A delivery to a link, as the outbox has it."""

    incident_id: str
    link: str
    notice: str
    receipted: bool


@dataclass(slots=True, kw_only=True)
class LedgerLine:
    at_s: float
    received: int
    stored: int
    rejected: int
    duplicate: int


@dataclass(slots=True, kw_only=True)
class Books:
    """``heartbeats`` and ``readings`` by device and time, everything else by the name that the message carried."""

    heartbeats: set[tuple[str, datetime]] = field(default_factory=set)
    readings: set[tuple[str, datetime]] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    quarantined: Counter[bytes] = field(default_factory=Counter)
    rows: int = 0
    incidents: list[Opened] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    ledger: list[LedgerLine] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    findings_waiting: int = 0


def read_books(dsn: str) -> Books:
    """:raises psycopg.OperationalError: the database is away."""
    with psycopg.connect(dsn, connect_timeout=3, options="-c statement_timeout=20s -c TimeZone=UTC") as conn:

        def rows(query: LiteralString) -> list[tuple[Any, ...]]:
            return conn.execute(query).fetchall()

        books = Books(
            heartbeats={(d, at) for d, at in rows(f"SELECT {_DEVICE}, h.ts FROM heartbeat AS h {_OF_DEVICE}")},
            readings={(d, at) for d, at in rows(f"SELECT {_DEVICE}, r.ts FROM reading AS r {_OF_DEVICE}")},
            quarantined=Counter(bytes(payload) for (payload,) in rows("SELECT payload FROM quarantine")),
            outgoing=[
                Outgoing(incident_id=str(incident), link=link, notice=notice, receipted=receipted)
                for incident, link, notice, receipted in rows(
                    "SELECT incident_id, recipient, notice, receipt_id IS NOT NULL FROM delivery"
                    " WHERE channel = 'webhook'"
                )
            ],
            ledger=[
                LedgerLine(at_s=at.timestamp(), received=r, stored=s, rejected=q, duplicate=d)
                for at, r, s, q, d in rows(
                    "SELECT ts, (SELECT sum(n) FROM unnest(received) AS n), (SELECT sum(n) FROM unnest(stored) AS n),"
                    " (SELECT sum(n) FROM unnest(rejected) AS n), (SELECT sum(n) FROM unnest(duplicate) AS n)"
                    " FROM ledger_entry ORDER BY ts"
                )
            ],
            offline=[
                d
                for (d,) in rows(
                    f"SELECT {_DEVICE} FROM device_state AS t {_OF_DEVICE}"
                    " WHERE connectivity = 'offline' OR reason IN ('behind', 'site')"
                )
            ],
            findings_waiting=rows("SELECT count(*) FROM finding WHERE handled_at IS NULL")[0][0],
        )
        events = rows("SELECT detail->>'name' FROM event")
        books.events = {name for (name,) in events}
        books.rows = len(books.heartbeats) + len(books.readings) + len(events)
        causes: dict[str, list[str]] = {}
        for incident_id, name in rows(
            "SELECT incident_id, detail->>'name' FROM incident_entry"
            " WHERE kind IN ('raised', 'repeated', 'raised_again') ORDER BY entry_no"
        ):
            causes.setdefault(str(incident_id), []).append(name or "")
        books.incidents = [
            Opened(
                incident_id=str(incident_id),
                rule=rule,
                device=f"{site_id}/{device_id}",
                causes=causes.get(str(incident_id), []),
            )
            for incident_id, rule, site_id, device_id in rows(
                "SELECT incident_id, rule, site_id, device_id FROM incident ORDER BY number"
            )
        ]
    return books


def records_in_journals(data: Path) -> list[bytes]:
    """What the lanes' journals hold, once the lanes have ended; a message's payload stands in its record as it came."""
    held: list[bytes] = []
    for directory in (data / "journal").glob("*"):
        spool = Spool(directory)
        spool.open()
        held += spool.peek(1_000_000)[0]
        spool.close()
    return held
