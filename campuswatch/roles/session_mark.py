"""That this client id has had a session at this broker, kept on local disk.

A broker that forgets our session while we live is noticed at once: it says so when it lets us in. One that forgot it
while the role was down too says the same as to a new client, and only this mark tells the two apart. A broker that
keeps its sessions in memory (the embedded one) forgets them whenever it ends, and nobody is told of that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import structlog

from campuswatch.roles.places import state_directory
from campuswatch.settings import Settings
from ingest.session import BrokerAddress, BrokerSession

log = structlog.get_logger("campuswatch.session")


class SessionMark:
    """For one lane's session; `marked_session` makes both."""

    def __init__(self, settings: Settings, client_id: str, address: BrokerAddress) -> None:
        self._file = state_directory(settings) / "session" / client_id
        self._said = str(address)
        self._wanted = settings.mqtt.keeps_sessions
        self._keeping: asyncio.Future[None] | None = None

    def known(self) -> bool:
        """Whether there was a session before this process. Blocking."""
        try:
            return self._wanted and self._file.read_text("utf-8") == self._said
        except (OSError, UnicodeError):
            return False

    def connected(self, up: bool) -> None:
        """There is a session now. Must not wait: a disk may hang."""
        if up and self._wanted and self._keeping is None:
            self._keeping = asyncio.get_running_loop().run_in_executor(None, self._keep)

    def _keep(self) -> None:
        if self.known():
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self._file.with_name(f"{self._file.name}.new")
            with fresh.open("w", encoding="utf-8") as opened:
                opened.write(self._said)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(self._file)
        except OSError as error:
            log.warning("session not noted on disk", file=str(self._file), error=error.strerror)


def marked_session(
    settings: Settings,
    *,
    client_id: str,
    filters: Sequence[str],
    on_connection: Callable[[bool], None],
    on_forgotten: Callable[[], None],
) -> BrokerSession:
    """A lane's session at the broker of the settings, which is remembered beyond this process."""
    address = BrokerAddress.parse(settings.mqtt_url())
    mark = SessionMark(settings, client_id, address)

    def connected(up: bool) -> None:
        on_connection(up)
        mark.connected(up)

    return BrokerSession(
        address,
        client_id=client_id,
        filters=filters,
        on_connection=connected,
        on_forgotten=on_forgotten,
        had_session=mark.known(),
    )
