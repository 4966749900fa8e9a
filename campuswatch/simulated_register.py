"""The simulated district's register in the database: who guards it, what closes it, who is on shift."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from domain.device import Device
from domain.site import Site
from simulators.message import CHINA_TIME
from simulators.register import build_register, shifts_of
from storage.guard_posts import POSTS
from storage.guards import GUARDS, SHIFTS, list_guards
from storage.pool import Connection
from storage.premises import put_premises
from storage.safety_officers import OFFICERS
from storage.versions import put

_BEFORE = timedelta(days=1)


async def import_simulated_register(
    conn: Connection,
    sites: Sequence[Site],
    devices: Sequence[Device],
    *,
    seed: int,
    actor: str,
    at: datetime,
    contacts: Sequence[str] = (),
) -> None:
    """Register what the simulated ``sites`` are to have, as it stands at ``at``."""
    register = build_register(seed, sites, devices, on=at.astimezone(CHINA_TIME).date(), contacts=contacts)
    async with conn.transaction():
        await put_premises(conn, register.gates, register.barriers, actor=actor, at=at)
        await put(conn, GUARDS, register.guards, actor=actor, at=at)
        await put(conn, POSTS, register.posts, actor=actor, at=at)
        await put(conn, OFFICERS, register.officers, actor=actor, at=at)


async def plan_shifts(
    conn: Connection, site_ids: Collection[str], *, seed: int, actor: str, at: datetime, ahead: timedelta
) -> None:
    """Plan the shifts of these sites from the day before ``at`` on, as the simulated guards keep them. Shifts that are
    planned stay as they are.
    """
    day = at.astimezone(CHINA_TIME).date()
    guards = [one.fact for one in await list_guards(conn) if one.fact.site_id in site_ids]
    shifts = list(shifts_of(guards, first=day - _BEFORE, last=day + ahead))
    await put(conn, SHIFTS, shifts, actor=actor, at=at)
