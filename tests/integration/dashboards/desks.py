"""The desk and the registrar that the program would pass in, as small as they can be."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from uuid import UUID
from zoneinfo import ZoneInfo

from alerting.desk import Desk as AlertingDesk
from alerting.place import Place
from campuswatch.responder import ResponderDesk
from campuswatch.roles.web_desk import WebDesk
from campuswatch.targets.assessor import TargetAssessor
from dashboards.people import Who
from dashboards.settings import WebSettings
from domain.delivery import DeliveryChannel
from domain.device import Device, DeviceKind
from domain.errors import RegistryError
from domain.incident import IncidentAction
from domain.replay import ReplayReport
from storage.devices import get_registered, upsert_devices
from storage.pool import Pool
from storage.quarantine import QuarantineFilter
from tests.integration.dashboards.district import SetClock
from tests.unit.alerting.findings import SmallGazetteer
from tests.unit.alerting.inbox import Inbox

#: Shared with a voice gateway.
VOICE_SECRET = "whsec_" + base64.b64encode(b"a key of the tests, 32 bytes long").decode()


class Nowhere:
    """A gazetteer that knows no place."""

    def place(self, site_id: str, device_id: str) -> Place:
        return Place()


class Desk(WebDesk):
    """The real one over alerting's, with no links."""

    def __init__(self, pool: Pool, clock: SetClock) -> None:
        super().__init__(pool, AlertingDesk(gazetteer=Nowhere(), link_ids=(), zone=ZoneInfo("Asia/Shanghai")), clock)
        #: What the next act raises instead, or waits for without end.
        self.error: Exception | None = None
        self.hangs = False

    async def act(self, incident_id: UUID, action: IncidentAction, *, by: Who, note: str) -> None:
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        await super().act(incident_id, action, by=by, note=note)


class Registrar:
    def __init__(self, pool: Pool, clock: SetClock) -> None:
        self._pool = pool
        self._clock = clock

    async def adopt(
        self,
        site_id: str,
        device_id: str,
        kind: DeviceKind,
        name: str,
        place: str,
        actor: str,
        *,
        parent_id: str = "",
        profile: str = "",
        address: str = "",
    ) -> None:
        device = Device(
            site_id=site_id,
            device_id=device_id,
            kind=kind,
            name=name,
            place=place,
            parent_id=parent_id,
            profile=profile,
            address=address,
        )
        async with self._pool.connection() as conn:
            if await get_registered(conn, site_id, device_id) is not None:
                raise RegistryError(f"{site_id}/{device_id} is registered already")
            await upsert_devices(conn, [device], actor=actor, at=self._clock.now())


class Replayer:
    """Remembers what it was asked, and reports the same thing every time."""

    def __init__(self) -> None:
        self.asked: list[tuple[QuarantineFilter, int, int, bool, str]] = []
        self.report = ReplayReport()

    async def replay(
        self, only: QuarantineFilter, *, after: int, limit: int, dry_run: bool, actor: str
    ) -> ReplayReport:
        self.asked.append((only, after, limit, dry_run, actor))
        return self.report


def assessor(pool: Pool, clock: SetClock) -> TargetAssessor:
    """The real one: it only reads, and adds versions."""
    return TargetAssessor(pool, clock, ZoneInfo("Asia/Shanghai"))


def responder(pool: Pool, clock: SetClock) -> ResponderDesk:
    """The real one, with a telephone that takes everything."""
    desk = AlertingDesk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))
    channels = {DeliveryChannel.APPRISE: Inbox()}
    return ResponderDesk(pool, desk, clock, channels=channels, voice_secret=VOICE_SECRET)


def web_settings(dsn: str) -> WebSettings:
    """Nobody has to sign in. A database that is only slow, as on a busy machine, is not taken for one that is away."""
    return WebSettings(
        dsn=dsn,
        link_ids=("police", "education"),
        hosts=("wall.example",),
        sign_in=False,
        database_timeout_s=30.0,
        stream_timeout_s=20.0,
    )


def signed_in_settings(dsn: str) -> WebSettings:
    """As `web_settings`, and people have to sign in."""
    return dataclasses.replace(web_settings(dsn), sign_in=True)
