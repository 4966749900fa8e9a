"""Findings, a small district and a clock for the tests of alerting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from alerting.place import Place
from domain.device import Device, DeviceKind
from domain.finding import Category, Finding, FindingKind, Severity
from domain.site import Site

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **units: float) -> datetime:
        self.at += timedelta(**units)
        return self.at


SITE = Site(
    site_id="s001",
    name="前黄实验学校",
    name_en="Qianhuang Experimental School",
    township="前黄镇",
    address="前黄镇景德西路1号",
    longitude=119.95,
    latitude=31.61,
    contact_name="张伟",
    contact_phone="0519-86510001",
)
BUTTON = Device(
    site_id="s001", device_id="s001-btn-01", kind=DeviceKind.ONE_KEY_ALARM, name="一键报警01", place="东门岗亭"
)


class SmallGazetteer:
    def place(self, site_id: str, device_id: str) -> Place:
        return Place(
            site=SITE if site_id == SITE.site_id else None,
            device=BUTTON if (site_id, device_id) == (BUTTON.site_id, BUTTON.device_id) else None,
        )


_RULES: dict[str, tuple[Category, Severity, bool]] = {
    "one_key_alarm": (Category.PANIC, Severity.CRITICAL, True),
    "smoke_alarm": (Category.FIRE, Severity.CRITICAL, True),
    "temperature_rise": (Category.FIRE, Severity.MAJOR, False),
    "intrusion_alarm": (Category.INTRUSION, Severity.MAJOR, False),
    "tamper": (Category.DEVICE, Severity.MAJOR, False),
    "heartbeat_lost": (Category.DEVICE, Severity.MINOR, False),
    "doubtful_alarm": (Category.SYSTEM, Severity.CRITICAL, False),
}


def finding(
    rule: str = "one_key_alarm",
    kind: FindingKind = FindingKind.RAISED,
    *,
    key: str = "",
    at: datetime = NOW,
    test: bool = False,
    drill: bool = False,
    device_id: str = BUTTON.device_id,
    site_id: str = "s001",
    detail: dict[str, Any] | None = None,
) -> Finding:
    """A finding as the shipped rules make them, with an id of its own."""
    category, severity, life_safety = _RULES[rule]
    return Finding(
        finding_id=uuid4(),
        kind=kind,
        rule=rule,
        key=key or f"{rule}/{site_id}/{device_id}",
        category=category,
        severity=severity,
        life_safety=life_safety,
        site_no=1,
        site_id=site_id,
        device_no=1,
        device_id=device_id,
        at=at,
        found_at=at,
        test=test,
        drill=drill,
        detail=detail or {},
    )


def press(*, at: datetime = NOW, test: bool = False, drill: bool = False) -> Finding:
    mark = "/test" if test else "/drill" if drill else ""
    return finding(key=f"one_key_alarm/s001/{BUTTON.device_id}{mark}", at=at, test=test, drill=drill)
