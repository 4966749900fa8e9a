from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt import packets
from mqtt.packets import MOST_OF_A_PACKET, Cutter, Inbound, NotMqtt

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
PLENTY = 1_000_000


class Heard:
    """A cutter and what it heard besides messages."""

    def __init__(self) -> None:
        self.accepted: list[tuple[int, bool]] = []
        self.subscribed: list[bytes] = []
        self.cutter = Cutter(
            7, accepted=lambda code, present: self.accepted.append((code, present)), subscribed=self.subscribed.append
        )

    def cut(self, data: bytes, room: int = PLENTY) -> list[Inbound]:
        return self.cutter.cut(data, NOW, room)


def _length(count: int) -> bytes:
    said = bytearray()
    while True:
        count, digit = divmod(count, 128)
        said.append(digit | 0x80 if count else digit)
        if not count:
            return bytes(said)


def _publish(topic: bytes, payload: bytes, packet_id: int = 0, *, retained: bool = False) -> bytes:
    head = 0x30 | (0x02 if packet_id else 0) | (0x01 if retained else 0)
    body = len(topic).to_bytes(2, "big") + topic + (packet_id.to_bytes(2, "big") if packet_id else b"") + payload
    return bytes([head]) + _length(len(body)) + body


messages = st.tuples(
    st.binary(min_size=1, max_size=40),
    st.one_of(st.binary(max_size=40), st.integers(100, 20_000).map(bytes)),
    st.integers(0, 65_535),
    st.booleans(),
)


@given(st.lists(messages, max_size=20), st.data())
def test_cut_anywhere_the_same_messages_come_out(
    said: list[tuple[bytes, bytes, int, bool]], data: st.DataObject
) -> None:
    stream = (
        b"\x20\x02\x01\x00"
        + b"\x90\x04\x00\x01\x01\x80"
        + b"".join(
            _publish(topic, payload, packet_id, retained=retained) + b"\xd0\x00"
            for topic, payload, packet_id, retained in said
        )
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    heard = Heard()
    came: list[Inbound] = []
    for start, end in pairwise([0, *cuts, len(stream)]):
        came += heard.cut(stream[start:end])
    assert [(m.topic, m.payload, m.packet_id, m.retained) for m in came] == said
    assert heard.accepted == [(0, True)]
    assert heard.subscribed == [b"\x01\x80"]
    assert {m.session_no for m in came} <= {7}


@given(st.lists(messages, min_size=1, max_size=20), st.integers(0, 5))
def test_no_more_than_there_is_room_for_and_the_rest_later(
    said: list[tuple[bytes, bytes, int, bool]], room: int
) -> None:
    heard = Heard()
    came = heard.cut(b"".join(_publish(*one[:3], retained=one[3]) for one in said), room)
    assert len(came) == min(room, len(said))
    assert heard.cutter.full is (room < len(said))
    came += heard.cut(b"")
    assert [(m.topic, m.payload) for m in came] == [one[:2] for one in said]
    assert not heard.cutter.full


def test_no_two_messages_are_received_at_the_same_time() -> None:
    came = Heard().cut(b"".join(_publish(b"t", b"%d" % n) for n in range(3)))
    assert [m.received_at - NOW for m in came] == [timedelta(microseconds=n) for n in range(3)]


def test_of_a_huge_message_the_beginning_is_kept_and_the_next_one_is_read() -> None:
    huge = _publish(b"t", b"x" * (3 * MOST_OF_A_PACKET), 5)
    heard = Heard()
    came: list[Inbound] = []
    stream = huge + _publish(b"next", b"1", 6)
    for start in range(0, len(stream), 262_144):
        came += heard.cut(stream[start : start + 262_144])
    assert [m.packet_id for m in came] == [5, 6]
    assert MOST_OF_A_PACKET - 10 < len(came[0].payload) < MOST_OF_A_PACKET
    assert came[1].payload == b"1"


@pytest.mark.parametrize(
    ("nonsense", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n" + b" " * 90, "begins with 0x48"),
        (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
        (b"\x30\x01\x00", "without a topic"),
        (b"\x30\x04\x00\x09ab", "longer than its packet"),
        (b"\x32\x04\x00\x02ab", "longer than its packet"),  # no room for the packet id
        (b"\x20\x03\x00\x00\x00", "begins with 0x20"),
        (b"\x62\x02\x00\x01", "begins with 0x62"),  # PUBREL: we never subscribe with QoS 2
    ],
)
def test_what_is_not_mqtt_is_said(nonsense: bytes, why: str) -> None:
    with pytest.raises(NotMqtt, match=why):
        Heard().cut(nonsense)


@given(st.binary(max_size=200))
def test_whatever_comes_it_is_cut_or_refused(data: bytes) -> None:
    heard = Heard()
    try:
        for position in range(0, len(data), 7):
            heard.cut(data[position : position + 7])
    except NotMqtt:
        pass


def test_connect_says_what_the_standard_wants() -> None:
    said = packets.connect("room-alarm", keepalive_s=10, username="u", password="p")
    assert said == b"\x10\x1c\x00\x04MQTT\x04\xc0\x00\x0a\x00\x0aroom-alarm\x00\x01u\x00\x01p"
    bare = packets.connect("room-alarm", keepalive_s=10, username=None, password=None)
    assert bare[9] == 0  # no clean session, no will, no name


def test_subscribe_asks_for_qos_1() -> None:
    assert packets.subscribe(["a/+", "b"]) == b"\x82\x0c\x00\x01\x00\x03a/+\x01\x00\x01b\x01"


def test_a_long_subscription_has_a_long_length() -> None:
    said = packets.subscribe(["x" * 300])
    assert said[:3] == b"\x82" + _length(2 + 303)


def test_puback_names_the_packet() -> None:
    assert packets.puback(0x1234) == b"\x40\x02\x12\x34"


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"), (16_384, b"\x80\x80\x01")],
)
def test_length_is_encoded_in_digits_of_seven_bits(length: int, encoded: bytes) -> None:
    assert packets.packet(0x32, b"x" * length) == b"\x32" + encoded + b"x" * length


def test_a_publisher_hears_which_of_its_messages_the_broker_has() -> None:
    has: list[int] = []
    cutter = Cutter(1, accepted=lambda code, present: None, subscribed=lambda codes: None, acknowledged=has.append)
    answers = packets.puback(1) + packets.puback(0xFFFF) + packets.puback(300)
    for place in range(len(answers)):
        assert cutter.cut(answers[place : place + 1], NOW, PLENTY) == []
    assert has == [1, 0xFFFF, 300]


def test_a_clean_session_is_asked_for_with_one_bit() -> None:
    kept, clean = (packets.connect("c", keepalive_s=60, clean=clean) for clean in (False, True))
    assert [place for place in range(len(kept)) if kept[place] != clean[place]] == [9]
    assert (kept[9], clean[9]) == (0x00, 0x02)


def test_what_is_said_again_differs_in_one_bit_and_retained_in_another() -> None:
    said = packets.publish(b"t", b"p", 5)
    assert said == b"\x32\x06\x00\x01t\x00\x05p"
    assert packets.repeated(said) == b"\x3a" + said[1:]
    assert packets.publish(b"t", b"p", 5, retain=True) == b"\x33" + said[1:]
