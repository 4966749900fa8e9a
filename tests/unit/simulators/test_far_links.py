"""What far ends make of supervision, of CAP documents, and of a person who answers."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from alerting.cap import CapAddress
from alerting.channels.cap import MEDIA_TYPE, cap_form
from alerting.desk import Desk
from alerting.link_answers import read_answer
from alerting.signature import Seal
from alerting.supervision import heartbeat, trial_alarm
from domain.delivery import Delivery
from simulators.far_ends import Answer, FarEnds, LinkBehaviour, LinkName, Mode, Person
from tests.unit.alerting.findings import SmallGazetteer, press

SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="
AT = datetime(2020, 3, 10, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
CAP = cap_form(CapAddress(sender="wujin", addresses=("police",)), ZONE)


@pytest.fixture
def far() -> FarEnds:
    return FarEnds(police_secret=SECRET, education_secret=SECRET)


def deliver(far: FarEnds, one: Delivery, *, cap: bool = False) -> Answer:
    media_type, body = CAP(one) if cap else ("application/json", msgspec.json.encode(one.body))
    headers = {
        "Content-Type": media_type,
        "Webhook-Id": one.webhook_id,
        "Webhook-Timestamp": str(int(AT.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign(one.webhook_id, AT, body.decode()),
    }
    return far.take(LinkName.POLICE, headers, body, AT)


def alarm(*, drill: bool = False) -> Delivery:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZONE)
    return desk.link_deliveries(press(drill=drill), now=AT)[0]


@pytest.mark.parametrize("cap", [False, True], ids=["json", "cap"])
def test_heartbeats_and_tests_are_answered_and_are_no_alarms(far: FarEnds, cap: bool) -> None:
    beat = heartbeat("police", AT, every_s=30.0)
    assert deliver(far, beat, cap=cap).body["webhook_id"] == beat.webhook_id
    assert deliver(far, trial_alarm("police", AT), cap=cap).status == 200
    assert far.heartbeats[LinkName.POLICE] == 1
    assert len(far.trials[LinkName.POLICE].received) == 1
    assert list(far.books[LinkName.POLICE].received) == []


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.HANG, Mode.ERROR500])
def test_a_far_end_that_is_down_answers_no_heartbeat(far: FarEnds, mode: Mode) -> None:
    far.behave(LinkBehaviour(link=LinkName.POLICE, mode=mode))
    assert deliver(far, heartbeat("police", AT, every_s=30.0)).status >= 400
    assert far.heartbeats[LinkName.POLICE] == 0


def test_a_cap_document_is_the_same_alarm_as_the_webhook(far: FarEnds) -> None:
    one = alarm(drill=True)
    first, again = deliver(far, one, cap=True), deliver(far, one)
    assert first.body == again.body
    (taken,) = far.books[LinkName.POLICE].received
    assert (taken.type, taken.data["drill"], taken.data["rule"]) == ("incident.raised", True, "one_key_alarm")
    assert taken.data["incident_id"] == str(one.incident_id)


@pytest.mark.parametrize("document", [b"<alert/>", b"no", b'<!DOCTYPE a [<!ENTITY b "c">]><alert/>'])
def test_what_is_no_cap_document_is_refused(far: FarEnds, document: bytes) -> None:
    headers = {
        "content-type": MEDIA_TYPE,
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(AT.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", AT, document.decode()),
    }
    assert far.take(LinkName.POLICE, headers, document, AT).status == 400


@pytest.mark.parametrize(("person", "accepted"), [(Person.ACCEPTS, True), (Person.REFUSES, False)])
def test_a_person_there_says_so_once_and_we_can_read_it(far: FarEnds, person: Person, accepted: bool) -> None:
    far.behave(LinkBehaviour(link=LinkName.POLICE, person=person, person_after_s=7.0))
    one = alarm()
    say = deliver(far, one).person
    assert say is not None
    assert (say.after_s, say.accepted) == (7.0, accepted)
    assert deliver(far, one).person is None, "a second copy is no second alarm"
    headers, body = far.answer(LinkName.POLICE, say, AT)
    answer = read_answer(headers, body, Seal(SECRET), AT)
    assert (answer.delivery_id, answer.accepted) == (one.delivery_id, accepted)
