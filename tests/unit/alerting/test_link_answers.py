"""What a person at a link says, and whether it is from there."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from alerting.link_answers import read_answer
from alerting.signature import Seal
from domain.errors import AnswerRefused, SignatureRefused
from tests.unit.alerting.findings import NOW

SECRET = "whsec_cG9saWNlLXBvbGljZS1wb2xpY2U="
ID = UUID("f6f0d002-bf67-5f50-bff4-3ce1fea14858")


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": "msg_a1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_a1", NOW, body.decode()),
    }


def said(answer: str = "accepted", **more: object) -> bytes:
    return msgspec.json.encode(
        {"type": "delivery.answered", "data": {"webhook_id": f"msg_{ID.hex}", "answer": answer, **more}}
    )


def test_an_answer_names_who_and_when() -> None:
    body = said("refused", by="接警员 03", at=(NOW - timedelta(seconds=5)).isoformat(), note="不在辖区")
    answer = read_answer(signed(body), body, Seal(SECRET), NOW)
    assert (answer.delivery_id, answer.accepted, answer.by) == (ID, False, "接警员 03")
    assert (answer.at, answer.note) == (NOW - timedelta(seconds=5), "不在辖区")


@pytest.mark.parametrize("at", ["2001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None])
def test_a_time_that_cannot_be_is_ours(at: str | None) -> None:
    body = said(at=at)
    assert read_answer(signed(body), body, Seal(SECRET), NOW).at == NOW


def test_another_secret_another_body_or_an_old_copy_is_refused() -> None:
    body, seal = said(), Seal(SECRET)
    with pytest.raises(SignatureRefused):
        read_answer(signed(body, "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI="), body, seal, NOW)
    with pytest.raises(SignatureRefused):
        read_answer(signed(body), said("refused"), seal, NOW)
    with pytest.raises(SignatureRefused):
        read_answer(signed(body), body, seal, NOW + timedelta(minutes=6))
    with pytest.raises(SignatureRefused):
        read_answer({}, body, seal, NOW)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"no", said("perhaps"), b'{"data": {"webhook_id": "x", "answer": "accepted"}}']
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerRefused):
        read_answer(signed(body), body, Seal(SECRET), NOW)


def test_what_we_sign_the_package_verifies() -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)  # the package's own check asks the machine's clock
    body = said()
    assert Webhook(SECRET).verify(body.decode(), Seal(SECRET).headers("msg_1", body, now))
