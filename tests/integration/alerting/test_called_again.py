"""Somebody presses again though the alarm is acknowledged: it is shown, and everybody hears of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from alerting.answers import Answers
from alerting.casework import Casework
from alerting.desk import Desk, delivery_id_of, incident_id_of
from alerting.policy import SAME_CALL
from domain.delivery import DeliveryChannel, Notice
from domain.duty import DutyRole
from domain.errors import IllegalTransition
from domain.finding import Finding
from domain.incident import IncidentAction
from storage.duty import put_contacts, put_person, put_shift
from storage.incidents import open_cases
from storage.pool import Connection
from tests.integration.alerting.ledgers import deliveries, escalate, incidents, rows, timeline
from tests.unit.alerting.findings import NOW, finding, press

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TAKEN = NOW + 400 * SECOND


@pytest.fixture(autouse=True)
async def on_duty(conn: Connection) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', '前黄实验学校', 'nine_year')")
    for name, role in (("王主任", DutyRole.LEADER), ("李干事", DutyRole.OFFICER)):
        number = await put_person(conn, f"id-{name}", name)
        await put_contacts(conn, number, [(DeliveryChannel.APPRISE, f"json://{name}/")])
        await put_shift(conn, number, site_id="", role=role, starts_at=NOW - HOUR, ends_at=NOW + HOUR)


async def _take(conn: Connection, desk: Desk, one: Finding) -> UUID:
    async with conn.transaction():
        case = await desk.take(conn, one, now=one.found_at)
    await escalate(conn, desk, at=one.found_at)
    return case.incident_id


async def _acknowledged(conn: Connection, desk: Desk, one: Finding, by: str = "李干事") -> UUID:
    """``one``, told to both by its second step, and taken by the second of them."""
    incident_id = await _take(conn, desk, one)
    await escalate(conn, desk, at=TAKEN)
    await Answers(desk).take(conn, incident_id, actor=by, note="", now=TAKEN)
    return incident_id


async def _to_links(conn: Connection) -> list[dict[str, object]]:
    return [d for d in await deliveries(conn) if d["channel"] == "webhook"]


async def test_a_new_press_raises_the_alarm_anew_and_tells_links_under_an_id_of_its_own(
    conn: Connection, desk: Desk
) -> None:
    incident_id = await _acknowledged(conn, desk, press())
    again = press(at=TAKEN + SAME_CALL)
    assert await _take(conn, desk, again) == incident_id
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["occurrences"], incident["acknowledged_by"]) == ("raised", 2, None)
    assert (await timeline(conn, incident_id)).count("raised_again") == 1
    told = {d["delivery_id"]: d for d in await deliveries(conn) if d["channel"] == "webhook"}
    assert len(told) == 4
    for link in ("police", "education"):
        update = told[delivery_id_of(incident_id_of(again), link, Notice.RAISED)]
        assert update["life_safety"]
        assert [one["id"] for one in update["body"]["data"]["call"]["references"]] == [str(incident_id)]


async def test_who_had_taken_it_is_told_at_once_with_those_of_the_first_step(conn: Connection, desk: Desk) -> None:
    await _acknowledged(conn, desk, press())
    before = {d["delivery_id"]: d for d in await deliveries(conn)}
    await _take(conn, desk, press(at=TAKEN + SAME_CALL))
    told = [d for d in await deliveries(conn) if d["channel"] == "apprise" and d["delivery_id"] not in before]
    assert sorted(d["recipient"] for d in told) == ["李干事", "王主任"]
    assert all("接警后再次报警" in d["body"]["title"] for d in told)
    his = {d["body"]["contact_no"] for d in told if d["recipient"] == "李干事"}
    assert his == {d["body"]["contact_no"] for d in before.values() if d["recipient"] == "李干事"}
    await escalate(conn, desk, at=TAKEN + SAME_CALL)
    assert len(await deliveries(conn)) == len(before) + 4, "once"


async def test_a_finger_that_presses_while_it_is_just_taken_means_the_same_call(conn: Connection, desk: Desk) -> None:
    incident_id = await _acknowledged(conn, desk, press())
    before = len(await deliveries(conn))
    await _take(conn, desk, press(at=TAKEN + SAME_CALL - SECOND))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["occurrences"]) == ("acknowledged", 2)
    assert "repeated" in await timeline(conn, incident_id)
    assert len(await deliveries(conn)) == before


async def test_presses_that_nobody_has_taken_are_counted_and_each_taking_may_be_followed_by_a_new_call(
    conn: Connection, desk: Desk
) -> None:
    incident_id = await _acknowledged(conn, desk, press())
    for seconds in (20, 25, 30):
        await _take(conn, desk, press(at=TAKEN + seconds * SECOND))
    assert len(await _to_links(conn)) == 4
    with pytest.raises(IllegalTransition):
        await desk.act(conn, incident_id, IncidentAction.RESET, actor="甲", note="", now=TAKEN + HOUR)
    await Answers(desk).take(conn, incident_id, actor="王主任", note="", now=TAKEN + 40 * SECOND)
    await _take(conn, desk, press(at=TAKEN + 60 * SECOND))
    assert len(await _to_links(conn)) == 6


@pytest.mark.parametrize("rule", ["smoke_alarm", "intrusion_alarm"])
async def test_what_nobody_presses_repeats_itself_and_calls_nobody(conn: Connection, desk: Desk, rule: str) -> None:
    await _acknowledged(conn, desk, finding(rule))
    before = len(await deliveries(conn))
    await _take(conn, desk, finding(rule, at=TAKEN + 60 * SECOND))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["occurrences"]) == ("acknowledged", 2)
    assert len(await deliveries(conn)) == before


async def test_the_alarm_lane_knows_since_when_an_alarm_is_taken(conn: Connection, desk: Desk) -> None:
    incident_id = await _take(conn, desk, press())
    ((key, case),) = (await open_cases(conn)).items()
    assert case.acknowledged_at is None
    await Answers(desk).take(conn, incident_id, actor="王主任", note="", now=TAKEN)
    assert (await open_cases(conn))[key].acknowledged_at == TAKEN


async def test_one_that_is_merged_into_an_alarm_that_is_taken_calls_by_itself(conn: Connection, desk: Desk) -> None:
    main = await _take(conn, desk, finding("one_key_alarm", key="other", device_id="s001-btn-02"))
    child = await _take(conn, desk, press())
    await Casework(desk).merge(conn, child, main, actor="甲", note="", now=NOW)
    for incident_id in (main, child):
        await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="甲", note="", now=TAKEN)
    await _take(conn, desk, press(at=TAKEN + SAME_CALL))
    assert {i["incident_id"]: i["state"] for i in await incidents(conn)} == {main: "acknowledged", child: "raised"}
    running = await rows(conn, "SELECT incident_id FROM response WHERE state = 'running'")
    assert [one["incident_id"] for one in running] == [child]
