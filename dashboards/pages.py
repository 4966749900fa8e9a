"""The built front end: files as they are, any other path the one page that routes by itself.

Files whose names hold a hash never change: they are kept in memory, and packed for whoever can unpack them, so that a
telephone gets a third of the bytes and nobody waits for a disk.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
import time
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_NOT_BUILT = """\
<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>campuswatch</title></head>
<body>
<h1>网页尚未构建</h1>
<p>服务正常运行,但此安装不含网页。接口说明:<a href="/api/v1/openapi.json">/api/v1/openapi.json</a></p>
<h1 lang="en">The pages were not built</h1>
<p lang="en">The server runs, but this installation holds no pages. The API:
<a href="/api/v1/openapi.json">/api/v1/openapi.json</a></p>
</body></html>
"""

#: Names of files under here hold a hash of their content.
_HASHED = "/assets/"
#: So long after it was written a file is whole.
_SETTLED_S = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    plain: bytes
    packed: bytes
    media_type: str

    @classmethod
    def of(cls, file: Path) -> _Kept:
        plain = file.read_bytes()
        return cls(plain, gzip.compress(plain, 6, mtime=0), mimetypes.guess_type(file.name)[0] or "text/plain")


class Pages:
    """ASGI application for everything that no route answers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: dict[str, _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        path: str = scope["path"]
        if path == "/metrics" or path == "/api" or path.startswith("/api/"):
            raise HTTPException(404, "There is nothing under this path.")
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, "Pages can only be read.", headers={"allow": "GET, HEAD"})
        response = await self._page(path, scope)
        await response(scope, receive, send)

    async def _page(self, path: str, scope: Scope) -> Response:
        if not (self._directory / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, headers={"cache-control": "no-store"})
        if path.startswith(_HASHED) and (kept := await self._hashed(path.removeprefix(_HASHED))) is not None:
            return _answer(kept, Headers(scope=scope))
        files = StaticFiles(directory=self._directory)
        try:
            response = await files.get_response(files.get_path(scope), scope)
        except HTTPException as error:
            # A file that is missing must stay missing: a page instead of a script would be worse than none.
            if error.status_code != 404 or path.startswith(_HASHED) or "." in path.rsplit("/", 1)[-1]:
                raise
            path = "/"
            response = await files.get_response("index.html", scope)
        response.headers["cache-control"] = "no-cache"
        return response

    async def _hashed(self, name: str) -> _Kept | None:
        """A file whose name holds a hash; None: there is none. Only names that the directory lists are read."""
        if name not in self._kept:
            folder = self._directory / _HASHED.strip("/")
            files = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
            file = files.get(name)
            if file is None or file.is_symlink() or not file.is_file():
                return None
            read = await asyncio.to_thread(_Kept.of, file)
            if time.time() - file.stat().st_mtime < _SETTLED_S:
                return read  # it may still be on its way there
            self._kept[name] = read
        return self._kept[name]


def _answer(kept: _Kept, headers: Headers) -> Response:
    packed = _takes_gzip(headers.get("accept-encoding", ""))
    return Response(
        kept.packed if packed else kept.plain,
        media_type=kept.media_type,
        headers={
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "accept-encoding",
            **({"content-encoding": "gzip"} if packed else {}),
        },
    )


def _takes_gzip(accepted: str) -> bool:
    """Whether an ``Accept-Encoding`` (RFC 9110, 12.5.3) names gzip, and not with a weight of 0, which is a refusal."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return _REFUSED.fullmatch(weight.strip()) is None
    return False


_REFUSED = re.compile(r"q\s*=\s*0(\.0{0,3})?")
