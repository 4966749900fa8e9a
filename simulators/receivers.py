"""Police, education and a duty leader's telephone on HTTP: `simulators.far_ends` answers, this carries it.

``POST /police`` and ``POST /education`` take Standard Webhooks and answer a receipt; ``POST /phone`` takes Apprise's
JSON, and ``POST /phone/acknowledge`` is the thumb of the leader. ``GET /received`` shows what came. ``POST /behaviour``
makes a link misbehave (the modes stand in `simulators.far_ends`). ``POST /police/status`` and ``/education/status``
tell a control room that asks what a person there has said.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog
from aiohttp import web

from domain.clock import Clock, SystemClock
from simulators.alarm_lines import Language
from simulators.errors import SimulatorError, UnknownNotice, WallRefused
from simulators.far_ends import Answer, FarEnds, LinkBehaviour, LinkName, Say, problem
from simulators.notices import Notice
from simulators.operator import Operator

log = structlog.get_logger()

BODY_BOUND = 1_000_000


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a ``notice_id``: the newest notice that nobody has acknowledged."""

    notice_id: str = ""


class Receivers:
    """The three far ends on HTTP. The secrets are the links' ``whsec_...``; ``say`` gets one line for each alarm.

    With an ``operator`` an acknowledged notice acknowledges its incident in the control room. ``on_answered`` is called
    when the answer to a delivery has been written.
    """

    def __init__(
        self,
        *,
        police_secret: str,
        education_secret: str,
        clock: Clock | None = None,
        language: Language = Language.ZH,
        say: Callable[[str], None] = lambda _: None,
        operator: Operator | None = None,
        on_answered: Callable[[LinkName, str], None] | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._operator = operator
        self._on_answered = on_answered
        self.far_ends = FarEnds(
            police_secret=police_secret, education_secret=education_secret, language=language, say=say
        )
        self._changed = asyncio.Event()
        self._speaking: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BOUND, middlewares=[_say_what_is_wrong])
        app.add_routes(
            [
                *(web.post(f"/{link.value}", self._deliver) for link in LinkName),
                *(web.post(f"/{link.value}/status", self._status) for link in self.far_ends.said),
                web.post("/phone/acknowledge", self._acknowledge),
                web.get("/received", self._received),
                web.get("/behaviour", self._behaviour),
                web.post("/behaviour", self._behave),
            ]
        )
        return app

    def behave(self, wanted: LinkBehaviour) -> None:
        """From now on; whoever waits for a slow or hanging link is let go."""
        self.far_ends.behave(wanted)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _deliver(self, request: web.Request) -> web.StreamResponse:
        link = LinkName(request.path.strip("/"))
        answer = self.far_ends.take(link, request.headers, await request.read(), self._clock.now())
        if answer.person is not None and self._operator is not None:
            task = asyncio.create_task(self._speak(link, answer.person), name=f"a person at {link.value}")
            self._speaking.add(task)
            task.add_done_callback(self._speaking.discard)
        if answer.after_s:
            await self._wait(answer.after_s)
        if answer.broken_off:
            return await _broken_off(request)
        response = _json(answer)
        if self._on_answered is not None and answer.status == 200:
            await response.prepare(request)
            await response.write_eof()
            self._on_answered(link, request.headers.get("webhook-id", ""))
        return response

    async def _status(self, request: web.Request) -> web.Response:
        link = LinkName(request.path.split("/")[1])
        status = self.far_ends.status(link, request.headers, await request.read(), self._clock.now())
        if status.answer.after_s:
            await self._wait(status.answer.after_s)
        response = _json(status.answer)
        response.headers.update(status.headers)
        return response

    async def _speak(self, link: LinkName, say: Say) -> None:
        """A person at the link accepts or refuses, through the control room's API."""
        assert self._operator is not None
        await asyncio.sleep(say.after_s)
        headers, body = self.far_ends.answer(link, say, self._clock.now())
        try:
            await self._operator.answer(link.value, headers, body)
        except WallRefused as error:
            log.warning("answer_not_taken", link=link.value, error=str(error))

    async def _received(self, request: web.Request) -> web.Response:
        far_ends = self.far_ends
        taken = {link.value: list(book.received) for link, book in far_ends.books.items()}
        return _json_of({**taken, LinkName.PHONE.value: list(far_ends.notices.received)})

    async def _behaviour(self, request: web.Request) -> web.Response:
        far_ends = self.far_ends
        return _json_of(
            {
                link.value: {
                    "mode": set_to.mode,
                    "seconds": set_to.seconds,
                    "attempts": far_ends.attempts[link],
                    "bad_signatures": far_ends.bad_signatures[link],
                    "person": set_to.person,
                    "heartbeats": far_ends.heartbeats.get(link, 0),
                    "tests": len(far_ends.trials[link].received) if link in far_ends.trials else 0,
                }
                for link, set_to in far_ends.behaviour.items()
            }
        )

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=LinkBehaviour)
        except msgspec.DecodeError as error:
            return _json(problem(422, str(error)))
        self.behave(wanted)
        return _json_of(wanted)

    async def _acknowledge(self, request: web.Request) -> web.Response:
        notices, now = self.far_ends.notices, self._clock.now()
        try:
            wanted = msgspec.json.decode(await request.read() or b"{}", type=Acknowledgement)
            notice = notices.find(wanted.notice_id)
            done = await self._answer(notice)
            notices.acknowledge(notice.notice_id, now)
        except msgspec.DecodeError as error:
            return _json(problem(422, str(error)))
        except UnknownNotice as error:
            return _json(problem(404, str(error)))
        except WallRefused as error:
            return _json(problem(502, str(error)))
        log.info("notice_acknowledged", notice_id=notice.notice_id, done=done)
        return _json_of({**msgspec.to_builtins(notice), "done": done})

    async def _answer(self, notice: Notice) -> str:
        """Tell the control room the way the notice says, or else through its pages; what was done."""
        if self._operator is None:
            return "marked here only; with --wall URL the incident would be acknowledged too"
        if notice.link:
            return await self._operator.follow(notice.link)
        return await self._operator.acknowledge_notice(notice)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes any free one. :raises SimulatorError: the address is taken or not ours."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SimulatorError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error


@asynccontextmanager
async def serving(application: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """``application`` answers on ``listening`` inside; a link that hangs does not hold the end up."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


async def serve(receivers: Receivers, listening: socket.socket) -> None:
    """Serve until cancelled or signalled."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serving(receivers.application(), listening):
        await ended.wait()


@web.middleware
async def _say_what_is_wrong(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors as JSON, as the answers are."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json(problem(error.status, error.reason))


async def _broken_off(request: web.Request) -> web.StreamResponse:
    """Promise a body and cut the connection in the middle of it."""
    answer = web.StreamResponse(headers={"content-length": "64"})
    await answer.prepare(request)
    await answer.write(b"{")
    if request.transport is not None:
        request.transport.close()
    return answer


def _json(answer: Answer) -> web.Response:
    return _json_of(answer.body, answer.status)


def _json_of(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
