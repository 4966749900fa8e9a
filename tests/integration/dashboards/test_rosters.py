"""A roster as a calendar over HTTP, and the parts it is made of changed one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from campuswatch.roster_desk import RosterDesk
from dashboards.app import create_app
from dashboards.schemas.rosters import DutyCalendarReply
from storage.duty import put_person
from storage.pool import KeptPool
from tests.integration.dashboards.desks import Desk, Registrar, Replayer, assessor, responder, web_settings
from tests.integration.dashboards.district import NOW, SetClock

DAY = timedelta(days=1)


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
async def client(database: str, pool: KeptPool, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    """With two people of the bureau."""
    async with pool.connection() as conn:
        await put_person(conn, "a", "安主任")
        await put_person(conn, "b", "白主任")
    app = create_app(
        pool=pool,
        desk=Desk(pool, clock),
        registrar=Registrar(pool, clock),
        replayer=Replayer(),
        responder=responder(pool, clock),
        assessor=assessor(pool, clock),
        settings=web_settings(database),
        clock=clock,
        version="0.1.0",
        roster=RosterDesk(pool, clock, ZoneInfo("Asia/Shanghai")),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as opened:
        yield opened


async def _calendar(client: httpx.AsyncClient, since: datetime = NOW, days: int = 2) -> DutyCalendarReply:
    answer = await client.get(
        "/duty/calendar", params={"since": since.isoformat(), "until": (since + days * DAY).isoformat()}
    )
    assert answer.status_code == 200, answer.text
    return DutyCalendarReply.model_validate_json(answer.content)


async def _post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(path, json={"actor": "张伟", **body})


def _hours(since: datetime, until: datetime) -> dict[str, str]:
    return {"starts_at": since.isoformat(), "ends_at": until.isoformat()}


async def test_shifts_swaps_and_stand_ins_are_shown_as_they_hold_with_their_gaps(client: httpx.AsyncClient) -> None:
    assert (await _calendar(client)).gaps == []  # nobody keeps a roster
    one = (await _post(client, "/duty/shifts", person_id="a", **_hours(NOW + DAY / 4, NOW + DAY))).json()["shift_no"]
    other = (await _post(client, "/duty/shifts", person_id="b", **_hours(NOW + DAY, NOW + 2 * DAY))).json()["shift_no"]
    shown = await _calendar(client)
    assert [(span.name, span.source, span.starts_at) for span in shown.spans] == [
        ("安主任", "shift", NOW + DAY / 4),
        ("白主任", "shift", NOW + DAY),
    ]
    assert [(gap.starts_at, gap.ends_at) for gap in shown.gaps] == [(NOW, NOW + DAY / 4)]
    assert (await _post(client, "/duty/swaps", shift_no=one, other_no=other, note="家中有事")).status_code == 200
    span = _hours(NOW + DAY, NOW + DAY * 1.5)
    stand_in = await _post(client, "/duty/overrides", person_id="b", note="会议", **span)
    number = stand_in.json()["override_no"]
    shown = await _calendar(client)
    assert [(span.name, span.source) for span in shown.spans] == [
        ("白主任", "swap"),
        ("白主任", "override"),
        ("安主任", "swap"),
    ]
    assert [(swap.shift_no, swap.note) for swap in shown.swaps] == [(one, "家中有事")]
    # Voided it holds no more, and stays readable.
    void = f"/duty/overrides/{number}/void"
    assert (await _post(client, void, reason="会议取消")).status_code == 200
    assert (await _post(client, void, reason="会议取消")).status_code == 409
    shown = await _calendar(client)
    assert [(span.name, span.source) for span in shown.spans] == [("白主任", "swap"), ("安主任", "swap")]
    assert [(one.voided_by, one.void_reason) for one in shown.overrides] == [("张伟", "会议取消")]
    audited = {one["action"] for one in (await client.get("/audit?action=duty.")).json()["items"]}
    assert {"duty.shift_added", "duty.swapped", "duty.overridden", "duty.override_voided"} <= audited


async def test_what_has_begun_is_not_taken_away(client: httpx.AsyncClient, clock: SetClock) -> None:
    shift = await _post(client, "/duty/shifts", person_id="a", **_hours(NOW + DAY, NOW + 2 * DAY))
    path = f"/duty/shifts/{shift.json()['shift_no']}/remove"
    clock.at = NOW + DAY
    refused = await _post(client, path, reason="写错")
    assert (refused.status_code, "has begun" in refused.json()["detail"]) == (409, True)
    clock.at = NOW
    assert (await _post(client, path, reason="写错")).status_code == 200
    assert (await _calendar(client)).shifts == []
    backwards = await _post(client, "/duty/shifts", person_id="a", **_hours(NOW + DAY, NOW))
    assert (backwards.status_code, backwards.json()["type"]) == (409, "urn:campuswatch:problem:duty-refused")
    assert (await _post(client, "/duty/shifts", person_id="x", **_hours(NOW, NOW + DAY))).status_code == 409


async def test_what_is_over_is_not_written_anew(client: httpx.AsyncClient, clock: SetClock) -> None:
    shift = {"person_id": "a", "starts_at": NOW.isoformat()}
    clock.at = NOW - DAY
    assert (await _post(client, "/duty/shifts", **shift, ends_at=(NOW + DAY).isoformat())).status_code == 200
    clock.at = NOW + DAY / 2
    refused = await _post(client, "/duty/shifts", **shift, ends_at=(NOW + timedelta(seconds=1)).isoformat())
    assert (refused.status_code, "over already" in refused.json()["detail"]) == (409, True)
    assert [span.ends_at for span in (await _calendar(client)).spans] == [NOW + DAY]
    assert (await _post(client, "/duty/shifts", **shift, ends_at=(NOW + DAY * 0.75).isoformat())).status_code == 200


async def test_who_is_on_duty_by_a_swap_stays_so_when_somebody_takes_the_other_shift_off(
    client: httpx.AsyncClient, clock: SetClock
) -> None:
    now, later, last = [
        (await _post(client, "/duty/shifts", person_id=person, **_hours(NOW + n * DAY, NOW + (n + 1) * DAY))).json()
        for n, person in enumerate("aba")
    ]
    await _post(client, "/duty/swaps", shift_no=later["shift_no"], other_no=last["shift_no"])
    await _post(client, "/duty/swaps", shift_no=now["shift_no"], other_no=last["shift_no"])
    clock.at = NOW + DAY / 2
    before = [(span.person_id, span.source) for span in (await _calendar(client, days=1)).spans]
    assert before == [("b", "swap")]
    for shift in (later, last):
        refused = await _post(client, f"/duty/shifts/{shift['shift_no']}/remove", reason="写错")
        assert (refused.status_code, "swapped" in refused.json()["detail"]) == (409, True)
    assert [(span.person_id, span.source) for span in (await _calendar(client, days=1)).spans] == before


async def test_a_pattern_is_shown_in_the_calendar_and_ends_from_today_on(client: httpx.AsyncClient) -> None:
    pattern = {
        "person_id": "a",
        "day_kinds": ["school", "weekend", "holiday", "vacation"],
        "starts": "08:00",
        "ends": "08:00",
        "first_day": (NOW - 30 * DAY).date().isoformat(),
        "last_day": (NOW + 30 * DAY).date().isoformat(),
    }
    number = (await _post(client, "/duty/patterns", **pattern)).json()["pattern_no"]
    shown = await _calendar(client)
    assert [(span.name, span.source, span.ends_at - span.starts_at) for span in shown.spans] == [
        ("安主任", "pattern", 2 * DAY)
    ]
    assert (await _post(client, f"/duty/patterns/{number}/remove", reason="调岗")).status_code == 200
    assert (await _calendar(client, NOW + 3 * DAY)).spans == []
    assert [span.name for span in (await _calendar(client, NOW - 9 * DAY)).spans] == ["安主任"]
    assert (await _post(client, "/duty/patterns", **pattern | {"first_day": "2027-01-01"})).status_code in (409, 422)
    assert (await _post(client, "/duty/patterns", **pattern | {"starts": "08:00+02:00"})).status_code == 422


async def test_what_is_required_decides_what_is_a_gap(client: httpx.AsyncClient) -> None:
    wanted = {"actor": "张伟", "required": [{"day_kinds": ["school", "weekend"], "starts": "20:00", "ends": "06:00"}]}
    assert (await client.put("/duty/requirements", json=wanted)).status_code == 200
    shown = await _calendar(client)
    assert [set(one.day_kinds) for one in shown.requirements] == [{"school", "weekend"}]
    assert {gap.ends_at - gap.starts_at for gap in shown.gaps} == {timedelta(hours=10)}
    assert (await client.put("/duty/requirements", json={**wanted, "required": []})).status_code == 200
    assert (await _calendar(client)).requirements == []
    assert (await client.put("/duty/requirements", json={**wanted, "site_id": "none"})).status_code == 404
