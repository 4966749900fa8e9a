"""What the web role takes for other agencies: answers of people at the links."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from alerting.link_answers import read_answer, take_answer
from alerting.signature import Seal
from campuswatch.settings import Settings
from domain.clock import Clock
from domain.errors import UnknownLink
from storage.pool import Pool, wrapped_errors

log = structlog.get_logger("campuswatch.web")


class WebLinks:
    """Checks what comes from the links against their secrets and writes it down."""

    def __init__(self, pool: Pool, settings: Settings, clock: Clock) -> None:
        self._pool = pool
        self._seals = {link_id: Seal(link.secret.get_secret_value()) for link_id, link in settings.links.items()}
        self._clock = clock

    async def answer(self, link_id: str, headers: Mapping[str, str], body: bytes) -> bool:
        if link_id not in self._seals:
            raise UnknownLink(f"no link is called {link_id}")
        answer = read_answer(headers, body, self._seals[link_id], self._clock.now())
        async with wrapped_errors(), self._pool.connection() as conn:
            news = await take_answer(conn, link_id, answer)
        log.info("delivery answered", link=link_id, delivery_id=str(answer.delivery_id), accepted=answer.accepted)
        return news
