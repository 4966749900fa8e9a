"""Simulated cameras as RTSP streams: ``rtsp://host:port/{site}/{device}``, JPEG over RTP within the connection.

RFC 2435, and as little of RTSP as FFmpeg and the usual players ask for: OPTIONS, DESCRIBE, SETUP (interleaved), PLAY,
TEARDOWN; Basic authentication. The pictures are those of `simulators.pictures.served`, and so is the misbehaviour: one
that hangs plays and sends nothing, one that sends garbage sends no RTP, one that refuses answers 401.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import struct
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from domain.clock import Clock, SystemClock
from simulators.pictures.served import ServedCameras

FRAMES_PER_S = 4
_FRAGMENT = 1300
_CLOCK_HZ = 90_000
_PAYLOAD_JPEG = 26
_MOST_HEAD = 8192
_SESSION = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "t=0 0", "m=video 0 RTP/AVP 26", "a=control:track0", "")


class StreamedCameras:
    """``async with``; then `port` is where it listens, on loopback."""

    def __init__(
        self,
        cameras: ServedCameras,
        *,
        port: int = 0,
        clock: Clock | None = None,
        username: str = "",
        password: str = "",
    ) -> None:
        self._cameras = cameras
        self._clock = clock or SystemClock()
        self.port = port
        self._wanted = b"Basic " + base64.b64encode(f"{username}:{password}".encode()) if username else b""

    async def __aenter__(self) -> StreamedCameras:
        self._viewers: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_MOST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for viewer in tuple(self._viewers):
            viewer.cancel()
        await asyncio.gather(*self._viewers, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._viewers.add(task)
        playing: asyncio.Task[None] | None = None
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, url, headers = _request(head)
                key = "/".join(urlsplit(url).path.strip("/").split("/")[:2])
                answer = self._answer(method, url, headers, self._cameras.mode(key))
                writer.write(answer)
                await writer.drain()
                if method == "PLAY" and answer.startswith(b"RTSP/1.0 200") and playing is None:
                    playing = asyncio.create_task(self._play(key, writer), name=f"stream {key}")
                if method == "TEARDOWN":
                    return
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            return  # who speaks no RTSP, or goes, is served no longer
        finally:
            if playing is not None:
                playing.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await playing
            writer.close()
            self._viewers.discard(task)

    def _answer(self, method: str, url: str, headers: dict[str, str], mode: str) -> bytes:
        number = headers.get("cseq", "0")
        given = headers.get("authorization", "").encode()
        if method != "OPTIONS" and (
            mode == "refuse" or (self._wanted and not hmac.compare_digest(given, self._wanted))
        ):
            return _reply(number, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="camera"'})
        match method:
            case "OPTIONS":
                return _reply(number, "200 OK", {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"})
            case "DESCRIBE":
                body = "\r\n".join(_SESSION)
                return _reply(number, "200 OK", {"Content-Type": "application/sdp", "Content-Base": f"{url}/"}, body)
            case "SETUP":
                transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
                if "interleaved" not in headers.get("transport", ""):
                    return _reply(number, "461 Unsupported Transport", {})
                return _reply(number, "200 OK", {"Transport": transport, "Session": "1;timeout=60"})
            case "PLAY" | "TEARDOWN" | "GET_PARAMETER" | "PAUSE":
                return _reply(number, "200 OK", {"Session": "1"})
            case _:
                return _reply(number, "501 Not Implemented", {})

    async def _play(self, key: str, writer: asyncio.StreamWriter) -> None:
        sequence = 0
        while True:
            mode = self._cameras.mode(key)
            if mode == "garbage":
                writer.write(b"$\x00\x00\x20" + b"\xff" * 32)
            elif mode not in ("hang", "error"):
                now = self._clock.now()
                jpeg = await asyncio.to_thread(self._cameras.picture, key, now)
                stamp = int(now.timestamp() * _CLOCK_HZ) & 0xFFFFFFFF
                for packet in packets(jpeg, stamp, sequence):
                    writer.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
                    sequence = (sequence + 1) & 0xFFFF
            await writer.drain()
            await asyncio.sleep(1 / FRAMES_PER_S)


def packets(jpeg: bytes, stamp: int, sequence: int) -> Iterator[bytes]:
    """A baseline JPEG with the usual Huffman tables as RTP packets (RFC 2435, 3.1).

    :raises ValueError: it is none.
    """
    tables, width, height, kind, scan = _parts(jpeg)
    quantities = struct.pack(">BBH", 0, 0, 128) + tables
    offset = 0
    while offset < len(scan):
        piece = scan[offset : offset + _FRAGMENT]
        last = offset + len(piece) >= len(scan)
        rtp = struct.pack(">BBHII", 0x80, (0x80 if last else 0) | _PAYLOAD_JPEG, sequence, stamp, 0x63616D)
        about = struct.pack(">IBBBB", offset, kind, 255, width // 8, height // 8)
        yield rtp + about + (quantities if offset == 0 else b"") + piece
        sequence = (sequence + 1) & 0xFFFF
        offset += len(piece)


def _parts(jpeg: bytes) -> tuple[bytes, int, int, int, bytes]:
    """Quantisation tables, width, height, RFC 2435's type (0: 4:2:2, 1: 4:2:0), and the scan without its end."""
    tables: dict[int, bytes] = {}
    width = height = kind = 0
    at = 2
    while at + 4 <= len(jpeg):
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        content = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDB:
            while content:
                tables[content[0] & 0x0F] = content[1:65]
                content = content[65:]
        elif marker == 0xC0:
            height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            kind = {0x21: 0, 0x22: 1}[content[7]]
        elif marker == 0xDA:
            return tables[0] + tables[1], width, height, kind, jpeg[at:-2]
    raise ValueError("no baseline JPEG")


def _request(head: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.strip().split("\r\n")
    # Players say in between how they receive (RTCP): frames of their own, before the next request.
    method, url, _ = _after_frames(first) if "$" in first else first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return method, url, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _after_frames(first: str) -> tuple[str, str, str]:
    for method in ("OPTIONS", "PAUSE", "TEARDOWN", "GET_PARAMETER", "PLAY"):
        place = first.rfind(f"{method} ")
        if place >= 0:
            found, url, version = first[place:].split(" ", 2)
            return found, url, version
    raise ValueError("no request")


def _reply(number: str, status: str, headers: dict[str, str], body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status}", f"CSeq: {number}", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
