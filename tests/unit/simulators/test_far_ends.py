"""The far ends without a network: what a rehearsal in virtual time asks them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from simulators.errors import UnknownNotice
from simulators.far_ends import Answer, FarEnds, LinkBehaviour, LinkName, Mode

SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="
#: Years before this test runs: nothing may ask the machine's clock.
LONG_AGO = datetime(2020, 3, 10, 2, 0, tzinfo=UTC)
ALARM = json.dumps({"type": "incident.raised", "data": {"incident_id": "i1"}}).encode()


@pytest.fixture
def far_ends() -> FarEnds:
    return FarEnds(police_secret=SECRET, education_secret=SECRET)


def deliver(far_ends: FarEnds, webhook_id: str = "msg_1", at: datetime = LONG_AGO, body: bytes = ALARM) -> Answer:
    headers = {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": "v1,AAAA " + Webhook(SECRET).sign(webhook_id, at, body.decode()),
    }
    return far_ends.take(LinkName.POLICE, headers, body, at)


def ring(far_ends: FarEnds, title: str = "一键报警", message: str = "明德小学") -> Answer:
    body = json.dumps({"title": title, "message": message}).encode()
    return far_ends.take(LinkName.PHONE, {}, body, LONG_AGO)


def test_signatures_and_receipts_follow_the_time_handed_in(far_ends: FarEnds) -> None:
    answer = deliver(far_ends)
    assert answer == Answer(
        status=200,
        body={"webhook_id": "msg_1", "receipt_id": "JJ-20200310-0001", "received_at": LONG_AGO.isoformat()},
    )
    recorded = {"webhook-id": "msg_1", "webhook-timestamp": str(int(LONG_AGO.timestamp()))}
    recorded["webhook-signature"] = Webhook(SECRET).sign("msg_1", LONG_AGO, ALARM.decode())
    later = far_ends.take(LinkName.POLICE, recorded, ALARM, LONG_AGO + timedelta(minutes=6))
    assert later.status == 401
    assert far_ends.bad_signatures[LinkName.POLICE] == 1


@pytest.mark.parametrize(
    ("mode", "status", "after_s", "broken_off", "taken"),
    [
        (Mode.OK, 200, 0.0, False, 1),
        (Mode.SLOW, 200, 7.0, False, 1),
        (Mode.LOSE, 200, 0.0, True, 1),
        (Mode.WRONG_RECEIPT, 200, 0.0, False, 1),
        (Mode.REFUSE, 403, 0.0, False, 0),
        (Mode.ERROR500, 500, 0.0, False, 0),
        (Mode.HANG, 503, 7.0, False, 0),
    ],
)
def test_every_mode_is_a_decision_about_status_time_and_whether_it_was_taken(
    far_ends: FarEnds, mode: Mode, status: int, after_s: float, broken_off: bool, taken: int
) -> None:
    for link in LinkName:
        far_ends.behave(LinkBehaviour(link=link, mode=mode, seconds=7.0))
    for answer in (deliver(far_ends), ring(far_ends)):
        assert (answer.status, answer.after_s, answer.broken_off) == (status, after_s, broken_off)
    assert len(far_ends.books[LinkName.POLICE].received) == taken
    assert len(far_ends.notices.received) == taken


def test_a_signed_body_that_is_no_object_is_refused_in_words(far_ends: FarEnds) -> None:
    answer = deliver(far_ends, body=b"[1]")
    assert answer.status == 400
    assert "object" in answer.body["detail"]


def test_the_newest_notice_that_waits_is_acknowledged_first(far_ends: FarEnds) -> None:
    assert ring(far_ends).body["notice_id"] == "SJ-20200310-0001"
    ring(far_ends)
    notices = far_ends.notices
    assert notices.acknowledge("", LONG_AGO).notice_id == "SJ-20200310-0002"
    assert notices.acknowledge("", LONG_AGO).notice_id == "SJ-20200310-0001"
    with pytest.raises(UnknownNotice):
        notices.acknowledge("", LONG_AGO)


def test_a_second_acknowledgement_changes_nothing(far_ends: FarEnds) -> None:
    ring(far_ends)
    first = far_ends.notices.acknowledge("SJ-20200310-0001", LONG_AGO).acknowledged_at
    again = far_ends.notices.acknowledge("SJ-20200310-0001", LONG_AGO + timedelta(minutes=1)).acknowledged_at
    assert again == first == LONG_AGO.isoformat()


def test_a_link_in_a_notice_is_found_without_the_punctuation_around_it(far_ends: FarEnds) -> None:
    ring(far_ends, message="时间：10:00\n确认（http://127.0.0.1:8080/n/abc?s=1）谢谢")
    ring(far_ends, message="nothing to tap on")
    assert [notice.link for notice in far_ends.notices.received] == ["http://127.0.0.1:8080/n/abc?s=1", ""]
