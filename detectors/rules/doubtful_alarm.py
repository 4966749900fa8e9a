"""Doubtful alarms: something arrived on the alarm channel that cannot be taken at its word.

An unreadable payload, an unregistered device, an impossible time. It goes to quarantine like any bad message, but
nobody may find out tomorrow that a button had been pressed: the operator and the duty leader get an incident to verify.
Police and education are not called by it (docs/adr/0006).

Keys are bounded by the registry: one for a registered device, one for a site's unregistered ones, one for the rest.
"""

from __future__ import annotations

import msgspec

from domain.finding import Category, Finding, FindingKind, Severity, finding_id
from domain.observation import Alarm
from domain.quarantine import Rejected

RULE = "doubtful_alarm"


def doubtful_message(rejected: Rejected, *, site_no: int, registered: bool, retained: bool) -> Finding:
    """The finding for a message that the alarm lane put aside; ``site_no`` 0 = no known site, ``registered``: its
    device is. Names that nobody registered make no key of their own.

    A ``retained`` message comes again at every subscription; it is the same finding each time.
    """
    site_id = rejected.site_id if site_no else ""
    device_id = rejected.device_id if registered else ""
    when = rejected.payload.hex()[:4096] if retained else rejected.received_at.isoformat()
    return Finding(
        finding_id=finding_id(RULE, rejected.topic, when, rejected.detail),
        kind=FindingKind.RAISED,
        rule=RULE,
        key=f"{RULE}/{site_id}/{device_id}",
        category=Category.SYSTEM,
        severity=Severity.CRITICAL,
        life_safety=False,
        site_no=site_no,
        site_id=site_id,
        device_no=None,
        device_id=device_id,
        at=rejected.received_at,
        found_at=rejected.received_at,
        detail={"reason": rejected.reason.value, "detail": rejected.detail[:300], "topic": rejected.topic[:200]},
    )


def late_alarm(alarm: Alarm) -> Finding:
    """The finding for an alarm whose own time lies too far back to be an alarm of now."""
    return _doubt(alarm, "late", str(alarm.uid), device_time=alarm.at.isoformat())


def retained_alarm(alarm: Alarm) -> Finding:
    """The finding for an alarm that the broker had kept and that names no time: nobody can tell how old it is. It comes
    again at every subscription and is the same finding each time.
    """
    return _doubt(alarm, "retained", f"retained/{alarm.alarm}/{alarm.test}/{alarm.drill}")


def replayed_alarm(alarm: Alarm, *, site_id: str, device_id: str) -> Finding:
    """What a message turned out to be that had been put aside, for the timeline of the doubt that it raised then, if
    that is still open. It opens nothing and calls nobody. ``site_id``, ``device_id``: as the doubt knows it.
    """
    found = _doubt(alarm, "replayed", f"replayed/{alarm.uid}", device_time=alarm.at.isoformat())
    return msgspec.structs.replace(found, kind=FindingKind.UPDATED, key=f"{RULE}/{site_id}/{device_id}")


def _doubt(alarm: Alarm, reason: str, cause: str, **detail: str) -> Finding:
    device = alarm.device
    # A test or a drill is a doubt of its own, so that it never hides the real one behind it.
    mark = "/test" if alarm.test else "/drill" if alarm.drill else ""
    return Finding(
        finding_id=finding_id(RULE, device.key, cause),
        kind=FindingKind.RAISED,
        rule=RULE,
        key=f"{RULE}/{device.key}{mark}",
        category=Category.SYSTEM,
        severity=Severity.CRITICAL,
        life_safety=False,
        site_no=device.site_no,
        site_id=device.site_id,
        device_no=device.device_no,
        device_id=device.device_id,
        at=alarm.received_at,
        found_at=alarm.received_at,
        test=alarm.test,
        drill=alarm.drill,
        detail={"reason": reason, "alarm": alarm.alarm.value, **detail},
    )
