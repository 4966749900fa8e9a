"""A device's side of MQTT by hand."""

from __future__ import annotations

import pytest

from benchmarks.voice import Name, Press, Voice
from domain.observation import Channel

_ACCEPTED = b"\x20\x02\x00\x00"


@pytest.fixture
def voice() -> Voice:
    return Voice(Name("s001", "s001-btn-01"))


def test_what_was_said_is_ours_until_the_broker_acknowledges_it(voice: Voice) -> None:
    number, said = voice.say(Channel.ALARM, b"{}")
    assert said.endswith(b"campus/v1/s001/s001-btn-01/alarm" + number.to_bytes(2, "big") + b"{}")
    assert list(voice.unacknowledged) == [number]
    assert voice.hear(b"\x40\x02" + number.to_bytes(2, "big")).acknowledged == [number]
    assert not voice.unacknowledged


def test_an_answer_that_comes_in_pieces_is_understood(voice: Voice) -> None:
    first, _ = voice.say(Channel.HEARTBEAT, b"{}")
    answer = _ACCEPTED + b"\x40\x02" + first.to_bytes(2, "big")
    heard = [voice.hear(answer[:3]), voice.hear(answer[3:6]), voice.hear(answer[6:])]
    assert [one.accepted for one in heard] == [False, True, False]
    assert heard[2].acknowledged == [first]


def test_what_is_said_again_is_marked_and_otherwise_the_same(voice: Voice) -> None:
    number, said = voice.say(Channel.STATE, b"{}", retain=True)
    [(again, repeated)] = voice.again()
    assert (again, repeated[0], repeated[1:]) == (number, said[0] | 0x08, said[1:])


def test_a_refusal_is_noticed(voice: Voice) -> None:
    heard = voice.hear(b"\x20\x02\x00\x05")
    assert heard.refused
    assert not heard.accepted


@pytest.mark.parametrize(
    ("sent_at", "waited", "took"),
    [([10.0], 0.0, 2.5), ([12.0], 2.0, 0.5), ([10.0, 12.25], 2.25, 0.25)],
)
def test_an_alarm_is_timed_from_the_connection_that_brought_it(
    sent_at: list[float], waited: float, took: float
) -> None:
    assert Press("s001-btn-01", 10.0, sent_at).waited(12.5) == (waited, took)


def test_an_answer_before_the_repetition_belongs_to_the_first_connection() -> None:
    assert Press("s001-btn-01", 10.0, [10.0, 14.0]).waited(11.0) == (0.0, 1.0)
