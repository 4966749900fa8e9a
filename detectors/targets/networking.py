"""Target 3: one-key alarms and the video of key places, networked with police and education (联网).

Networked is what was proved from end to end: the device's heartbeat is within its limit, the links are alive, and of
each one-key alarm police and education have receipted an alarm, mostly a test, within so many days. What never was
proved is unknown until it is due, and behind a dead uplink nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import msgspec

from detectors.targets.measure import Measure, Parameters
from detectors.targets.moment import Moment
from domain.device import DeviceKind
from domain.liveness import Connectivity
from domain.site_facts import DeviceFact, FactKind, LinkFact, SiteFacts
from domain.target import Evidence

_Days = Annotated[int, msgspec.Meta(ge=1, le=400)]
_Link = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Networking(Parameters, frozen=True, kw_only=True):
    """``links``: with whom. A one-key alarm is tested every ``test_days`` and its receipts prove it for ``proof_days``;
    a new one has ``first_days`` for its first proof. ``cameras``: whether video of key places is asked for.
    """

    links: tuple[_Link, ...] = ("police", "education")
    test_days: _Days = 30
    proof_days: _Days = 37
    first_days: _Days = 30
    cameras: bool = True

    def faults(self) -> list[str]:
        found = []
        if not self.links:
            found.append("links: at least one")
        if len(set(self.links)) < len(self.links):
            found.append("links: each but once")
        if self.proof_days < self.test_days:
            found.append("proof_days: a proof has to hold until the next test (test_days)")
        return found


def look(facts: SiteFacts, figures: Networking, moment: Moment) -> list[Evidence]:
    networked = [one for one in facts.devices.values() if one.networked]
    buttons = [one for one in networked if one.kind is DeviceKind.ONE_KEY_ALARM]
    cameras = [one for one in networked if one.kind is not DeviceKind.ONE_KEY_ALARM]
    found: list[Evidence] = []
    if not buttons:
        # Where nothing is registered at all nobody has said yet what there is.
        found.append(Evidence(requirement="one_key_alarm", subject=facts.site_id, met=False, known=bool(networked)))
    known = {link.link_id: link for link in facts.links}
    for link_id in figures.links:
        found.append(_link(link_id, known.get(link_id)))
    for button in buttons:
        found.append(_heartbeat(button, figures, moment))
        found.extend(_receipts(button, figures, moment))
    if figures.cameras:
        if not cameras:
            found.append(Evidence(requirement="key_places", subject=facts.site_id, met=False, known=False))
        found += [_heartbeat(camera, figures, moment) for camera in cameras]
    return found


def _link(link_id: str, link: LinkFact | None) -> Evidence:
    if link is None or link.alive is None:
        # No word of trouble: what devices have proved over it counts.
        return Evidence(requirement="link", subject=link_id, met=True, detail={"supervised": False})
    proved = {} if link.proved_at is None else {"proved_at": link.proved_at.isoformat()}
    return Evidence(
        requirement="link", subject=link_id, met=link.alive, since=link.since, detail={"supervised": True, **proved}
    )


def _heartbeat(device: DeviceFact, figures: Networking, moment: Moment) -> Evidence:
    detail = {"kind": device.kind.value, "place": device.place, "name": device.name}
    if device.last_seen_at is not None:
        detail["last_seen_at"] = device.last_seen_at.isoformat()
    if device.connectivity is Connectivity.ONLINE:
        return Evidence(requirement="heartbeat", subject=device.device_id, met=True, since=device.since, detail=detail)
    if device.behind:
        return Evidence(
            requirement="heartbeat",
            subject=device.device_id,
            met=False,
            known=False,
            since=device.since,
            detail=detail | {"behind": device.behind},
        )
    if device.connectivity is Connectivity.OFFLINE:
        return Evidence(requirement="heartbeat", subject=device.device_id, met=False, since=device.since, detail=detail)
    due = device.registered_at + timedelta(days=figures.first_days)
    never = device.last_seen_at is None
    overdue = never and moment.at >= due
    return Evidence(
        requirement="heartbeat",
        subject=device.device_id,
        met=False,
        known=overdue,
        since=due if overdue else device.since,
        until=due if never and not overdue else None,
        detail=detail,
    )


def _receipts(button: DeviceFact, figures: Networking, moment: Moment) -> Iterator[Evidence]:
    proofs = {proof.link_id: proof for proof in button.proofs}
    for link_id in figures.links:
        proof = proofs.get(link_id)
        detail = {"link": link_id, "place": button.place, "name": button.name}
        if proof is None:
            due = button.registered_at + timedelta(days=figures.first_days)
            overdue = moment.at >= due
            yield Evidence(
                requirement="receipt",
                subject=f"{button.device_id}@{link_id}",
                met=False,
                known=overdue,
                since=due if overdue else None,
                until=None if overdue else due,
                detail=detail,
            )
            continue
        ends = proof.proved_at + timedelta(days=figures.proof_days)
        met = moment.at < ends
        yield Evidence(
            requirement="receipt",
            subject=f"{button.device_id}@{link_id}",
            met=met,
            since=proof.proved_at if met else ends,
            until=ends if met else None,
            detail=detail
            | {"proved_at": proof.proved_at.isoformat(), "receipt_id": proof.receipt_id, "test": proof.test},
        )


NETWORKING = Measure(Networking, frozenset({FactKind.DEVICES, FactKind.LINKS, FactKind.SITE}), look)
