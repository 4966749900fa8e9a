"""Police, education and the duty leader's telephone, in a process of their own: told to misbehave, asked what came."""

from __future__ import annotations

from datetime import datetime

import httpx
import msgspec

from simulators.far_ends import Mode

LINKS = ("police", "education")


class Arrived(msgspec.Struct, kw_only=True):
    """What a link took under one ``webhook_id``; ``copies`` counts how often."""

    link: str
    webhook_id: str
    type: str
    incident_id: str
    device: str
    received_at: datetime
    copies: int


class FarEnd:
    """``books``: everything that arrived so far, by link and webhook-id. The receivers keep the last thousand only, so
    `look` has to be called now and then.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10, trust_env=False)
        self.books: dict[tuple[str, str], Arrived] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def behave(self, link: str, mode: Mode, seconds: float = 0.0) -> None:
        answer = await self._client.post("/behaviour", json={"link": link, "mode": mode.value, "seconds": seconds})
        answer.raise_for_status()

    async def look(self) -> None:
        answer = await self._client.get("/received")
        answer.raise_for_status()
        taken = answer.json()
        for link in LINKS:
            for one in taken[link]:
                data = one["data"]
                site, device = data.get("site") or {}, data.get("device") or {}
                self.books[link, one["webhook_id"]] = Arrived(
                    link=link,
                    webhook_id=one["webhook_id"],
                    type=one["type"],
                    incident_id=data["incident_id"],
                    device=f"{site.get('site_id', '')}/{device.get('device_id', '')}",
                    received_at=datetime.fromisoformat(one["received_at"]),
                    copies=one["copies"],
                )
