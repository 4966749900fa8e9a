"""Escalation on a real database, with the time where the test puts it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from alerting.answers import Answers
from alerting.casework import Casework
from alerting.desk import Desk
from alerting.notice_link import make_token
from domain.delivery import DeliveryChannel
from domain.duty import DutyRole
from domain.errors import IllegalTransition, LinkRefused, ResponsePlanError
from domain.finding import Category, Finding, FindingKind, Severity
from domain.incident import IncidentAction
from domain.response import USUAL, Answer, Grade, GradePlan, Step, Whom
from domain.safety_officer import SafetyOfficer
from storage.deliveries import record_failure
from storage.duty import put_contacts, put_person, put_shift, record_contact_test
from storage.pool import Connection, Pool
from storage.responses import ResponseState, add_plan, hurry_response, response_of, signing_key, ticks
from storage.safety_officers import OFFICERS, officer_addresses
from storage.versions import put
from tests.integration.alerting.ledgers import deliveries, escalate, incidents, rows, timeline
from tests.unit.alerting.findings import NOW, finding, press

HOUR = timedelta(hours=1)


def _later(**units: float) -> Any:
    return NOW + timedelta(**units)


@pytest.fixture(autouse=True)
async def site(conn: Connection) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s001', '前黄实验学校', 'nine_year')")


@pytest.fixture
def answers(desk: Desk) -> Answers:
    return Answers(desk)


async def _person(
    conn: Connection,
    name: str,
    role: DutyRole = DutyRole.LEADER,
    *,
    site_id: str = "",
    contacts: int = 1,
    on_duty: bool = True,
) -> int:
    number = await put_person(conn, f"id-{name}", name, site_id=site_id)
    await put_contacts(conn, number, [(DeliveryChannel.APPRISE, f"json://{name}/{n}") for n in range(contacts)])
    if on_duty:
        await put_shift(conn, number, site_id=site_id, role=role, starts_at=NOW - HOUR, ends_at=_later(days=2))
    return number


async def _raise(conn: Connection, desk: Desk, one: Finding | None = None) -> UUID:
    async with conn.transaction():
        case = await desk.take(conn, one or press(), now=NOW)
    return case.incident_id


async def _told(conn: Connection, state: str = "queued") -> list[str]:
    found = [d for d in await deliveries(conn) if d["channel"] != "webhook" and d["state"] == state]
    return [d["recipient"] for d in sorted(found, key=lambda d: (d["created_at"], d["step_key"], d["recipient"]))]


async def test_steps_follow_each_other_and_rounds_until_they_are_used_up(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    assert await _told(conn) == ["王主任"]
    assert await escalate(conn, desk, at=_later(seconds=59)) == 0
    await escalate(conn, desk, at=_later(seconds=60))
    assert await _told(conn) == ["王主任", "值班员"]
    assert await escalate(conn, desk, at=_later(seconds=659)) == 0
    for minutes in range(11, 300):
        await escalate(conn, desk, at=_later(minutes=minutes))
    plan = USUAL.grades[2]
    assert len(await _told(conn)) == 2 * plan.rounds
    kinds = await timeline(conn, incident_id)
    assert kinds.count("escalated") == 2 * plan.rounds - 1
    assert kinds[-1] == "nobody_answered"
    response = await response_of(conn, incident_id)
    assert response is not None
    assert (response.state, response.next_at, response.grade) == (ResponseState.EXHAUSTED, None, Grade.II)


async def test_leaders_of_the_site_and_of_the_bureau_are_told_in_the_first_step(conn: Connection, desk: Desk) -> None:
    await _person(conn, "校领导", site_id="s001")
    await _person(conn, "局领导")
    await _raise(conn, desk)
    await escalate(conn, desk)
    assert sorted(await _told(conn)) == ["局领导", "校领导"]


async def test_each_way_to_a_person_is_used(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任", contacts=3)
    await _raise(conn, desk)
    await escalate(conn, desk)
    assert await _told(conn) == ["王主任"] * 3


async def test_an_acknowledgement_ends_it_and_nobody_is_disturbed_any_more(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=_later(seconds=20))
    await escalate(conn, desk, at=_later(minutes=20))
    assert await _told(conn) == []
    assert await _told(conn, "cancelled") == ["王主任"]
    response = await response_of(conn, incident_id)
    assert response is not None
    assert (response.state, response.taken_by) == (ResponseState.TAKEN, "王主任")


async def test_an_acknowledgement_and_a_step_in_the_same_moment_come_one_after_the_other(
    pool: Pool, conn: Connection, desk: Desk
) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    moment = _later(seconds=60)
    for number in range(20):
        incident_id = await _raise(conn, desk, finding(key=f"k{number}", device_id=f"b{number}"))
        await escalate(conn, desk)

        async def acknowledge(incident_id: UUID = incident_id) -> None:
            async with pool.connection() as own:
                await desk.act(own, incident_id, IncidentAction.ACKNOWLEDGE, actor="王", note="", now=moment)

        async def step() -> None:
            async with pool.connection() as own:
                await escalate(own, desk, at=moment)

        both = (acknowledge(), step()) if number % 2 else (step(), acknowledge())
        await asyncio.gather(*both)
        await escalate(conn, desk, at=_later(seconds=61))
        assert {d["state"] for d in await deliveries(conn, incident_id) if d["channel"] == "apprise"} == {"cancelled"}


async def test_an_acknowledgement_that_nothing_follows_runs_out_and_all_are_told_anew(
    conn: Connection, desk: Desk
) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=_later(seconds=20))
    await escalate(conn, desk, at=_later(minutes=1))
    # A word of his half an hour later counts from then.
    await desk.act(conn, incident_id, IncidentAction.NOTE, actor="王主任", note="在路上", now=_later(minutes=30))
    await escalate(conn, desk, at=_later(minutes=61))
    assert [i["state"] for i in await incidents(conn)] == ["acknowledged"]
    await escalate(conn, desk, at=_later(minutes=91))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["acknowledged_by"]) == ("raised", None)
    assert "acknowledgement_expired" in await timeline(conn, incident_id)
    assert await _told(conn) == ["王主任"]


async def test_what_was_over_by_itself_after_the_acknowledgement_runs_out_no_more(conn: Connection, desk: Desk) -> None:
    incident_id = await _raise(conn, desk, finding("smoke_alarm"))
    await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王", note="", now=NOW)
    await escalate(conn, desk)
    async with conn.transaction():
        await desk.take(conn, finding("smoke_alarm", FindingKind.CLEARED), now=_later(minutes=1))
    await escalate(conn, desk, at=_later(hours=5))
    assert [i["state"] for i in await incidents(conn)] == ["normal"]


async def test_i_cant_calls_the_next_at_once(conn: Connection, desk: Desk, answers: Answers) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await answers.decline(conn, incident_id, actor="王主任", note="在外地", now=_later(seconds=5))
    await escalate(conn, desk, at=_later(seconds=5))
    assert await _told(conn) == ["王主任", "值班员"]
    assert [i["state"] for i in await incidents(conn)] == ["raised"]


async def test_who_took_it_and_then_cannot_gives_it_back(conn: Connection, desk: Desk, answers: Answers) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await answers.take(conn, incident_id, actor="王主任", note="", now=_later(seconds=5))
    await escalate(conn, desk, at=_later(seconds=6))
    await answers.decline(conn, incident_id, actor="值班员", note="", now=_later(seconds=7))
    await escalate(conn, desk, at=_later(seconds=7))
    assert [i["state"] for i in await incidents(conn)] == ["acknowledged"], "another one's word changes nothing"
    await answers.decline(conn, incident_id, actor="王主任", note="车坏了", now=_later(seconds=8))
    await escalate(conn, desk, at=_later(seconds=8))
    assert "值班员" in await _told(conn)
    (row,) = await incidents(conn)
    assert (row["state"], row["acknowledged_by"]) == ("raised", None)
    await answers.take(conn, incident_id, actor="值班员", note="", now=_later(seconds=20))
    assert [i["acknowledged_by"] for i in await incidents(conn)] == ["值班员"]


async def test_who_took_it_after_everybody_was_called_and_then_cannot_has_them_called_again(
    conn: Connection, desk: Desk, answers: Answers
) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    for number in range(1, 20):
        await escalate(conn, desk, at=_later(minutes=11 * number))
    assert "nobody_answered" in await timeline(conn, incident_id)
    before = len(await deliveries(conn))
    await answers.take(conn, incident_id, actor="王主任", note="", now=_later(hours=4))
    await escalate(conn, desk, at=_later(hours=4, seconds=1))
    await answers.decline(conn, incident_id, actor="王主任", note="", now=_later(hours=4, seconds=2))
    await escalate(conn, desk, at=_later(hours=4, seconds=2))
    assert len(await deliveries(conn)) > before


@pytest.mark.parametrize("gap", ["nobody on duty", "no contact", "contact failed its test"])
async def test_a_step_that_reaches_nobody_is_not_waited_for(conn: Connection, desk: Desk, gap: str) -> None:
    if gap != "nobody on duty":
        await _person(conn, "王主任", contacts=int(gap == "contact failed its test"))
    await _person(conn, "值班员", DutyRole.OFFICER)
    if gap == "contact failed its test":
        (contact,) = await rows(conn, "SELECT contact_no FROM contact WHERE address LIKE '%%王主任%%'")
        await record_contact_test(conn, contact["contact_no"], ok=False, error="no such number", at=NOW)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    # Who failed the test is told all the same; nobody waits for him.
    assert sorted(await _told(conn)) == sorted(["王主任"] * (gap == "contact failed its test") + ["值班员"])
    assert ("nobody_on_duty" in await timeline(conn, incident_id)) is (gap == "nobody on duty")


async def test_when_nobody_of_a_step_can_be_reached_the_next_comes_at_once(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    (notice,) = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    await record_failure(conn, notice["delivery_id"], attempts=1, error="no such number", next_attempt_at=None)
    assert await hurry_response(conn, incident_id, step_key=notice["step_key"], at=_later(seconds=2))
    # Once: what was hurried is past.
    await escalate(conn, desk, at=_later(seconds=2))
    assert not await hurry_response(conn, incident_id, step_key=notice["step_key"], at=_later(seconds=3))
    assert await _told(conn) == ["值班员"]


async def test_the_link_of_a_message_takes_the_incident_once(conn: Connection, desk: Desk, answers: Answers) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    (notice,) = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    token = make_token(await signing_key(conn), notice["delivery_id"], until=_later(hours=1))
    for _ in range(3):  # chat programs look at links
        called = await answers.look(conn, token, now=_later(seconds=9))
    assert (called.name, called.used_for) == ("王主任", None)
    assert [i["state"] for i in await incidents(conn)] == ["raised"]
    await answers.follow(conn, token, Answer.TAKE, now=_later(seconds=10))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["acknowledged_by"]) == ("acknowledged", "王主任")
    (entry,) = await rows(conn, "SELECT detail FROM incident_entry WHERE kind = 'acknowledged'")
    assert entry["detail"]["origin"] == "link"
    assert [row["verified_at"] for row in await rows(conn, "SELECT verified_at FROM contact")] == [_later(seconds=10)]
    for answer in Answer:
        with pytest.raises(LinkRefused, match="used already"):
            await answers.follow(conn, token, answer, now=_later(seconds=11))
    assert (await answers.look(conn, token, now=_later(seconds=12))).used_for == "take"
    with pytest.raises(LinkRefused, match="too old"):
        await answers.look(conn, token, now=_later(hours=2))
    assert (await response_of(conn, incident_id)) is not None


async def test_a_link_that_comes_too_late_is_told_so_and_not_used_up(
    conn: Connection, desk: Desk, answers: Answers
) -> None:
    await _person(conn, "王主任")
    await _person(conn, "李主任")
    await _raise(conn, desk)
    await escalate(conn, desk)
    key = await signing_key(conn)
    notices = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    first, second = (make_token(key, d["delivery_id"], until=_later(hours=1)) for d in notices)
    await answers.follow(conn, first, Answer.TAKE, now=NOW)
    with pytest.raises(IllegalTransition):
        await answers.follow(conn, second, Answer.TAKE, now=NOW)
    assert (await answers.look(conn, second, now=NOW)).used_for is None


async def test_two_who_follow_one_link_at_once_do_it_once(
    pool: Pool, conn: Connection, desk: Desk, answers: Answers
) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    (notice,) = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    token = make_token(await signing_key(conn), notice["delivery_id"], until=_later(hours=1))

    async def follow() -> bool:
        async with pool.connection() as own:
            try:
                await answers.follow(own, token, Answer.DECLINE, now=NOW)
            except LinkRefused:
                return False
            return True

    assert sum(await asyncio.gather(*(follow() for _ in range(6)))) == 1
    assert (await timeline(conn, incident_id)).count("declined") == 1


async def test_two_buttons_of_one_school_are_graver_than_one(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    first = await _raise(conn, desk)
    await escalate(conn, desk)
    await _raise(conn, desk, finding(key="other", device_id="b2"))
    await escalate(conn, desk)
    grades = {row["incident_id"]: row["grade"] for row in await rows(conn, "SELECT * FROM response")}
    orders = await rows(conn, "SELECT incident_id FROM response_upgrade")
    assert sorted(grades.values()) == [1, 2]
    assert [order["incident_id"] for order in orders] == [first]


async def test_a_person_upgrades_and_downgrades_and_the_links_of_the_grade_are_told(
    conn: Connection, desk: Desk, answers: Answers
) -> None:
    await _person(conn, "王主任")
    await _person(conn, "值班员", DutyRole.OFFICER)
    grades = {**USUAL.grades, 1: replace(USUAL.grades[1], links=("police", "nowhere"))}
    await add_plan(conn, replace(USUAL, grades=grades), at=NOW, by="科长", note="")
    incident_id = await _raise(conn, desk, finding("intrusion_alarm"))
    await escalate(conn, desk)
    await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=_later(seconds=20))
    await answers.regrade(conn, incident_id, Grade.I, actor="科长", note="持刀", now=_later(seconds=30))
    await escalate(conn, desk, at=_later(seconds=30))
    assert sorted(await _told(conn)) == ["值班员", "王主任"]
    assert [d["recipient"] for d in await deliveries(conn) if d["channel"] == "webhook"] == ["police"]
    with pytest.raises(IllegalTransition, match="grade I already"):
        await answers.regrade(conn, incident_id, Grade.I, actor="科长", note="", now=_later(seconds=31))
    await answers.regrade(conn, incident_id, Grade.IV, actor="科长", note="误会", now=_later(seconds=40))
    assert (await timeline(conn, incident_id)).count("regraded") == 2
    audited = await rows(conn, "SELECT actor, detail FROM audit_entry WHERE action = 'incident.regraded'")
    assert [(row["actor"], row["detail"]["from"], row["detail"]["grade"]) for row in audited] == [
        ("科长", "III", "I"),
        ("科长", "I", "IV"),
    ]
    await escalate(conn, desk, at=_later(seconds=40))
    assert len(await _told(conn)) == 2


async def test_who_is_called_to_what_was_upgraded_after_somebody_had_taken_it_can_take_it_too(
    conn: Connection, desk: Desk, answers: Answers
) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="值班", note="", now=_later(seconds=20))
    await answers.regrade(conn, incident_id, Grade.I, actor="科长", note="持刀", now=_later(seconds=30))
    await escalate(conn, desk, at=_later(seconds=30))
    assert await _told(conn) == ["王主任"]
    await answers.take(conn, incident_id, actor="王主任", note="", now=_later(seconds=40))
    await escalate(conn, desk, at=_later(minutes=5))
    assert await _told(conn) == []
    (row,) = await incidents(conn)
    assert (row["state"], row["acknowledged_by"]) == ("acknowledged", "值班")
    with pytest.raises(IllegalTransition):
        await answers.take(conn, incident_id, actor="李", note="", now=_later(seconds=41))


async def test_many_alarms_of_one_school_order_each_upgrade_once(conn: Connection, desk: Desk) -> None:
    for number in range(12):
        await _raise(conn, desk, finding(key=f"k{number}", device_id=f"b{number}"))
    await escalate(conn, desk)
    orders = await rows(conn, "SELECT incident_id FROM response_upgrade")
    assert len(orders) == len({order["incident_id"] for order in orders}) == 11


async def test_a_plan_that_this_program_does_not_understand_keeps_nobody_from_being_called(
    conn: Connection, desk: Desk
) -> None:
    await conn.execute(
        "INSERT INTO response_plan (version, made_at, made_by, plan) VALUES (1, now(), 'another program', %s)",
        ('{"cases": [], "grades": {}, "of_tomorrow": true}',),
    )
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    assert await _told(conn) == ["王主任"]
    response = await response_of(conn, incident_id)
    assert response is not None
    assert (response.state, response.grade) == (ResponseState.RUNNING, Grade.II)


async def test_a_slip_in_one_incident_keeps_nobody_from_being_called_to_another(
    conn: Connection, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _person(conn, "王主任")
    await _raise(conn, desk, finding(key="bad", device_id="bad"))
    await _raise(conn, desk, finding(key="good", device_id="good"))
    place = desk.gazetteer.place

    def slip(site_id: str, device_id: str) -> Any:
        if device_id == "bad":
            raise KeyError(device_id)
        return place(site_id, device_id)

    monkeypatch.setattr(desk.gazetteer, "place", slip)
    await escalate(conn, desk)
    assert await _told(conn) == ["王主任"]
    monkeypatch.undo()
    await escalate(conn, desk, at=_later(seconds=31))
    assert await _told(conn) == ["王主任"] * 2


async def test_the_check_list_of_the_grade_is_ticked_off_once_with_who_and_when(
    conn: Connection, desk: Desk, answers: Answers
) -> None:
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    await answers.check(conn, incident_id, "verify", actor="张伟", note="电话核实", now=_later(seconds=9))
    with pytest.raises(IllegalTransition):
        await answers.check(conn, incident_id, "verify", actor="李", note="", now=_later(seconds=10))
    with pytest.raises(ResponsePlanError, match="no item 'report'"):
        await answers.check(conn, incident_id, "report", actor="李", note="", now=_later(seconds=10))
    (done,) = await ticks(conn, incident_id)
    assert (done.item, done.actor, done.at) == ("verify", "张伟", _later(seconds=9))


async def test_an_incident_keeps_the_plan_by_which_it_began(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk)
    await escalate(conn, desk)
    version = await add_plan(
        conn, replace(USUAL, grades={**USUAL.grades, 2: GradePlan()}), at=NOW, by="科长", note="没有人"
    )
    assert version == 1
    await escalate(conn, desk, at=_later(minutes=30))
    response = await response_of(conn, incident_id)
    assert response is not None
    assert (response.plan_version, response.round) == (0, 1)


async def test_all_sites_means_the_leader_of_each(conn: Connection, desk: Desk) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s002', '别的学校', 'primary')")
    for name, site_id in (("甲", "s001"), ("乙", "s002"), ("局", "")):
        await _person(conn, name, site_id=site_id)
    step = Step(whom=(Whom(role=DutyRole.LEADER, where="all_sites"), Whom(person_id="id-局")))
    await add_plan(conn, replace(USUAL, grades={**USUAL.grades, 2: GradePlan(steps=(step,))}), at=NOW, by="", note="")
    await _raise(conn, desk)
    await escalate(conn, desk)
    assert sorted(await _told(conn)) == ["乙", "局", "甲"]


async def test_a_reset_or_a_close_ends_what_was_still_to_come(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    incident_id = await _raise(conn, desk, finding("tamper"))
    await escalate(conn, desk)
    async with conn.transaction():
        await desk.take(conn, finding("tamper", FindingKind.CLEARED), now=NOW)
    await desk.act(conn, incident_id, IncidentAction.CLOSE, actor="王主任", note="", now=_later(seconds=5))
    await escalate(conn, desk, at=_later(hours=3))
    response = await response_of(conn, incident_id)
    assert response is not None
    assert response.state is ResponseState.OVER
    assert await _told(conn) == []


async def test_a_drill_goes_the_same_way_and_says_so(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    await _raise(conn, desk, press(drill=True))
    await escalate(conn, desk)
    (notice,) = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    assert notice["body"]["title"].startswith("【演练】")
    assert "响应：Ⅱ级" in notice["body"]["text"]


async def test_a_drop_off_from_a_target_is_told_to_the_schools_safety_officer_and_nothing_else_is(
    pool: Pool, conn: Connection, desk: Desk
) -> None:
    await _person(conn, "局领导")
    officers = [
        SafetyOfficer(site_id="s001", name="李安全", contacts=("json://officer/li",)),
        SafetyOfficer(site_id="s001", name="赵安全"),  # no way to tell him
    ]
    await put(conn, OFFICERS, officers, actor="office", at=NOW)
    press_of = finding(key="target_dropped/guard_staffing/s001")
    dropped = replace(
        press_of, rule="target_dropped", category=Category.COMPLIANCE, severity=Severity.MAJOR, life_safety=False
    )
    await _raise(conn, desk, dropped)
    await escalate(conn, desk)
    assert sorted(await _told(conn)) == ["局领导", "李安全"]
    body = next(d for d in await deliveries(conn) if d["recipient"] == "李安全")["body"]
    assert "json://" not in str(body)
    assert await officer_addresses(conn, body["officer_no"]) == ("json://officer/li",)
    # A new address holds at once, also for what was queued before.
    moved = SafetyOfficer(site_id="s001", name="李安全", contacts=("json://officer/new",))
    await put(conn, OFFICERS, [moved], actor="office", at=_later(seconds=1))
    assert await officer_addresses(conn, body["officer_no"]) == ("json://officer/new",)

    tamper = finding(key="tamper/s001/d1")
    await _raise(conn, desk, replace(tamper, rule="tamper", category=Category.DEVICE, severity=Severity.MAJOR))
    await escalate(conn, desk)
    assert sorted(await _told(conn)) == ["局领导", "局领导", "李安全"]


async def test_what_is_merged_and_stays_when_the_other_has_ended_calls_people(conn: Connection, desk: Desk) -> None:
    await _person(conn, "王主任")
    fault = replace(
        finding(key="tamper/s001/d1"),
        rule="tamper",
        category=Category.DEVICE,
        severity=Severity.MINOR,
        life_safety=False,
    )
    main = await _raise(conn, desk, fault)
    child = await _raise(conn, desk, finding("intrusion_alarm", key="intrusion_alarm/s001/z1"))
    casework = Casework(desk)
    await casework.merge(conn, child, main, actor="张伟", note="", now=NOW, origin="")
    await escalate(conn, desk)
    assert await _told(conn) == []
    async with conn.transaction():
        ended = replace(fault, finding_id=uuid4(), kind=FindingKind.CLEARED, at=_later(minutes=5))
        await desk.take(conn, ended, now=_later(minutes=5))
    await escalate(conn, desk, at=_later(minutes=5))
    assert await _told(conn) == ["王主任"]
    # Once, and no more than for any other incident.
    assert await escalate(conn, desk, at=_later(minutes=6)) == 0
