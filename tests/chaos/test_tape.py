"""The tape knows which messages a role has acknowledged, however the stream is cut."""

from __future__ import annotations

import pytest

from mqtt.packets import packet
from tests.chaos.tape import Conversation

_TOPIC = b"campus/v1/s001/cam-01/heartbeat"


def publication(number: int, payload: bytes) -> bytes:
    return packet(0x32, len(_TOPIC).to_bytes(2, "big") + _TOPIC + number.to_bytes(2, "big") + payload)


def puback(number: int) -> bytes:
    return packet(0x40, number.to_bytes(2, "big"))


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_acknowledged_is_what_the_role_has_answered(size: int) -> None:
    acknowledged: set[bytes] = set()
    line = Conversation(acknowledged)
    stream = packet(0x20, b"\0\0") + publication(1, b"a" * 200) + publication(2, b"b") + publication(3, b"c")
    for start in range(0, len(stream), size):
        line.said(stream[start : start + size])
    answers = puback(1) + puback(3)
    for start in range(0, len(answers), size):
        line.heard(answers[start : start + size])
    assert acknowledged == {b"a" * 200, b"c"}


def test_an_acknowledgement_on_another_connection_counts_for_nothing() -> None:
    acknowledged: set[bytes] = set()
    Conversation(acknowledged).said(publication(1, b"a"))
    Conversation(acknowledged).heard(puback(1))
    assert not acknowledged
