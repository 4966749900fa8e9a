"""Thousands of devices, each with an MQTT connection of its own, in a few processes.

A client library keeps a thread, a pair of sockets or a timer for each connection; here a connection is one socket and
a few numbers. A device behaves as a simple one does: it connects again half a second to a second after it was cut off,
and waits longer, up to ten seconds, while nobody is there. Let in, it says how it is (retained) and that it works, and
then gives a heartbeat every 30 seconds. What the broker has not acknowledged it says again on the next connection. A
button pressed meanwhile is the first thing that it says then.
"""

from __future__ import annotations

import errno
import heapq
import random
import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from multiprocessing.connection import Connection as Pipe
from uuid import uuid4

import msgspec

from benchmarks.province import heartbeat
from benchmarks.voice import Name, Press, Voice
from domain.observation import AlarmKind, Channel
from simulators.message import alarm, timestamp

HEARTBEAT_S = 30.0
#: An answer to a connection is waited for so long.
CONNECT_S = 20.0
#: Before the next try, doubled with each that failed up to the longest; the upper half of it by chance.
AGAIN_S, LONGEST_AGAIN_S = 1.0, 10.0


class Progress(msgspec.Struct, frozen=True):
    """``accepted``: devices that the broker has let in since they were last asked to be counted."""

    open: int
    accepted: int
    unacknowledged: int


class Account(msgspec.Struct, frozen=True):
    """``said`` by channel: different messages that went out. All but ``unacknowledged`` were acknowledged."""

    said: dict[str, int]
    repeated: int
    unacknowledged: int
    attempts: int
    presses: list[Press]


class _Due(Enum):
    CONNECT = 0
    GIVE_UP = 1
    HEARTBEAT = 2


class _Line:
    """A device's socket, and what is known of it."""

    __slots__ = ("attempt", "counted", "failed", "left", "open", "presses", "sock", "voice", "watched")

    def __init__(self, name: Name) -> None:
        self.voice = Voice(name)
        self.sock: socket.socket | None = None
        self.open = False
        self.counted = False
        self.attempt = 0
        self.failed = 0  # tries in a row
        self.left = b""  # what the socket did not take yet
        self.watched = 0  # what the poll looks for
        self.presses: dict[int, Press] = {}


class Crowd:
    """The loop of one process. It takes orders over ``pipe`` (see `benchmarks.crowds.Crowds`) until told to end."""

    def __init__(self, port: int, names: Sequence[Name], pipe: Pipe) -> None:
        self._port = port
        self._pipe = pipe
        self._lines = [_Line(name) for name in names]
        self._by_name = {name.device_id: line for name, line in zip(names, self._lines, strict=True)}
        self._by_fd: dict[int, int] = {}
        self._chance = random.Random(len(names))
        self._due: list[tuple[float, int, int, _Due]] = []
        self._epoll = select.epoll(len(names) + 1)
        self._said = dict.fromkeys((channel.value for channel in Channel), 0)
        self._repeated = self._attempts = 0
        self._presses: list[Press] = []
        self._silent = self._over = False

    def run(self) -> None:
        self._epoll.register(self._pipe.fileno(), select.EPOLLIN)
        while not self._over:
            wait_s = min(0.2, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.2
            for fd, events in self._epoll.poll(wait_s, 500):
                if fd == self._pipe.fileno():
                    self._obey()
                elif (number := self._by_fd.get(fd)) is not None:
                    self._serve(number, events)
            self._work_off()

    def _obey(self) -> None:
        match self._pipe.recv():
            case "start":
                now = time.monotonic()
                for number in range(len(self._lines)):
                    self._put(now, number, _Due.CONNECT)
                    self._put(now + self._chance.uniform(0, HEARTBEAT_S), number, _Due.HEARTBEAT)
            case "count anew":
                for line in self._lines:
                    line.counted = False
            case "progress":
                lines = self._lines
                self._pipe.send(
                    Progress(
                        open=sum(line.open for line in lines),
                        accepted=sum(line.counted for line in lines),
                        unacknowledged=sum(len(line.voice.unacknowledged) for line in lines),
                    )
                )
            case "fall silent":
                self._silent = True
            case "account":
                unacknowledged = sum(len(line.voice.unacknowledged) for line in self._lines)
                self._pipe.send(Account(self._said, self._repeated, unacknowledged, self._attempts, self._presses))
            case "end":
                self._over = True
            case ("press", str(device_id)):
                self._press(self._by_name[device_id])

    def _work_off(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due_s, number, attempt, what = heapq.heappop(self._due)
            line = self._lines[number]
            match what:
                case _Due.CONNECT:
                    self._connect(number)
                case _Due.GIVE_UP:
                    if attempt == line.attempt and not line.open:
                        self._lost(number)
                case _Due.HEARTBEAT:
                    self._put(due_s + HEARTBEAT_S, number, _Due.HEARTBEAT)
                    if line.open and not self._silent:
                        self._say(line, Channel.HEARTBEAT, heartbeat(time.time()))

    # -- one device -----------------------------------------------------------------------------------------------

    def _connect(self, number: int) -> None:
        line = self._lines[number]
        sock = line.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._attempts += 1
        line.attempt += 1
        self._by_fd[sock.fileno()] = number
        line.watched = select.EPOLLOUT
        self._epoll.register(sock.fileno(), line.watched)
        line.left = line.voice.greeting()
        self._put(time.monotonic() + CONNECT_S, number, _Due.GIVE_UP)
        if sock.connect_ex(("127.0.0.1", self._port)) not in (0, errno.EINPROGRESS):
            self._lost(number)

    def _serve(self, number: int, events: int) -> None:
        line = self._lines[number]
        assert line.sock is not None
        try:
            if events & select.EPOLLOUT:
                self._flush(line)
                line.failed = 0  # somebody is there, however busy
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = line.sock.recv(65_536)
                if not data:
                    raise ConnectionError
                self._hear(number, line, data)
        except BlockingIOError:
            return
        except OSError:
            self._lost(number)

    def _hear(self, number: int, line: _Line, data: bytes) -> None:
        heard = line.voice.hear(data)
        for acknowledged in heard.acknowledged:
            line.presses.pop(acknowledged, None)
        if heard.refused:
            raise ConnectionError
        if heard.accepted:
            line.open, line.counted, line.failed = True, True, 0
            at = time.perf_counter()
            # Whoever pressed a button while there was no way out comes first.
            for place, said in sorted(line.voice.again(), key=lambda one: one[0] not in line.presses):
                if press := line.presses.get(place):
                    press.sent_at.append(at)
                self._repeated += 1
                self._send(line, said)
            if not self._silent:
                now_s = time.time()
                state = f'{{"id":"{line.attempt}","ts":"{timestamp(now_s)}","state":{{"power":"mains"}}}}'
                self._say(line, Channel.STATE, state.encode(), retain=True)
                self._say(line, Channel.HEARTBEAT, heartbeat(now_s))

    def _press(self, line: _Line) -> None:
        at = time.perf_counter()
        press = Press(line.voice.name.device_id, at, [at] if line.open else [])
        self._presses.append(press)
        number, said = line.voice.say(Channel.ALARM, alarm(time.time(), uuid4().hex, AlarmKind.PANIC))
        line.presses[number] = press
        self._said[Channel.ALARM.value] += 1
        if line.open:
            self._send(line, said)

    def _say(self, line: _Line, channel: Channel, payload: bytes, *, retain: bool = False) -> None:
        _, said = line.voice.say(channel, payload, retain=retain)
        self._said[channel.value] += 1
        self._send(line, said)

    def _send(self, line: _Line, said: bytes) -> None:
        waits = bool(line.left)
        line.left += said
        if not waits:
            try:
                self._flush(line)
            except OSError:
                return  # the next look at the socket says so too, and then it is connected anew

    def _flush(self, line: _Line) -> None:
        assert line.sock is not None
        with suppress(BlockingIOError):
            line.left = line.left[line.sock.send(line.left) :]
        watched = select.EPOLLIN | (select.EPOLLOUT if line.left else 0)
        if watched != line.watched:
            line.watched = watched
            self._epoll.modify(line.sock.fileno(), watched)

    def _lost(self, number: int) -> None:
        line = self._lines[number]
        line.open, line.left = False, b""
        if line.sock is not None:
            self._by_fd.pop(line.sock.fileno(), None)
            line.sock.close()
            line.sock = None
            longest_s = min(LONGEST_AGAIN_S, AGAIN_S * 2.0 ** min(line.failed, 10))
            line.failed += 1
            self._put(time.monotonic() + longest_s * self._chance.uniform(0.5, 1.0), number, _Due.CONNECT)

    def _put(self, at_s: float, number: int, what: _Due) -> None:
        heapq.heappush(self._due, (at_s, number, self._lines[number].attempt, what))
