"""How doors and barriers stand when somebody begins to listen: they say it again when they come up, as real ones do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from domain.device import Device, DeviceKind
from domain.site import Site
from simulators.day.act import Act, SiteDay
from simulators.day.gates import gate_acts

#: So many days back; a gate that nobody moved for longer has been shut all the time.
_DAYS: Final = 3
_SHUT: Final[dict[DeviceKind, dict[str, Any]]] = {
    DeviceKind.ACCESS_CONTROL: {"door": "closed", "locked": True},
    DeviceKind.BARRIER: {"barrier": "up"},
}


def standing_acts(
    seed: int, site: Site, day: date, numbered: Sequence[tuple[int, Device]], at_ms: int
) -> Iterator[Act]:
    """For the main gate and each barrier of a site its newest report before ``at_ms``, which is on ``day``."""
    days = [SiteDay(seed, site, day - timedelta(days=back), numbered) for back in range(_DAYS)]
    watched = [*days[0].devices(DeviceKind.ACCESS_CONTROL)[:1], *days[0].devices(DeviceKind.BARRIER)]
    newest: dict[int, Act] = {}
    for one in days:
        missing = {device_no for device_no, _ in watched} - newest.keys()
        if not missing:
            break
        for act in gate_acts(one):
            known = newest.get(act.device_no)
            if act.event is None and act.device_no in missing and act.due_ms < at_ms:
                newest[act.device_no] = act if known is None or known.due_ms < act.due_ms else known
    for device_no, device in watched:
        yield newest.get(device_no) or days[-1].say(device_no, 0, "stands", _SHUT[device.kind])
