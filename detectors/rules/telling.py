"""What a rule finds, told as findings: about a device, a place of a site, or a site."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from detectors.documents.form import RuleDocument
from domain.device import RegisteredDevice
from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.vocabulary import RULE_WORDS


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Whom a finding is about. ``key`` is the same for all findings of a rule about them."""

    key: str
    site_no: int
    site_id: str
    device_no: int | None = None
    device_id: str = ""
    place: str = ""


class Telling:
    """The findings of one rule. A rule that was added by people brings its own words for them."""

    def __init__(self, document: RuleDocument) -> None:
        header = document.header
        self._name, self._life_safety = document.name, header.life_safety
        self._category, self._severity = Category(header.category), Severity(header.severity)
        self._titles = (
            {} if document.name in RULE_WORDS else {"rule_title": {"zh": header.title.zh, "en": header.title.en}}
        )

    def device(self, device: RegisteredDevice) -> Identity:
        key = f"{self._name}/{device.key}"
        return Identity(key, device.site_no, device.site_id, device.device_no, device.device_id)

    def site(self, site_no: int, site_id: str) -> Identity:
        return Identity(f"{self._name}/{site_id}", site_no, site_id)

    def place(self, site_no: int, site_id: str, place: str) -> Identity:
        return Identity(f"{self._name}/{site_id}/@{place}", site_no, site_id, place=place)

    def finding(
        self,
        about: Identity,
        kind: FindingKind,
        at: datetime,
        found_at: datetime,
        detail: dict[str, Any],
        *,
        cause: str = "",
    ) -> Finding:
        """``cause``: of what it follows; two findings of one kind and moment are apart by it."""
        name, _, key = about.key.partition("/")
        if about.place:
            detail = {"place": about.place, **detail}
        return Finding(
            finding_id=finding_id(name, key, kind.value, at.isoformat(), cause),
            kind=kind,
            rule=self._name,
            key=about.key,
            category=self._category,
            severity=self._severity,
            life_safety=self._life_safety,
            site_no=about.site_no,
            site_id=about.site_id,
            device_no=about.device_no,
            device_id=about.device_id,
            at=at,
            found_at=found_at,
            detail={**detail, **self._titles},
        )
