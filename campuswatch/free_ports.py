"""Ports for the parts of a demo. Several demos may start at the same moment, and each finds out what is free before its
parts listen there: so what one has chosen is reserved for it by a name that the kernel gives to one process at a time.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack

from domain.errors import EmbeddedError

_RANGE = 200


class FreePorts:
    """Ports that nobody listens on and no other demo has chosen; reserved until `close`, or until this process ends."""

    def __init__(self) -> None:
        self._held = ExitStack()

    def row(self, count: int, *, near: int) -> int:
        """The first of ``count`` ports in a row, at ``near`` or after it.

        Raises:
            EmbeddedError: there are none.
        """
        for first in range(near, near + _RANGE):
            with ExitStack() as held:
                if all(_reserved(held, port) and is_free(port) for port in range(first, first + count)):
                    self._held.push(held.pop_all())
                    return first
        raise EmbeddedError(f"no {count} free ports in a row between {near} and {near + _RANGE}")

    def close(self) -> None:
        self._held.close()


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserved(held: ExitStack, port: int) -> bool:
    """In the abstract namespace: no file is left, and the name is free again when its process dies."""
    name = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    try:
        name.bind(f"\0campuswatch-port-{port}")
    except OSError:
        return False
    return True
