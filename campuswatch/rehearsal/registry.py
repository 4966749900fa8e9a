"""What a scenario changes in the registry, done as an operator would do it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from domain.guard import Guard, GuardCheckIn, PostReport
from domain.premises import Barrier, Inspection
from simulators.message import CHINA_TIME
from simulators.register import Register
from simulators.scenarios.script import RegistryAct, RegistryOp
from storage.guard_posts import report_post
from storage.guards import GUARDS, record_check_ins
from storage.pool import Connection
from storage.premises import BARRIERS, edit_barrier, inspect
from storage.sites import get_site, upsert_sites
from storage.targets import add_version, target_definitions
from storage.versions import edit, get, remove

_DAY = timedelta(days=1)


async def change_registry(conn: Connection, act: RegistryAct, register: Register, *, actor: str, at: datetime) -> None:
    """``register`` is that of the scenario's district: what was removed comes back as it was there."""
    today = at.astimezone(CHINA_TIME).date()
    match act.op:
        case RegistryOp.CHECKS_IN:
            seen = GuardCheckIn(guard_id=act.subject, site_id=act.site, at=at, source=f"word/{actor}")
            await record_check_ins(conn, [seen], at=at)
        case RegistryOp.REPORTED:
            report = PostReport(site_id=act.site, post_id=act.subject, at=at, present=act.count, reporter=actor)
            await report_post(conn, report, at=at)
        case RegistryOp.ENROLLED:
            site = (await get_site(conn, act.site)).site
            changed = msgspec.structs.replace(site, pupils=act.count, boarders=act.boarders)
            await upsert_sites(conn, [changed], actor=actor, at=at)
        case RegistryOp.ENABLED | RegistryOp.DISABLED:
            newest = (await target_definitions(conn, act.subject))[-1]
            enabled = act.op is RegistryOp.ENABLED
            changed_ = msgspec.structs.replace(newest, enabled=enabled, starts_at=at, author=actor, reason="rehearsal")
            await add_version(conn, changed_, at=at)
        case RegistryOp.REMOVED:
            await remove(conn, BARRIERS, act.site, act.subject, version=None, actor=actor, at=at)
        case RegistryOp.INSTALLED:
            barrier = next(one for one in register.barriers if (one.site_id, one.barrier_id) == (act.site, act.subject))
            await edit_barrier(conn, barrier, version=None, actor=actor, at=at)
        case RegistryOp.PASSES | RegistryOp.FAILS:
            inspection = Inspection(
                site_id=act.site,
                barrier_id=act.subject,
                inspected_on=today,
                passed=act.op is RegistryOp.PASSES,
                inspector=actor,
            )
            await inspect(conn, inspection, actor=actor, at=at)
        case RegistryOp.LAPSES:
            held = await get(conn, BARRIERS, act.site, act.subject)
            await edit_barrier(conn, _lapsed(held.fact, today), version=held.version, actor=actor, at=at)
        case _:
            guard = await get(conn, GUARDS, act.subject)
            await edit(
                conn, GUARDS, changed_guard(guard.fact, act.op, today), version=guard.version, actor=actor, at=at
            )


def changed_guard(guard: Guard, op: RegistryOp, today: date) -> Guard:
    """Whoever leaves has served until yesterday, and a certificate that ends was valid until then."""
    yesterday = today - _DAY
    match op:
        case RegistryOp.LEAVES:
            return msgspec.structs.replace(guard, serves_until=yesterday)
        case RegistryOp.RETURNS:
            return msgspec.structs.replace(guard, serves_until=None)
        case RegistryOp.CERTIFICATE_ENDS:
            return msgspec.structs.replace(guard, certificate_until=yesterday)
        case RegistryOp.CERTIFICATE_RENEWED:
            return msgspec.structs.replace(guard, certificate_until=None)
        case _:
            raise ValueError(op)


def _lapsed(barrier: Barrier, today: date) -> Barrier:
    return msgspec.structs.replace(barrier, inspected_on=today - _DAY * (barrier.inspection_days + 1))
