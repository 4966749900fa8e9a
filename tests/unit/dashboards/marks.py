"""Incidents and sites as the wall's queries give them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from dashboards.open_incidents import OpenIncidents
from domain.finding import Category, Severity
from domain.incident import IncidentState
from domain.site import SiteKind
from storage.wall import IncidentMark, SiteCounts, SiteIncidents

START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def mark(
    number: int,
    *,
    site_no: int = 1,
    severity: Severity = Severity.MINOR,
    state: IncidentState = IncidentState.RAISED,
    version: int = 1,
    raised_s: int = 0,
    shelved: bool = False,
    aside: bool = False,
) -> IncidentMark:
    raised_at = START + timedelta(seconds=raised_s)
    return IncidentMark(
        UUID(int=number), version, number, site_no, Category.FIRE, severity, state, raised_at, shelved, aside
    )


def at_sites(*marks: IncidentMark) -> Mapping[int, SiteIncidents]:
    return OpenIncidents(marks).at_sites()


def counts(site_no: int = 1, *, devices: int = 3, online: int = 3, offline: int = 0) -> SiteCounts:
    return SiteCounts(site_no, f"s{site_no:03}", "学校", "School", "镇", SiteKind.PRIMARY, devices, online, offline)
