"""Scenarios in real time: what is decided before and after the running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.delivery import DeliveryChannel, DeliveryState
from domain.incident import IncidentState
from simulators.errors import NotInRealTime
from simulators.live import announced, refuse_unfit, starting_at
from simulators.operator import SeenDelivery, SeenDetail, SeenEntry, SeenIncident
from simulators.pages import happenings_of
from simulators.scenarios.happening import HappeningKind
from simulators.scenarios.reading import load

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
INCIDENT = SeenIncident(
    incident_id="i1",
    number=1,
    rule="one_key_alarm",
    severity="critical",
    test=False,
    drill=True,
    site_id="s001",
    site_name="明德小学",
    device_id="s001-btn-01",
    device_name="门卫室一键报警",
    place="门卫室",
    state=IncidentState.RAISED,
    raised_at=NOW,
    last_event_at=NOW,
)


def delivery(channel: DeliveryChannel, state: DeliveryState, *, received: bool = False) -> SeenDelivery:
    return SeenDelivery(
        channel=channel,
        recipient="police" if channel is DeliveryChannel.WEBHOOK else "王主任",
        notice="raised",
        state=state,
        sent_at=NOW + timedelta(seconds=1),
        received_at=NOW + timedelta(seconds=2) if received else None,
    )


def test_a_script_begun_later_keeps_its_distances() -> None:
    script = load("dormitory-fire")
    later = starting_at(script, script.start_s + 1000.5)
    assert later.ends_s - later.start_s == script.ends_s - script.start_s
    for before, after in (
        ([step.at_s for step in script.steps], [step.at_s for step in later.steps]),
        ([want.by_s for want in script.wants], [want.by_s for want in later.wants]),
        ([want.since_s for want in script.wants], [want.since_s for want in later.wants]),
        ([quiet.until_s for quiet in script.quiets], [quiet.until_s for quiet in later.quiets]),
        ([quiet.since_s for quiet in script.quiets], [quiet.since_s for quiet in later.quiets]),
    ):
        assert before
        assert after == [at_s + 1000.5 for at_s in before]
    assert msgspec.structs.replace(later, start_s=0.0).title == script.title


def test_how_long_it_takes_is_said_before_it_begins() -> None:
    assert announced(load("impatient-finger")) == (
        "30 min in real time, until 16:30:00; the first thing happens at 16:05:00. Ctrl-C ends it."
    )


@pytest.mark.parametrize("name", ["alarm-process-killed", "database-away", "nobody-on-duty"])
def test_what_reaches_into_the_control_room_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(NotInRealTime, match=rf"{name}.*line \d+"):
        refuse_unfit(load(name))


@pytest.mark.parametrize("name", ["dormitory-fire", "police-link-down", "uplink-cut", "repeating-gateway"])
def test_orders_links_and_operators_are_for_real_time(name: str) -> None:
    refuse_unfit(load(name))


def test_a_timeline_tells_incidents_changes_and_failures() -> None:
    detail = SeenDetail(
        timeline=[
            SeenEntry(NOW, "raised", "system", {}),
            SeenEntry(NOW, "delivery_delayed", "system", {"channel": "webhook", "recipient": "police", "error": "500"}),
            SeenEntry(NOW, "delivery_failed", "system", {"channel": "apprise", "recipient": "王主任"}),
            SeenEntry(NOW, "acknowledged", "张伟", {}),
            SeenEntry(NOW, "noted", "张伟", {}),
        ],
        deliveries=[],
    )
    told = happenings_of(INCIDENT, detail)
    assert [(one.kind, one.what, one.text) for one in told] == [
        (HappeningKind.INCIDENT, "one_key_alarm", ""),
        (HappeningKind.FAILURE, "police", "500"),
        (HappeningKind.FAILURE, "duty", ""),
        (HappeningKind.CHANGE, "acknowledged", "张伟"),
    ]
    assert {(one.rule, one.site, one.device, one.drill) for one in told} == {
        ("one_key_alarm", "s001", "s001-btn-01", True)
    }


def test_only_what_was_taken_is_a_receipt_or_a_notice() -> None:
    detail = SeenDetail(
        timeline=[],
        deliveries=[
            delivery(DeliveryChannel.WEBHOOK, DeliveryState.RECEIVED, received=True),
            delivery(DeliveryChannel.APPRISE, DeliveryState.SENT),
            delivery(DeliveryChannel.WEBHOOK, DeliveryState.QUEUED),
            delivery(DeliveryChannel.APPRISE, DeliveryState.CANCELLED),
            delivery(DeliveryChannel.WEBHOOK, DeliveryState.FAILED),
        ],
    )
    told = happenings_of(INCIDENT, detail)
    assert [(one.kind, one.what, one.at_s - NOW.timestamp()) for one in told] == [
        (HappeningKind.RECEIPT, "police", 2.0),
        (HappeningKind.NOTICE, "duty", 1.0),
    ]


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("target-networking", "how a site stands to a target"),
        ("duty-swap", "swap"),
        ("target-guard-posts", r"line \d+: registry"),
        ("chattering-site", "limits"),
        ("self-test-due", "tested"),
    ],
)
def test_what_only_a_rehearsal_can_do_is_refused_with_the_reason(name: str, because: str) -> None:
    with pytest.raises(NotInRealTime, match=because):
        refuse_unfit(load(name))
