from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.turns import Turns, in_turns
from mqtt.packets import Inbound

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def _waiting(*said: tuple[bytes, int]) -> Turns[int]:
    turns: Turns[int] = Turns()
    for sender, one in said:
        turns.put(sender, one)
    return turns


def _all(turns: Turns[int]) -> list[int]:
    return [turns.next()[1] for _ in range(len(turns))]


def test_who_has_much_to_say_takes_turns_with_the_others() -> None:
    turns = _waiting(*[(b"a", number) for number in range(5)], (b"b", 10), (b"b", 11), (b"c", 20))
    assert _all(turns) == [0, 10, 20, 1, 11, 2, 3, 4]


def test_what_is_put_back_is_the_first_of_its_sender_and_behind_the_others() -> None:
    turns = _waiting((b"a", 1), (b"a", 2), (b"b", 10))
    turns.put_back(*turns.next())
    assert _all(turns) == [10, 1, 2]


def test_nothing_waits() -> None:
    turns = _waiting((b"a", 1))
    assert len(turns) == 1
    turns.next()
    assert not turns
    with pytest.raises(KeyError):
        turns.next()


def _sizes(*sizes: int) -> list[Inbound]:
    return [Inbound(b"t", bytes(size), NOW, 1, 1, False) for size in sizes]


def test_messages_are_cut_by_their_number_and_by_their_bytes() -> None:
    def cut(*sizes: int) -> list[list[int]]:
        return [[len(m.payload) for m in turn] for turn in in_turns(_sizes(*sizes), most=3, most_bytes=100)]

    assert cut() == []
    assert cut(1, 2, 3, 4) == [[1, 2, 3], [4]]
    assert cut(60, 40, 1) == [[60, 40], [1]]
    assert cut(500, 500, 1) == [[500], [500], [1]]
