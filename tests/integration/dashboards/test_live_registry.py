"""What a scenario changes in the registry goes over the web API in a live run, and comes out as in a rehearsal."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campuswatch.rehearsal.registry import change_registry
from campuswatch.simulated_register import import_simulated_register
from devices.importer import import_district
from domain.guard import Guard
from domain.premises import Barrier
from simulators.asking import Asking
from simulators.district import build_district
from simulators.errors import WallRefused
from simulators.message import CHINA_TIME
from simulators.register import build_register
from simulators.registrar import Registrar
from simulators.scenarios.script import RegistryAct, RegistryOp
from storage.facts import list_site_facts
from storage.guard_posts import list_post_reports
from storage.guards import GUARDS, list_check_ins
from storage.pool import Connection, connect
from storage.premises import BARRIERS
from storage.versions import load
from tests.integration.dashboards.desks import web_settings
from tests.integration.dashboards.district import NOW
from tests.integration.dashboards.running import running

TODAY = NOW.astimezone(CHINA_TIME).date()
DISTRICT = build_district(sites=1)
REGISTER = build_register(1, DISTRICT.sites, DISTRICT.devices, on=TODAY)
GUARD, BARRIER, POST = "s001-g01", "bar-1", "post-1"
ACTS = [
    RegistryAct(op=op, site="s001", subject=subject)
    for op, subject in (
        (RegistryOp.LEAVES, GUARD),
        (RegistryOp.RETURNS, GUARD),
        (RegistryOp.CERTIFICATE_ENDS, GUARD),
        (RegistryOp.CHECKS_IN, GUARD),
        (RegistryOp.REMOVED, BARRIER),
        (RegistryOp.INSTALLED, BARRIER),
        (RegistryOp.LAPSES, BARRIER),
        (RegistryOp.FAILS, BARRIER),
    )
]
ACTS += [
    RegistryAct(op=RegistryOp.REPORTED, site="s001", subject=POST, count=2),
    RegistryAct(op=RegistryOp.ENROLLED, site="s001", count=900, boarders=20),
]


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


async def _registered(conn: Connection) -> tuple[list[Guard], list[Barrier], object]:
    since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
    return (
        [one.fact for one in await load(conn, GUARDS)],
        [one.fact for one in await load(conn, BARRIERS)],
        (
            [(one.guard_id, one.at) for _, one in await list_check_ins(conn, since=since, until=until)],
            [(one.post_id, one.present, one.at) for _, one in await list_post_reports(conn, since=since, until=until)],
            [(one.pupils, one.boarders, one.key_site) for one in await list_site_facts(conn)],
        ),
    )


async def test_each_change_is_the_same_over_the_web_and_in_a_rehearsal(database: str) -> None:
    conn = await connect(database, name="test")
    try:
        await import_district(conn, DISTRICT.sites, DISTRICT.devices, at=NOW)
        await import_simulated_register(conn, DISTRICT.sites, DISTRICT.devices, seed=1, actor="t", at=NOW)
        async with running(web_settings(database)) as server, Asking() as asking:
            registrar = Registrar(asking, server.base, REGISTER)
            for act in ACTS:
                async with conn.transaction(force_rollback=True):
                    await change_registry(conn, act, REGISTER, actor="甲", at=NOW)
                    expected = await _registered(conn)
                await registrar.change(act, today=TODAY, actor="甲")
                assert await _registered(conn) == expected, act.op
            with pytest.raises(WallRefused, match="no guard"):
                await registrar.change(
                    RegistryAct(op=RegistryOp.LEAVES, site="s001", subject="s001-g99"), today=TODAY, actor="甲"
                )
    finally:
        await conn.close()
