"""MQTT packets by hand, against the examples of MQTT 3.1.1."""

from __future__ import annotations

import pytest

from benchmarks.wire import packet


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"), (16_384, b"\x80\x80\x01")],
)
def test_length_is_encoded_in_digits_of_seven_bits(length: int, encoded: bytes) -> None:
    assert packet(0x32, b"x" * length) == b"\x32" + encoded + b"x" * length
