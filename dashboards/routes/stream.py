"""The live stream over WebSocket."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from fastapi import APIRouter, Response, WebSocket
from starlette.types import Send
from starlette.websockets import WebSocketDisconnect

from dashboards.guard import PLAIN_SEND
from dashboards.people import sites
from dashboards.problems import problem_response, problem_responses
from dashboards.routes import API_PREFIX
from dashboards.services import Services
from dashboards.viewers import Viewer

#: A viewer that takes nothing for this long is cut off.
SEND_TIMEOUT_S = 10.0
#: How a stream is closed whose viewer is not signed in any more (4000 to 4999 are ours).
SIGNED_OUT = 4401

log = structlog.get_logger("campuswatch.web.stream")

_STREAM = """\
Open it as a WebSocket. The server sends text frames, each a JSON object told apart by `type`:

- `snapshot` (schema SnapshotFrame) first, and again when a viewer could not keep up or the database was away;
- `delta` (DeltaFrame) with whatever changed: at most two a second unless an incident changed, at least one every two
  seconds;
- `trouble` (TroubleFrame) when nothing is known of the present state, every two seconds until a snapshot follows.

Whatever a viewer sends is ignored. After four seconds of silence a viewer should say so and connect again.
"""


def stream_routes(services: Services) -> APIRouter:
    routes = APIRouter(prefix=API_PREFIX, tags=["stream"])

    @routes.get(
        "/stream",
        summary="The live stream (WebSocket)",
        description=_STREAM,
        status_code=101,
        response_class=Response,
        responses={101: {"description": "Now it is a WebSocket."}, **problem_responses(403, 426, 503)},
    )
    async def explain_stream() -> Response:
        return problem_response(
            426, "This is a WebSocket; open it as one.", headers={"upgrade": "websocket", "connection": "upgrade"}
        )

    @routes.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        if services.stream.full:
            services.metrics.viewer_drops.labels("full").inc()
            await socket.send_denial_response(
                problem_response(503, "There are as many viewers as this server takes.", headers={"retry-after": "5"})
            )
            return
        await socket.accept()
        viewer = services.stream.join(sites())
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(_send(socket, viewer, services), name="stream sender")
                holder = tasks.create_task(_until_over(socket, services), name="stream holder")
                await _until_gone(socket, sender, holder)
                sender.cancel()
                if holder.done():
                    with suppress(RuntimeError, WebSocketDisconnect):
                        await socket.close(SIGNED_OUT, "not signed in any more")
                holder.cancel()
        finally:
            services.stream.leave(viewer)

    return routes


async def _until_over(socket: WebSocket, services: Services) -> None:
    """Return when whoever watches is not signed in any more, or not with the same sites; never where nobody has to."""
    if services.identities is None:
        await asyncio.Event().wait()
    else:
        await services.identities.until_over(socket.state.identity)


async def _until_gone(socket: WebSocket, *others: asyncio.Task[None]) -> None:
    """Return when the viewer has left, or when there is no use in sending to it any more."""
    listener = asyncio.create_task(_listen(socket), name="stream receiver")
    try:
        await asyncio.wait({listener, *others}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listener.cancel()


async def _listen(socket: WebSocket) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


class _Patience:
    """Cancels a task that is `busy` for longer than ``most_s``. It is looked at now and then: a time limit for each
    frame would cost as much as the frame.
    """

    def __init__(self, task: asyncio.Task[None], most_s: float) -> None:
        self.over = False
        self._task = task
        self._most_s = most_s
        self._loop = task.get_loop()
        self._since: float | None = None
        self._timer = self._loop.call_later(most_s / 5, self._look)

    def busy(self) -> None:
        self._since = self._loop.time()

    def idle(self) -> None:
        self._since = None

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self._since is not None and self._loop.time() - self._since >= self._most_s:
            self.over = True
            self._task.cancel()
        else:
            self._timer = self._loop.call_later(self._most_s / 5, self._look)


async def _send(socket: WebSocket, viewer: Viewer, services: Services) -> None:
    task = asyncio.current_task()
    assert task is not None
    patience = _Patience(task, SEND_TIMEOUT_S)
    send: Send = socket.scope[PLAIN_SEND]
    try:
        while True:
            frame = await viewer.next()
            patience.busy()
            await send({"type": "websocket.send", "text": frame})
            patience.idle()
    except asyncio.CancelledError:
        if not patience.over:
            raise
        services.metrics.viewer_drops.labels("slow").inc()
        log.info("viewer cut off: it took nothing", timeout_s=SEND_TIMEOUT_S)
    except (OSError, RuntimeError):
        return  # it left between two frames
    finally:
        patience.end()
