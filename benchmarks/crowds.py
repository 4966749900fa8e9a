"""Crowds of devices in processes of their own, told all the same things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import TypeVar

import msgspec

from benchmarks.crowd import Account, Crowd, Progress
from benchmarks.voice import Name

T = TypeVar("T")


def _gather(port: int, names: Sequence[Name], pipe: Pipe) -> None:
    Crowd(port, names, pipe).run()


class Crowds:
    """Several processes of devices, told the same things."""

    def __init__(self, pipes: Sequence[Pipe], shares: Sequence[Sequence[Name]]) -> None:
        self._pipes = pipes
        self._pipe_of = {name.device_id: pipe for pipe, share in zip(pipes, shares, strict=True) for name in share}

    def tell(self, order: str) -> None:
        for pipe in self._pipes:
            pipe.send(order)

    def press(self, device_id: str) -> None:
        self._pipe_of[device_id].send(("press", device_id))

    def progress(self) -> Progress:
        found = self._ask("progress", Progress)
        return Progress(
            open=sum(one.open for one in found),
            accepted=sum(one.accepted for one in found),
            unacknowledged=sum(one.unacknowledged for one in found),
        )

    def account(self) -> Account:
        found = self._ask("account", Account)
        return Account(
            said={channel: sum(one.said[channel] for one in found) for channel in found[0].said},
            repeated=sum(one.repeated for one in found),
            unacknowledged=sum(one.unacknowledged for one in found),
            attempts=sum(one.attempts for one in found),
            presses=[press for one in found for press in one.presses],
        )

    def _ask(self, order: str, kind: type[T]) -> list[T]:
        self.tell(order)
        return [msgspec.convert(pipe.recv(), kind) for pipe in self._pipes]


@contextmanager
def crowds(port: int, names: Sequence[Name], processes: int) -> Iterator[Crowds]:
    """Devices that wait to be told to start."""
    context = get_context("spawn")
    shares = [names[start::processes] for start in range(processes)]
    pipes, running = [], []
    for share in shares:
        ours, theirs = context.Pipe()
        process = context.Process(target=_gather, args=(port, share, theirs), daemon=True)
        process.start()
        pipes.append(ours)
        running.append(process)
    try:
        yield Crowds(pipes, shares)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join(5)
