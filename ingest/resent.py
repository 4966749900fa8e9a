"""What the broker owes us again: messages that came over a connection that is lost and were not acknowledged over it.

On the next connection the broker sends them again, before anything else and in the same order, with MQTT's DUP mark
(3.3.1.1, 4.4, 4.6). A message that names neither time nor id has its id from its arrival; sent again it is the same
message only if it keeps that arrival. So the first DUP with a topic and a payload is the first one owed with these, the
second one the second. What had been acknowledged is never looked for: a second press of the same button may look just
like the first, and may itself have been lost on its way to us.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

from mqtt.packets import Inbound


class Resent:
    """Pure; for one session."""

    def __init__(self) -> None:
        self._owed: dict[tuple[bytes, bytes], deque[datetime]] = {}

    def connection_lost(self, unacknowledged: Iterable[Inbound]) -> None:
        """``unacknowledged``: what came over the connection that was lost now, as it came. What an earlier one left
        and this one did not bring is still owed, behind them.
        """
        before, self._owed = self._owed, {}
        for message in unacknowledged:
            if message.packet_id:
                self._owed.setdefault((message.topic, message.payload), deque()).append(message.received_at)
        for said, arrivals in before.items():
            self._owed.setdefault(said, deque()).extend(arrivals)

    def forget(self) -> None:
        """The broker has forgotten the session, or owes nothing more."""
        self._owed.clear()

    def recognise(self, messages: Sequence[Inbound]) -> None:
        """Give what comes again the arrival that it had. The first message that is new ends it: the broker sends what
        it owes before anything else, and what it lost meanwhile must not wait here to be mistaken for another.
        """
        if not self._owed:
            return
        for message in messages:
            if message.again:
                arrivals = self._owed.get((message.topic, message.payload))
                if arrivals:
                    message.received_at = arrivals.popleft()
            elif not message.retained:
                self.forget()
                return
