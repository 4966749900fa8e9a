"""The built front end: files as they are, any other path the one page that routes by itself."""

from __future__ import annotations

from pathlib import Path

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


class Pages:
    """ASGI application for everything that no route answers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

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
        files = StaticFiles(directory=self._directory)
        try:
            response = await files.get_response(files.get_path(scope), scope)
        except HTTPException as error:
            # A file that is missing must stay missing: a page instead of a script would be worse than none.
            if error.status_code != 404 or path.startswith(_HASHED) or "." in path.rsplit("/", 1)[-1]:
                raise
            path = "/"
            response = await files.get_response("index.html", scope)
        hashed = path.startswith(_HASHED) and response.status_code in (200, 304)
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response
