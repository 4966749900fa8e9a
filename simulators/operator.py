"""An operator of the control room, or a duty leader on the telephone: who acts on incidents through the web API."""

from __future__ import annotations

from ipaddress import ip_address
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from simulators.errors import WallRefused
from simulators.notices import Notice

ANSWER_S = 10.0
LEADER = "带班领导（模拟）"


class OpenIncident(msgspec.Struct, frozen=True):
    """What an operator sees of an incident in the queue."""

    incident_id: str
    number: int
    rule: str
    site_id: str
    site_name: str
    device_id: str
    device_name: str
    place: str
    state: str


class _Queue(msgspec.Struct):
    items: list[OpenIncident]
    next_cursor: str | None = None


class Operator:
    """Speaks to the control room whose pages are at ``wall`` (``http://127.0.0.1:8080``). Used as ``async with``."""

    def __init__(self, wall: str) -> None:
        self._wall = wall.rstrip("/")
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Operator:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._client is not None
        await self._client.close()

    async def queue(self, state: str = "open") -> list[OpenIncident]:
        """The incidents of that state, unacknowledged and worst first. :raises WallRefused: no such answer."""
        found: list[OpenIncident] = []
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            answer = await self._ask("GET", f"{self._wall}/api/v1/incidents?state={state}&limit=500{more}")
            try:
                page = msgspec.json.decode(answer, type=_Queue)
            except msgspec.DecodeError as error:
                raise WallRefused(f"{self._wall} is not a control room of ours: {error}") from error
            found += page.items
            cursor = page.next_cursor
        return found

    async def act(self, incident_id: str, action: str, *, actor: str, note: str = "") -> None:
        """``acknowledge``, ``reset`` or ``close``. :raises WallRefused: the control room does not allow it."""
        await self._ask("POST", f"{self._wall}/api/v1/incidents/{incident_id}/{action}", {"actor": actor, "note": note})

    async def acknowledge_notice(self, notice: Notice) -> str:
        """Acknowledge the newest unacknowledged incident whose site and place the notice names."""
        fits = [one for one in await self.queue("raised") if one.site_name and one.site_name in notice.title]
        exact = [one for one in fits if one.place and one.place in notice.title]
        if not fits:
            raise WallRefused(f"no unacknowledged incident fits «{notice.title}»")
        incident = max(exact or fits, key=lambda one: one.number)
        await self.act(incident.incident_id, "acknowledge", actor=LEADER)
        return f"incident {incident.number} acknowledged"

    async def follow(self, link: str) -> str:
        """What a leader does who taps the link in a notice. Only to this machine: a notice comes from anybody."""
        host = urlsplit(link).hostname or ""
        if not _is_loopback(host):
            raise WallRefused(f"{link} is not on this machine and is not followed")
        await self._ask("POST", link, {"actor": LEADER})
        return f"followed {link}"

    async def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> bytes:
        assert self._client is not None
        sent = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json"} if sent else {}
        try:
            async with self._client.request(method, url, data=sent, headers=headers, allow_redirects=False) as answer:
                read = await answer.read()
                if answer.status >= 300:
                    raise WallRefused(f"{method} {url}: HTTP {answer.status} {read[:300].decode(errors='replace')}")
                return read
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise WallRefused(f"{url} does not answer: {error or type(error).__name__}") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
