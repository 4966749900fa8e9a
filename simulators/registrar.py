"""Somebody who keeps the registry through the web API, as a scenario has it in real time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from simulators.asking import Asking
from simulators.errors import WallRefused
from simulators.register import Register
from simulators.scenarios.script import RegistryAct, RegistryOp

_DAY = timedelta(days=1)
#: Why a target is switched on or off.
_REASON = "模拟演练 (scenario)"
#: What an answer says beside what an edit takes.
_BESIDE = frozenset({"since", "guard_id", "site_id", "barrier_id"})


class _Barriers(msgspec.Struct, frozen=True):
    items: list[dict[str, Any]]


class Registrar:
    """``wall``: where the pages are; ``register``: that of the scenario's district."""

    def __init__(self, asking: Asking, wall: str, register: Register) -> None:
        self._asking = asking
        self._api = f"{wall.rstrip('/')}/api/v1"
        self._register = register

    async def change(self, act: RegistryAct, *, today: date, actor: str) -> None:
        """:raises WallRefused: the control room does not answer, or does not allow it."""
        by = {"actor": actor}
        barrier = f"{self._api}/barriers/{quote(act.site)}/{quote(act.subject)}"
        match act.op:
            case RegistryOp.CHECKS_IN:
                body = {**by, "guard_id": act.subject, "site_id": act.site}
                await self._asking.post(f"{self._api}/check-ins", body)
            case RegistryOp.REPORTED:
                post = f"{self._api}/posts/{quote(act.site)}/{quote(act.subject)}/reports"
                await self._asking.post(post, {**by, "present": act.count})
            case RegistryOp.ENABLED | RegistryOp.DISABLED:
                version = {"reason": _REASON, "enabled": act.op is RegistryOp.ENABLED}
                await self._asking.post(f"{self._api}/targets/{quote(act.subject)}/versions", {**by, **version})
            case RegistryOp.ENROLLED:
                url = f"{self._api}/sites/{quote(act.site)}/enrolment"
                known = await self._asking.get(url, dict[str, Any])
                changed = {"pupils": act.count, "boarders": act.boarders, "key_site": known["key_site"]}
                await self._asking.put(url, {**by, "version": known["version"], **changed})
            case RegistryOp.PASSES | RegistryOp.FAILS:
                passed = act.op is RegistryOp.PASSES
                inspection = {"inspected_on": today.isoformat(), "passed": passed, **by}
                await self._asking.post(f"{barrier}/inspections", inspection)
            case RegistryOp.REMOVED:
                version = (await self._barrier(act))["version"]
                await self._asking.delete(f"{barrier}?actor={quote(actor)}&version={version}")
            case RegistryOp.INSTALLED:
                known = msgspec.to_builtins(self._as_it_was(act))
                await self._asking.put(barrier, {**_edit(known), **by, "version": None})
            case RegistryOp.LAPSES:
                known = await self._barrier(act)
                lapsed = today - _DAY * (known["inspection_days"] + 1)
                await self._asking.put(barrier, {**_edit(known), **by, "inspected_on": lapsed.isoformat()})
            case _:
                url = f"{self._api}/guards/{quote(act.subject)}"
                known = await self._asking.get(url, dict[str, Any])
                changed = {**_edit(known), "site_id": known["site_id"], **_guard_changes(act.op, today)}
                await self._asking.put(url, {**changed, **by})

    async def _barrier(self, act: RegistryAct) -> dict[str, Any]:
        page = await self._asking.get(f"{self._api}/barriers?site_id={quote(act.site)}&limit=500", _Barriers)
        for barrier in page.items:
            if barrier["barrier_id"] == act.subject:
                return barrier
        raise WallRefused(f"no barrier {act.subject} at {act.site}")

    def _as_it_was(self, act: RegistryAct) -> msgspec.Struct:
        return next(one for one in self._register.barriers if (one.site_id, one.barrier_id) == (act.site, act.subject))


def _edit(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name not in _BESIDE}


def _guard_changes(op: RegistryOp, today: date) -> dict[str, Any]:
    yesterday = (today - _DAY).isoformat()
    changes: dict[RegistryOp, dict[str, Any]] = {
        RegistryOp.LEAVES: {"serves_until": yesterday},
        RegistryOp.RETURNS: {"serves_until": None},
        RegistryOp.CERTIFICATE_ENDS: {"certificate_until": yesterday},
        RegistryOp.CERTIFICATE_RENEWED: {"certificate_until": None},
    }
    return changes[op]
