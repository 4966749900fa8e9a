"""An operator of the control room, or a duty leader on the telephone: who acts on incidents through the web API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from domain.delivery import DeliveryChannel, DeliveryState
from domain.incident import IncidentState
from domain.liveness import Connectivity
from simulators.asking import Asking
from simulators.errors import WallRefused
from simulators.notices import Notice
from simulators.register import Register
from simulators.registrar import Registrar
from simulators.scenarios.script import RegistryAct

T = TypeVar("T")

LEADER = "带班领导（模拟）"
_NUMBER = re.compile(r"#(\d{1,9})\s*$", re.ASCII)


class SeenIncident(msgspec.Struct, frozen=True):
    """As much of an incident as an operator goes by."""

    incident_id: str
    number: int
    rule: str
    severity: str
    test: bool
    drill: bool
    site_id: str
    site_name: str
    device_id: str
    device_name: str
    place: str
    state: IncidentState
    raised_at: datetime
    last_event_at: datetime


class SeenEntry(msgspec.Struct, frozen=True):
    """A line of its timeline."""

    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]


class SeenDelivery(msgspec.Struct, frozen=True):
    """Somebody who was told."""

    channel: DeliveryChannel
    recipient: str
    notice: str
    state: DeliveryState
    sent_at: datetime | None
    received_at: datetime | None


class SeenDetail(msgspec.Struct, frozen=True):
    """What belongs to an incident."""

    timeline: list[SeenEntry]
    deliveries: list[SeenDelivery]


class SeenDevice(msgspec.Struct, frozen=True):
    """A device, and when anything of it last came."""

    device_id: str
    connectivity: Connectivity
    last_seen_at: datetime | None


class _Site(msgspec.Struct, frozen=True):
    site_id: str
    name: str


class _Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None = None


class Operator:
    """Speaks to the control room whose pages are at ``wall`` (``http://127.0.0.1:8000``), with the ``token`` of an
    account under whose name it acts. Used as ``async with``.

    Everything raises `WallRefused` when the control room does not answer or does not allow it.
    """

    def __init__(self, wall: str, token: str = "") -> None:
        self._wall = wall
        self._api = f"{wall.rstrip('/')}/api/v1"
        self._asking = Asking(wall=wall, token=token)

    async def __aenter__(self) -> Operator:
        await self._asking.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._asking.__aexit__(kind, error, traceback)

    async def sites(self) -> dict[str, str]:
        """Names of the registered sites by their id."""
        return {site.site_id: site.name for site in await self._all("sites", "", _Page[_Site])}

    async def devices(self, site_id: str) -> list[SeenDevice]:
        return await self._all(f"sites/{quote(site_id)}/devices", "", _Page[SeenDevice])

    async def queue(self, state: str = "open") -> list[SeenIncident]:
        """The incidents of that state (``open``, ``all`` or one), unacknowledged and worst first."""
        return await self._all("incidents", f"&state={state}", _Page[SeenIncident])

    async def detail(self, incident_id: str) -> SeenDetail:
        return await self._asking.get(f"{self._api}/incidents/{incident_id}", SeenDetail)

    async def act(self, incident_id: str, action: str, *, actor: str, note: str = "") -> None:
        """``acknowledge``, ``reset`` or ``close``."""
        await self._asking.post(f"{self._api}/incidents/{incident_id}/{action}", {"actor": actor, "note": note})

    async def change_registry(self, act: RegistryAct, register: Register, *, today: date, actor: str) -> None:
        await Registrar(self._asking, self._wall, register).change(act, today=today, actor=actor)

    async def shelve(self, incident_id: str, *, until: datetime, reason: str, actor: str) -> None:
        body = {"actor": actor, "until": until.isoformat(), "reason": reason}
        await self._asking.post(f"{self._api}/incidents/{incident_id}/shelve", body)

    async def open_window(
        self, *, site: str, device: str, rule: str, kind: str, until: datetime, reason: str, actor: str
    ) -> None:
        """A maintenance window from now on; what is empty may be any."""
        scope = {"site_id": site, "device_id": device, "rule": rule, "device_kind": kind or None}
        body = {**scope, "ends_at": until.isoformat(), "reason": reason, "actor": actor}
        await self._asking.post(f"{self._api}/windows", body)

    async def answer(self, link_id: str, headers: Mapping[str, str], body: bytes) -> None:
        """What a person at a link says of a delivery, signed by that link."""
        await self._asking.post_signed(f"{self._api}/links/{quote(link_id)}/answers", headers, body)

    async def acknowledge_notice(self, notice: Notice) -> str:
        """Acknowledge the incident whose number the notice's title ends with (``#25``); where it has none, the newest
        unacknowledged one whose site and place it names.
        """
        queue = await self.queue("raised")
        number = _NUMBER.search(notice.title)
        if number is not None:
            fits = exact = [one for one in queue if one.number == int(number[1])]
        else:
            fits = [one for one in queue if one.site_name and one.site_name in notice.title]
            exact = [one for one in fits if one.place and one.place in notice.title]
        if not fits:
            raise WallRefused(f"no unacknowledged incident fits «{notice.title}»")
        incident = max(exact or fits, key=lambda one: one.number)
        await self.act(incident.incident_id, "acknowledge", actor=LEADER)
        return f"incident {incident.number} acknowledged"

    async def follow(self, link: str) -> str:
        """What a leader does who taps the link in a notice. Only to this machine: a notice comes from anybody."""
        if not _is_loopback(urlsplit(link).hostname or ""):
            raise WallRefused(f"{link} is not on this machine and is not followed")
        await self._asking.post(link, {"actor": LEADER})
        return f"followed {link}"

    async def _all(self, what: str, filters: str, page_type: type[_Page[T]]) -> list[T]:
        found: list[T] = []
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={quote(cursor)}" if cursor else ""
            page = await self._asking.get(f"{self._api}/{what}?limit=500{filters}{more}", page_type)
            found += page.items
            cursor = page.next_cursor
        return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
