"""Until when everything was heard: only up to there is somebody's silence a silence.

A connection that is up proves little. A broker may hold a backlog and hand it out slowly, the line may be cut without
anybody having noticed, a broker may stand still: each time the heartbeats wait somewhere, and their senders would seem
dead. So we do what we ask of devices. Every second the lane publishes a message of its own, an *echo*, on a topic that
it hears. The broker queues it behind all that it held by then; when the echo comes back, all of that has been heard,
and silence may be judged up to the moment in which the echo was sent.

::

    ask ──► broker: … heartbeat, heartbeat, echo ──► lane: heard everything until «ask»

Only echoes are for us alone. Whatever else comes on such a topic is a message like any other: no registered site has
this name, so it is put aside and booked. Echoes of other sessions on the same broker come every second and tell nobody
anything; they are only counted.

A broker whose access rules refuse us the topic never sends one back. After `PATIENCE_S` without any, the lane goes by
what it can see: that it is connected and that nothing waits in its own queue.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import datetime, timedelta

#: Topics of echoes, of whatever session: a site that is none, on channels that the bulk lane hears.
ECHOES = b"campus/v1/-/"
CHANNELS = ("heartbeat", "reading", "event", "state")
#: Without any echo for so long after connecting, there will be none.
PATIENCE_S = 120.0
#: Echoes under way that are remembered; the oldest is forgotten.
MOST_UNDER_WAY = 900

#: A process's nonce, and how many echoes it had sent.
_ECHO = re.compile(rb"[0-9a-z]{1,32}/[1-9][0-9]{0,14}")


class Hearing:
    """``name`` is the session's client id, ``nonce`` tells this process from those before it.

    An echo goes out on each of our own channels: brokers queue by session or by subscription (rumqttd), and only what
    went in behind a message comes out behind it.
    """

    def __init__(self, name: str, nonce: str) -> None:
        self.topics = tuple(ECHOES + f"{name}/{channel}".encode() for channel in CHANNELS)
        self._nonce = nonce
        self._under_way: dict[bytes, OrderedDict[bytes, datetime]] = {topic: OrderedDict() for topic in self.topics}
        self._until: dict[bytes, datetime] = {}
        self._asked = 0
        self._told: datetime | None = None
        self._connected_at: datetime | None = None

    def connected(self, now: datetime) -> None:
        """There is a new connection. What is under way may still come back over it."""
        self._connected_at = now

    def ask(self, now: datetime) -> bytes:
        """The payload of an echo that is sent now, on each of `topics`."""
        self._asked += 1
        payload = f"{self._nonce}/{self._asked}".encode()
        for under_way in self._under_way.values():
            under_way[payload] = now
            if len(under_way) > MOST_UNDER_WAY:
                under_way.popitem(last=False)
        return payload

    def came_back(self, topic: bytes, payload: bytes) -> bool:
        """Whether this was an echo of this session. One of an earlier process or a second copy says nothing."""
        under_way = self._under_way.get(topic)
        if under_way is None:
            return False
        if payload not in under_way:
            return _ECHO.fullmatch(payload) is not None
        while True:
            asked, asked_at = under_way.popitem(last=False)
            if asked == payload:  # those before it were overtaken: lost
                self._until[topic] = asked_at
                return True

    def of_another(self, topic: bytes, payload: bytes) -> bool:
        """Whether this is an echo of another session."""
        name, _, channel = topic.removeprefix(ECHOES).rpartition(b"/")
        known = channel.decode("ascii", "replace") in CHANNELS and b"/" not in name and topic not in self._under_way
        return known and _ECHO.fullmatch(payload) is not None

    def until(self, now: datetime, *, quiet: bool) -> datetime | None:
        """Everything before this moment was heard; None = nobody can tell. It goes back only where our clock did.

        :param quiet: we are connected and nothing waits in our own queue.
        """
        if len(self._until) == len(self.topics):
            known = min(self._until.values())
            if quiet and now - known > timedelta(seconds=MOST_UNDER_WAY):
                known = now  # echoes used to come back and do so no longer: the broker's rules have changed
        elif self._connected_at is None or not quiet or now - self._connected_at < timedelta(seconds=PATIENCE_S):
            return None
        else:
            known = now
        if self._told is not None and known < self._told <= now:
            known = self._told
        self._told = known
        return known
