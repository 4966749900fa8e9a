"""Times as they leave the database: aware UTC, whatever time zone the session has."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def utc_or_none(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
