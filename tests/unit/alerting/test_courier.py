from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from alerting.channels.duty_notice import DutyNotice
from alerting.courier import Courier
from alerting.directory import Reach
from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.errors import PermanentFailure, TemporaryFailure
from tests.unit.alerting.findings import NOW
from tests.unit.alerting.inbox import Inbox


def _delivery(channel: DeliveryChannel = DeliveryChannel.WEBHOOK, recipient: str = "police") -> Delivery:
    return Delivery(
        delivery_id=uuid4(),
        incident_id=uuid4(),
        channel=channel,
        recipient=recipient,
        notice=Notice.RAISED,
        body={"shift_no": 1, "title": "t", "text": "x"},
        attempts=3,
        created_at=NOW,
        next_attempt_at=NOW,
    )


@pytest.mark.parametrize(
    ("error", "permanent", "says"),
    [
        (TemporaryFailure("HTTP 500"), False, "HTTP 500"),
        (PermanentFailure("HTTP 410"), True, "HTTP 410"),
        (TimeoutError(), False, "no answer within 20 s"),
        (KeyError("shift_no"), False, "KeyError: 'shift_no'"),
        (RecursionError("deep"), False, "RecursionError: deep"),
    ],
)
async def test_what_goes_wrong_in_a_channel_is_an_outcome(error: Exception, permanent: bool, says: str) -> None:
    outcome = await Courier({"police": Inbox(down=error)}).carry(_delivery())
    assert (outcome.taken, outcome.permanent, outcome.error, outcome.attempts) == (False, permanent, says, 4)


async def test_a_cancellation_is_not_swallowed() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    carrying = asyncio.create_task(Courier({"police": inbox}).carry(_delivery()))
    await asyncio.sleep(0)
    assert inbox.tried
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying


async def test_a_channel_that_hangs_is_given_up() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    outcome = await Courier({"police": inbox}, timeout_s=0.01).carry(_delivery())
    assert (outcome.taken, outcome.permanent, outcome.error) == (False, False, "no answer within 0.01 s")


@pytest.mark.parametrize("channel", list(DeliveryChannel))
async def test_a_channel_that_is_not_configured_keeps_the_delivery_alive(channel: DeliveryChannel) -> None:
    outcome = await Courier({"education": Inbox()}).carry(_delivery(channel))
    assert (outcome.taken, outcome.permanent) == (False, False)
    assert "police" in outcome.error


async def test_a_leader_with_the_name_of_a_link_is_told_by_notice_and_not_by_the_link() -> None:
    link, duty = Inbox(), Inbox()
    people = {DeliveryChannel.APPRISE: duty}
    outcome = await Courier({"police": link}, people).carry(_delivery(DeliveryChannel.APPRISE, "police"))
    assert outcome.taken
    assert (len(link.tried), len(duty.tried)) == (0, 1)


async def test_a_shift_without_a_contact_is_a_final_failure() -> None:
    async def nobody(delivery: Delivery) -> Reach:
        return Reach(addresses=())

    outcome = await Courier({}, {DeliveryChannel.APPRISE: DutyNotice(nobody)}).carry(_delivery(DeliveryChannel.APPRISE))
    assert outcome.permanent


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # imported by Apprise
async def test_contacts_that_no_service_understands_are_a_final_failure_that_shows_none_of_them() -> None:
    async def nonsense(delivery: Delivery) -> Reach:
        return Reach(addresses=("nonsense://user:geheim@host",))

    people = {DeliveryChannel.APPRISE: DutyNotice(nonsense)}
    outcome = await Courier({}, people).carry(_delivery(DeliveryChannel.APPRISE))
    assert outcome.permanent
    assert "geheim" not in outcome.error
