"""Maintenance windows and shelves: what they hold back, and what becomes of it at their end."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import psycopg
import pytest

from alerting.casework import Casework
from alerting.desk import Case, Desk
from alerting.expiry import POLL_S, Expiry
from domain.device import DeviceKind
from domain.errors import IllegalTransition, StorageError, UnknownSite, UnknownWindow, WindowRefused
from domain.finding import Finding, FindingKind
from domain.incident import IncidentAction
from domain.maintenance import NEVER_HELD, HeldState, MaintenanceWindow, Scope
from storage.pool import Connection, Pool
from storage.windows import HeldFinding, held_findings, windows
from tests.integration.alerting.ledgers import deliveries, escalate, incidents, put_on_duty, rows, timeline
from tests.unit.alerting.findings import NOW, SetClock, finding, press

HOUR = timedelta(hours=1)


@pytest.fixture
def casework(desk: Desk) -> Casework:
    return Casework(desk)


@pytest.fixture
def expiry(pool: Pool, desk: Desk, casework: Casework, clock: SetClock) -> Expiry:
    return Expiry(pool=pool, desk=desk, casework=casework, clock=clock, wake=asyncio.Event())


@pytest.fixture
async def school(conn: Connection) -> tuple[int, int]:
    """A site and a device of it, as the findings of these tests are about; their row numbers."""
    (site,) = await rows(
        conn, "INSERT INTO site (site_id, name, kind) VALUES ('s001', 'x', 'primary') RETURNING site_no"
    )
    (device,) = await rows(
        conn,
        "INSERT INTO device (site_no, device_id, kind) VALUES (%s, 's001-cam-01', 'camera') RETURNING device_no",
        site["site_no"],
    )
    return site["site_no"], device["device_no"]


def fault(
    school: tuple[int, int], kind: FindingKind = FindingKind.RAISED, *, rule: str = "heartbeat_lost", at: datetime = NOW
) -> Finding:
    found = finding(rule, kind, key=f"{rule}/s001/s001-cam-01", device_id="s001-cam-01", at=at)
    return Finding(
        **{**{f: getattr(found, f) for f in found.__struct_fields__}, "site_no": school[0], "device_no": school[1]}
    )


async def take(conn: Connection, desk: Desk, *found: Finding, now: datetime = NOW) -> list[Case]:
    async with conn.transaction():
        cases = [await desk.take(conn, one, now=now) for one in found]
    await escalate(conn, desk, at=now)
    return cases


async def open_window(conn: Connection, casework: Casework, scope: Scope, *, hours: float = 1) -> MaintenanceWindow:
    return await casework.open_window(
        conn,
        scope,
        starts_at=NOW,
        ends_at=NOW + hours * HOUR,
        reason="更换交换机",
        actor="张伟",
        now=NOW,
        origin="127.0.0.1",
    )


async def held(conn: Connection) -> list[HeldFinding]:
    return await held_findings(conn, window_no=None, state=None, before=None, limit=10)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(site_id="s001"),
        Scope(site_id="s001", device_id="s001-cam-01"),
        Scope(rule="heartbeat_lost"),
        Scope(device_kind=DeviceKind.CAMERA),
        Scope(site_id="s001", rule="heartbeat_lost", device_kind=DeviceKind.CAMERA),
    ],
)
async def test_what_a_window_covers_opens_nothing_and_is_listed(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int], scope: Scope
) -> None:
    window = await open_window(conn, casework, scope)
    assert window.scope == scope
    (case,) = await take(conn, desk, fault(school))
    assert not case.opened
    assert await incidents(conn) == []
    (one,) = await held(conn)
    assert (one.window_no, one.rule, one.device_id, one.state) == (
        window.window_no,
        "heartbeat_lost",
        "s001-cam-01",
        HeldState.STANDING,
    )


@pytest.mark.parametrize("scope", [Scope(rule="tamper"), Scope(device_kind=DeviceKind.SMOKE)])
async def test_what_a_window_does_not_cover_is_raised(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int], scope: Scope
) -> None:
    await open_window(conn, casework, scope)
    (case,) = await take(conn, desk, fault(school))
    assert case.opened


async def test_life_safety_goes_through_every_window(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(site_id="s001"))
    for rule in ("one_key_alarm", "smoke_alarm", "doubtful_alarm"):
        (case,) = await take(conn, desk, fault(school, rule=rule))
        assert case.opened, rule
    assert await held(conn) == []


@pytest.mark.parametrize("rule", sorted(NEVER_HELD))
async def test_no_window_may_name_a_life_safety_rule(conn: Connection, casework: Casework, rule: str) -> None:
    with pytest.raises(WindowRefused, match="life safety"):
        await open_window(conn, casework, Scope(rule=rule))
    with pytest.raises(psycopg.errors.CheckViolation, match="life_safety_has_no_window"):
        await conn.execute(
            "INSERT INTO maintenance_window (rule, starts_at, ends_at, reason, author, made_at)"
            " VALUES (%s, now(), now() + interval '1 hour', 'x', 'x', now())",
            (rule,),
        )


async def test_the_database_holds_no_life_safety_and_shelves_none(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int]
) -> None:
    window = await open_window(conn, casework, Scope(site_id="s001"))
    with pytest.raises(psycopg.errors.CheckViolation, match="life_safety_is_never_held"):
        await conn.execute(
            "INSERT INTO held_finding (window_no, key, rule, severity, life_safety, site_id, device_id, first_at,"
            " last_at, finding) VALUES (%s, 'k', 'x', 'major', true, '', '', now(), now(), '{}')",
            (window.window_no,),
        )
    (case,) = await take(conn, desk, press())
    with pytest.raises(psycopg.errors.CheckViolation, match="life_safety_is_never_shelved"):
        await conn.execute(
            "UPDATE incident SET shelved_until = now(), shelved_by = 'x', shelve_reason = 'x' WHERE incident_id = %s",
            (case.incident_id,),
        )
    with pytest.raises(WindowRefused, match="never shelved"):
        await casework.shelve(conn, case.incident_id, until=NOW + HOUR, reason="噪声", actor="张伟", now=NOW)


async def test_what_still_stands_at_the_end_is_raised_then_and_what_has_cleared_is_not(
    conn: Connection, desk: Desk, casework: Casework, expiry: Expiry, clock: SetClock, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(site_id="s001"))
    await put_on_duty(conn, "王主任", NOW, NOW + 9 * HOUR)
    await take(
        conn,
        desk,
        fault(school),
        fault(school, rule="tamper"),
        fault(school, FindingKind.CLEARED, at=NOW + timedelta(minutes=5)),
    )
    clock.at = NOW + timedelta(minutes=59)
    assert 0 < await expiry.once() <= 2
    assert await incidents(conn) == []
    clock.at = NOW + HOUR
    assert await expiry.once() == 0.0
    await expiry.once()
    await escalate(conn, desk, at=clock.at)
    (incident,) = await incidents(conn)
    assert (incident["rule"], incident["detail"]) == ("tamper", {"held_by": (await held(conn))[0].window_no})
    assert [d["recipient"] for d in await deliveries(conn)] == ["王主任"]
    assert {one.rule: one.state for one in await held(conn)} == {
        "tamper": HeldState.RAISED,
        "heartbeat_lost": HeldState.CLEARED,
    }
    # Its end is heard by the incident that it has become.
    await take(conn, desk, fault(school, FindingKind.CLEARED, rule="tamper", at=clock.at))
    assert [i["state"] for i in await incidents(conn)] == ["returned"]


async def test_a_fault_that_comes_again_is_counted_and_seen_again_is_not(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(site_id="s001"))
    first = fault(school)
    await take(conn, desk, first, first, fault(school, at=NOW + timedelta(minutes=1)))
    (one,) = await held(conn)
    assert (one.times, one.last_at - one.first_at) == (2, timedelta(minutes=1))


async def test_a_window_that_a_person_ends_early_lets_go_at_once(
    conn: Connection, desk: Desk, casework: Casework, expiry: Expiry, school: tuple[int, int]
) -> None:
    window = await open_window(conn, casework, Scope(site_id="s001"))
    await take(conn, desk, fault(school))
    ended = await casework.end_window(conn, window.window_no, actor="李娜", now=NOW)
    assert (ended.ended_by, ended.holds_at(NOW)) == ("李娜", False)
    await expiry.once()
    assert len(await incidents(conn)) == 1
    with pytest.raises(IllegalTransition, match="over already"):
        await casework.end_window(conn, window.window_no, actor="李娜", now=NOW)
    with pytest.raises(UnknownWindow):
        await casework.end_window(conn, 4711, actor="李娜", now=NOW)
    audited = await rows(conn, "SELECT action, origin FROM audit_entry WHERE action LIKE 'window.%%' ORDER BY entry_no")
    assert [(row["action"], row["origin"]) for row in audited] == [("window.opened", "127.0.0.1"), ("window.ended", "")]


async def test_what_another_window_covers_is_left_to_it(
    conn: Connection, desk: Desk, casework: Casework, expiry: Expiry, clock: SetClock, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(site_id="s001", device_id="s001-cam-01"))
    longer = await open_window(conn, casework, Scope(site_id="s001"), hours=2)
    await take(conn, desk, fault(school))
    clock.at = NOW + HOUR
    await expiry.once()
    assert await incidents(conn) == []
    assert [(one.window_no, one.state) for one in await held(conn)] == [(longer.window_no, HeldState.STANDING)]
    clock.at = NOW + 2 * HOUR
    await expiry.once()
    assert len(await incidents(conn)) == 1


async def test_several_processes_raise_what_stands_once(
    conn: Connection, pool: Pool, desk: Desk, casework: Casework, clock: SetClock, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(site_id="s001"))
    await take(conn, desk, *(fault(school, rule=rule) for rule in ("tamper", "heartbeat_lost", "temperature_rise")))
    clock.at = NOW + HOUR
    processes = [Expiry(pool=pool, desk=desk, casework=casework, clock=clock, wake=asyncio.Event()) for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*(process.once() for process in processes))
    assert [(i["occurrences"], i["state"]) for i in await incidents(conn)] == [(1, "raised")] * 3


async def test_windows_are_listed_by_how_they_stand(
    conn: Connection, casework: Casework, school: tuple[int, int]
) -> None:
    await open_window(conn, casework, Scope(rule="tamper"))
    await open_window(conn, casework, Scope(site_id="s001"), hours=3)
    with pytest.raises(UnknownSite):
        await open_window(conn, casework, Scope(site_id="s999"))

    async def listed(which: str, hours: float) -> list[str]:
        found = await windows(conn, which=which, now=NOW + hours * HOUR, limit=10)
        return [window.scope.site_id for window in found]

    assert await listed("active", 0) == ["s001", ""]
    assert await listed("active", 2) == ["s001"]
    assert await listed("over", 2) == [""]
    assert await listed("planned", -1) == ["s001", ""]
    assert len(await windows(conn, which="all", now=NOW, site_id="s002", limit=10)) == 1


# -- shelves ------------------------------------------------------------------------------------------------------


async def test_a_shelved_incident_is_told_to_nobody_and_comes_back_at_its_end(
    conn: Connection, desk: Desk, casework: Casework, expiry: Expiry, clock: SetClock, school: tuple[int, int]
) -> None:
    await put_on_duty(conn, "王主任", NOW, NOW + 9 * HOUR)
    (case,) = await take(conn, desk, fault(school, rule="tamper"))
    await casework.shelve(conn, case.incident_id, until=NOW + HOUR, reason="等备件", actor="张伟", now=NOW)
    assert [d["state"] for d in await deliveries(conn)] == ["cancelled"]
    clock.at = NOW + HOUR - timedelta(seconds=1)
    await expiry.once()
    assert (await incidents(conn))[0]["shelved_until"] is not None
    clock.at = NOW + HOUR
    await expiry.once()
    await expiry.once()
    await escalate(conn, desk, at=clock.at)
    assert (await incidents(conn))[0]["shelved_until"] is None
    assert sorted(d["state"] for d in await deliveries(conn)) == ["cancelled", "queued"]
    told = await timeline(conn, case.incident_id)
    assert told.index("shelved") < told.index("unshelved")
    assert not await casework.unshelve(conn, case.incident_id, actor="张伟", note="", now=NOW)


async def test_an_incident_that_ends_leaves_the_shelf(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int]
) -> None:
    (case,) = await take(conn, desk, fault(school, rule="tamper"))
    await casework.shelve(conn, case.incident_id, until=NOW + HOUR, reason="等备件", actor="张伟", now=NOW)
    for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET):
        await desk.act(conn, case.incident_id, action, actor="张伟", note="", now=NOW)
    assert (await incidents(conn))[0]["shelved_until"] is None
    with pytest.raises(IllegalTransition):
        await casework.shelve(conn, case.incident_id, until=NOW + HOUR, reason="等备件", actor="张伟", now=NOW)


@pytest.mark.parametrize(("until", "reason"), [(NOW, "x"), (NOW + 25 * HOUR, "x"), (NOW + HOUR, " ")])
async def test_a_shelf_has_an_end_in_sight_and_a_reason(
    conn: Connection, desk: Desk, casework: Casework, school: tuple[int, int], until: datetime, reason: str
) -> None:
    (case,) = await take(conn, desk, fault(school))
    with pytest.raises(WindowRefused):
        await casework.shelve(conn, case.incident_id, until=until, reason=reason, actor="张伟", now=NOW)


async def test_what_the_database_refuses_at_a_windows_end_is_not_looked_at_without_rest(
    conn: Connection,
    desk: Desk,
    casework: Casework,
    expiry: Expiry,
    clock: SetClock,
    school: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await open_window(conn, casework, Scope(site_id="s001"))
    await take(conn, desk, fault(school))

    async def refuse(*_: object, **__: object) -> Case:
        raise StorageError("no")

    monkeypatch.setattr(desk, "take", refuse)
    clock.advance(hours=2)
    assert await expiry.once() == 0.0
    assert await expiry.once() == POLL_S


async def test_a_window_over_a_rule_that_there_is_not_is_refused_and_one_that_people_wrote_is_not(
    conn: Connection, casework: Casework
) -> None:
    with pytest.raises(WindowRefused, match="did you mean tamper"):
        await open_window(conn, casework, Scope(rule="tampr"))
    await conn.execute(
        "INSERT INTO rule_version (rule, version, document, enabled, author, reason, at)"
        " VALUES ('our_own_rule', 1, '{}', true, 'x', 'x', now())"
    )
    assert (await open_window(conn, casework, Scope(rule="our_own_rule"))).scope.rule == "our_own_rule"
