"""Whoever has much to say takes turns with everybody else."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from mqtt.packets import Inbound

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits: for each sender in the order in which it came; of the senders one after the other."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[bytes, deque[T]] = OrderedDict()  # whose turn it is comes first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, sender: bytes, one: T) -> None:
        self._waiting.setdefault(sender, deque()).append(one)
        self._count += 1

    def put_back(self, sender: bytes, one: T) -> None:
        """``one`` is the first of its sender again."""
        self._waiting.setdefault(sender, deque()).appendleft(one)
        self._count += 1

    def next(self) -> tuple[bytes, T]:
        """The first thing of the sender whose turn it is; his next one is behind those of all others.

        :raises KeyError: nothing waits.
        """
        sender, queue = self._waiting.popitem(last=False)
        one = queue.popleft()
        if queue:
            self._waiting[sender] = queue
        self._count -= 1
        return sender, one


def in_turns(messages: Sequence[Inbound], *, most: int, most_bytes: int) -> list[Sequence[Inbound]]:
    """``messages`` in their order, cut into what is understood in one go."""
    turns: list[Sequence[Inbound]] = []
    start = size = 0
    for place, message in enumerate(messages):
        if place > start and (place - start >= most or size + len(message.payload) > most_bytes):
            turns.append(messages[start:place])
            start, size = place, 0
        size += len(message.payload)
    return [*turns, messages[start:]] if messages else turns
