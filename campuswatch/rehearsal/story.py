"""What happened in a rehearsal: written down at the moment when the control room had it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from alerting.channels import Channel
from domain.clock import Clock
from domain.delivery import Delivery, Notice, Receipt
from simulators.scenarios.happening import DUTY, Happening, HappeningKind, of_line
from storage.pool import Connection
from storage.rehearsal import entries, incidents_by_id, standings

_RANK = {kind: rank for rank, kind in enumerate(HappeningKind)}
#: A transaction that took its numbers early may commit them late: so far back is read again.
_LATE = 1000


class _Told(NamedTuple):
    incident_id: UUID | None
    happening: Happening


class Story:
    """Reads the timelines of incidents as they grow, and hears what was told to whom."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = 0
        self._read: set[int] = set()
        self._stood = 0
        self._written: list[Happening] = []
        self._told: dict[UUID, _Told] = {}

    async def look(self, conn: Connection) -> None:
        """Read on; a `campuswatch.roles.listening.Reaction` to changes of incidents."""
        at_s = self._clock.now().timestamp()
        for entry in await entries(conn, after=self._newest - _LATE):
            if entry.entry_no in self._read:
                continue
            self._read.add(entry.entry_no)
            self._newest = max(self._newest, entry.entry_no)
            # Receipts and notices are known before they stand there: the database may be away.
            line = of_line(entry.incident, at_s, word=entry.kind, actor=entry.actor, detail=entry.detail)
            if line is not None:
                self._written.append(line)
        self._read = {number for number in self._read if number > self._newest - _LATE}

    async def look_at_targets(self, conn: Connection) -> None:
        """Read how sites stand to targets; a reaction to changes of that."""
        at_s = self._clock.now().timestamp()
        for one in await standings(conn, after=self._stood):
            self._stood = one.interval_no
            self._written.append(
                Happening(
                    at_s=at_s,
                    kind=HappeningKind.TARGET,
                    what=one.target_id,
                    site=one.site_id,
                    standing=one.standing,
                    causes=tuple(sorted({cause["requirement"] for cause in one.causes})),
                    proofs=tuple(map(_proof, one.causes)),
                )
            )

    def told(self, delivery: Delivery) -> None:
        """Somebody took ``delivery``. A second copy of it is no news to him, nor is that his link is supervised."""
        if delivery.notice in (Notice.HEARTBEAT, Notice.TEST):
            return
        link = delivery.channel.value == "webhook"
        happening = Happening(
            at_s=self._clock.now().timestamp(),
            kind=HappeningKind.RECEIPT if link else HappeningKind.NOTICE,
            what=delivery.recipient if link else DUTY,
            to=delivery.recipient,
            text=delivery.notice.value,
        )
        self._told.setdefault(delivery.delivery_id, _Told(delivery.incident_id, happening))

    def failed_operator(self, text: str) -> None:
        """An action that an operator could not carry out."""
        at_s = self._clock.now().timestamp()
        self._written.append(Happening(at_s=at_s, kind=HappeningKind.FAILURE, what="operator", text=text))

    async def happenings(self, conn: Connection) -> list[Happening]:
        """All of it, in the order of time."""
        await self.look(conn)
        await self.look_at_targets(conn)
        incidents = await incidents_by_id(conn, [told.incident_id for told in self._told.values() if told.incident_id])
        found = list(self._written)
        for told in self._told.values():
            incident = incidents.get(told.incident_id) if told.incident_id else None
            found.append(
                told.happening
                if incident is None
                else msgspec.structs.replace(
                    told.happening,
                    rule=incident.rule,
                    severity=incident.severity,
                    site=incident.site_id,
                    device=incident.device_id,
                    test=incident.test,
                    drill=incident.drill,
                )
            )
        # Of one moment: whom it is about, by name, so that two runs tell it alike; what befell one of them as it came.
        return sorted(found, key=lambda one: (one.at_s, _RANK[one.kind], one.rule, one.site, one.device, one.to))


def _proof(cause: Mapping[str, Any]) -> dict[str, Any]:
    """Without its times and words: when a device was registered is the database's own time."""
    return {**cause.get("detail", {}), **{name: cause[name] for name in ("requirement", "subject", "known")}}


class Overheard:
    """A `Channel` that tells the story of what was taken."""

    def __init__(self, channel: Channel, story: Story) -> None:
        self._channel = channel
        self._story = story

    async def send(self, delivery: Delivery) -> Receipt | None:
        receipt = await self._channel.send(delivery)
        self._story.told(delivery)
        return receipt
