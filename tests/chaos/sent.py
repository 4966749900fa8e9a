"""What the simulated devices say: each message with a name of its own, by which it is found again at the other end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from domain.observation import AlarmKind, Channel
from simulators.message import topic


class Kind(StrEnum):
    HEARTBEAT = "heartbeat"
    READING = "reading"
    EVENT = "event"
    ALARM = "alarm"
    UNREADABLE = "unreadable"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One message. ``stretch`` is the part of the run in which it was first given to the publisher, at ``given_s``
    (epoch seconds); ``acknowledged_s`` is when the broker's PUBACK was seen.
    """

    name: str
    kind: Kind
    site_id: str
    device_id: str
    at: datetime
    topic: str
    payload: bytes
    stretch: int
    given_s: float
    acknowledged_s: float | None = None

    @property
    def device(self) -> str:
        return f"{self.site_id}/{self.device_id}"


class Speech:
    """Makes the messages of a run. Each has a name, and no device has the same time in two messages of a kind."""

    def __init__(self) -> None:
        self.stretch = 0
        self._count = 0
        self._newest_ms: dict[tuple[Kind, str], int] = {}

    def heartbeat(self, site_id: str, device_id: str, now_s: float) -> Sent:
        return self._sent(Kind.HEARTBEAT, Channel.HEARTBEAT, site_id, device_id, now_s, battery_pct=80)

    def reading(self, site_id: str, device_id: str, now_s: float, metric: str, value: float) -> Sent:
        return self._sent(Kind.READING, Channel.READING, site_id, device_id, now_s, values={metric: value})

    def event(self, site_id: str, device_id: str, now_s: float) -> Sent:
        return self._sent(Kind.EVENT, Channel.EVENT, site_id, device_id, now_s, event="access_granted")

    def alarm(self, site_id: str, device_id: str, now_s: float, kind: AlarmKind) -> Sent:
        return self._sent(Kind.ALARM, Channel.ALARM, site_id, device_id, now_s, alarm=kind.value)

    def unreadable(self, site_id: str, device_id: str, now_s: float, channel: Channel) -> Sent:
        """Cut short, as by a gateway that lost power: no JSON any more."""
        sent = self._sent(Kind.UNREADABLE, channel, site_id, device_id, now_s)
        sent.payload = sent.payload[:-1]
        return sent

    def _sent(self, kind: Kind, channel: Channel, site_id: str, device_id: str, now_s: float, **said: object) -> Sent:
        self._count += 1
        name = f"{kind.value}-{self._count:07d}"
        key = (kind, f"{site_id}/{device_id}")
        at_ms = self._newest_ms[key] = max(int(now_s * 1000), self._newest_ms.get(key, 0) + 1)
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        body = {"v": 1, "id": name, "ts": at.isoformat(timespec="milliseconds"), "detail": {"name": name}, **said}
        return Sent(
            name=name,
            kind=kind,
            site_id=site_id,
            device_id=device_id,
            at=datetime.fromisoformat(str(body["ts"])),
            topic=topic(site_id, device_id, channel),
            payload=msgspec.json.encode(body),
            stretch=self.stretch,
            given_s=now_s,
        )
