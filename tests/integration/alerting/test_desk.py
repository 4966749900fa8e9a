from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from alerting.desk import Case, Desk
from domain.errors import IllegalTransition, UnknownIncident
from domain.finding import Finding, FindingKind
from domain.incident import IncidentAction
from storage.deliveries import record_arrival
from storage.pool import Connection, Pool
from tests.integration.alerting.ledgers import deliveries, escalate, incidents, put_on_duty, rows, timeline
from tests.unit.alerting.findings import NOW, finding, press

HOUR = timedelta(hours=1)


async def _take(conn: Connection, desk: Desk, *found: Finding, lease_links: bool = False) -> list[Case]:
    async with conn.transaction():
        cases = [await desk.take(conn, one, now=NOW, lease_links=lease_links) for one in found]
    await escalate(conn, desk)
    return cases


async def _act(conn: Connection, desk: Desk, case: Case, *actions: IncidentAction) -> None:
    for action in actions:
        await desk.act(conn, case.incident_id, action, actor="值班员", note="", now=NOW)


async def test_a_hundred_raises_at_once_open_one_incident_and_tell_each_link_once(
    pool: Pool, conn: Connection, desk: Desk
) -> None:
    async def raise_one() -> Case:
        async with pool.connection() as own:
            (case,) = await _take(own, desk, press())
            return case

    cases = await asyncio.gather(*(raise_one() for _ in range(100)))
    assert sum(case.opened for case in cases) == 1
    assert len({case.incident_id for case in cases}) == 1
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["occurrences"]) == ("raised", 100)
    assert [d["recipient"] for d in await deliveries(conn)] == ["education", "police"]
    # Each press of a person has its line; what a loop says is counted.
    lines = await rows(conn, "SELECT detail FROM incident_entry WHERE kind = 'repeated' ORDER BY entry_no")
    assert [line["detail"].get("times", 1) for line in lines] == [1] * 9 + [90]


async def test_the_same_finding_again_changes_nothing(conn: Connection, desk: Desk) -> None:
    pressed = press()
    first, again = await _take(conn, desk, pressed, pressed)
    (later,) = await _take(conn, desk, pressed)
    assert [first.opened, again.opened, later.opened] == [True, False, False]
    (incident,) = await incidents(conn)
    assert incident["occurrences"] == 1
    assert len(await deliveries(conn)) == 2


@pytest.mark.parametrize("closed", [False, True])
async def test_a_finding_seen_again_after_its_incident_was_reset_opens_nothing(
    conn: Connection, desk: Desk, closed: bool
) -> None:
    pressed = press()
    (case,) = await _take(conn, desk, pressed)
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE, IncidentAction.RESET)
    if closed:
        await _act(conn, desk, case, IncidentAction.CLOSE)
    (again,) = await _take(conn, desk, pressed)
    assert not again.opened
    assert [i["state"] for i in await incidents(conn)] == ["closed" if closed else "reset"]
    assert [d["notice"] for d in await deliveries(conn)].count("raised") == 2


async def test_a_new_press_after_the_reset_opens_a_new_incident_and_calls_the_links_again(
    conn: Connection, desk: Desk
) -> None:
    (case,) = await _take(conn, desk, press())
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE, IncidentAction.RESET)
    (new,) = await _take(conn, desk, press(at=NOW + timedelta(minutes=1)))
    assert new.opened
    assert new.incident_id != case.incident_id
    assert [i["state"] for i in await incidents(conn)] == ["reset", "raised"]
    assert [d["recipient"] for d in await deliveries(conn, new.incident_id)] == ["education", "police"]


async def test_smoke_that_goes_and_comes_back_stays_one_incident_that_needs_an_answer(
    conn: Connection, desk: Desk
) -> None:
    (case,) = await _take(conn, desk, finding("smoke_alarm"))
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    await _take(conn, desk, finding("smoke_alarm", FindingKind.CLEARED))
    (incident,) = await incidents(conn)
    assert incident["state"] == "normal"
    assert incident["returned_at"] == NOW
    await _take(conn, desk, finding("smoke_alarm"))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["acknowledged_at"], incident["returned_at"]) == ("raised", None, None)
    assert "raised_again" in await timeline(conn, case.incident_id)


async def test_fire_that_had_been_over_and_comes_back_is_told_to_the_links_again(conn: Connection, desk: Desk) -> None:
    smoke, over, smoke_again = (
        finding("smoke_alarm", kind, at=NOW + timedelta(minutes=minute))
        for minute, kind in enumerate((FindingKind.RAISED, FindingKind.CLEARED, FindingKind.RAISED))
    )
    (case, *_) = await _take(conn, desk, smoke, over, smoke_again)
    told = await deliveries(conn)
    assert [d["recipient"] for d in told] == ["education", "education", "police", "police"]
    assert len({d["delivery_id"] for d in told}) == 4
    assert {d["incident_id"] for d in told} == {case.incident_id}
    await _take(conn, desk, smoke_again)
    assert len(await deliveries(conn)) == 4


async def test_life_safety_that_returned_waits_for_acknowledge_and_reset(conn: Connection, desk: Desk) -> None:
    case, _ = await _take(conn, desk, finding("smoke_alarm"), finding("smoke_alarm", FindingKind.CLEARED))
    for action in (IncidentAction.CLOSE, IncidentAction.RESET):
        with pytest.raises(IllegalTransition):
            await _act(conn, desk, case, action)
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    with pytest.raises(IllegalTransition):
        await _act(conn, desk, case, IncidentAction.CLOSE)
    await _act(conn, desk, case, IncidentAction.RESET, IncidentAction.CLOSE)
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["reset_by"], incident["closed_by"]) == ("closed", "值班员", "值班员")


async def test_a_refused_action_leaves_no_trace(conn: Connection, desk: Desk) -> None:
    (case,) = await _take(conn, desk, press())
    before = (await incidents(conn), await timeline(conn, case.incident_id), await deliveries(conn))
    for action in (IncidentAction.CLOSE, IncidentAction.RESET, IncidentAction.RAISE, IncidentAction.RETURN):
        with pytest.raises(IllegalTransition):
            await _act(conn, desk, case, action)
    with pytest.raises(UnknownIncident):
        await desk.act(conn, uuid4(), IncidentAction.ACKNOWLEDGE, actor="值班员", note="", now=NOW)
    assert (await incidents(conn), await timeline(conn, case.incident_id), await deliveries(conn)) == before


async def test_equipment_that_recovers_closes_its_own_incident(conn: Connection, desk: Desk) -> None:
    (case,) = await _take(conn, desk, finding("heartbeat_lost"))
    await _take(conn, desk, finding("heartbeat_lost", FindingKind.CLEARED))
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["closed_by"]) == ("closed", "system")
    assert await timeline(conn, case.incident_id) == ["raised", "returned", "closed"]
    (again,) = await _take(conn, desk, finding("heartbeat_lost"))
    assert again.opened


async def test_grave_equipment_trouble_that_returned_closes_when_somebody_acknowledges(
    conn: Connection, desk: Desk
) -> None:
    case, _ = await _take(conn, desk, finding("tamper"), finding("tamper", FindingKind.CLEARED))
    assert [i["state"] for i in await incidents(conn)] == ["returned"]
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    assert [i["state"] for i in await incidents(conn)] == ["closed"]


async def test_an_end_or_an_update_without_an_incident_is_told_to_nobody(conn: Connection, desk: Desk) -> None:
    await _take(conn, desk, finding("smoke_alarm", FindingKind.CLEARED), finding("smoke_alarm", FindingKind.UPDATED))
    assert await incidents(conn) == []
    assert await rows(conn, "SELECT * FROM incident_entry") == []


async def test_an_acknowledgement_cancels_duty_notices_and_never_what_the_links_have_to_hear(
    conn: Connection, desk: Desk
) -> None:
    await put_on_duty(conn, "王主任", NOW - HOUR, NOW + HOUR)
    (case,) = await _take(conn, desk, press())
    assert {d["channel"]: d["state"] for d in await deliveries(conn)} == {"webhook": "queued", "apprise": "queued"}
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    assert sorted((d["channel"], d["state"]) for d in await deliveries(conn)) == [
        ("apprise", "cancelled"),
        ("webhook", "queued"),
        ("webhook", "queued"),
    ]
    (entry,) = await rows(conn, "SELECT detail FROM incident_entry WHERE kind = 'acknowledged'")
    assert entry["detail"] == {"cancelled": 1}


async def test_an_acknowledgement_that_is_rolled_back_cancels_nothing(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "王主任", NOW - HOUR, NOW + HOUR)
    (case,) = await _take(conn, desk, press())

    async with conn.transaction(force_rollback=True):
        await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    assert [i["state"] for i in await incidents(conn)] == ["raised"]
    assert {d["state"] for d in await deliveries(conn)} == {"queued"}


async def test_a_notice_that_was_sent_before_the_acknowledgement_stays_sent(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "王主任", NOW - HOUR, NOW + HOUR)
    (case,) = await _take(conn, desk, press())
    (notice,) = [d for d in await deliveries(conn) if d["channel"] == "apprise"]
    assert await record_arrival(conn, notice["delivery_id"], at=NOW, attempts=1, receipt=None)
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE)
    assert [d["state"] for d in await deliveries(conn) if d["channel"] == "apprise"] == ["sent"]


async def test_a_reset_tells_exactly_the_links_that_were_told(conn: Connection, desk: Desk) -> None:
    (case,) = await _take(conn, desk, press())
    await conn.execute("DELETE FROM delivery WHERE recipient = 'education'")  # it was no link then
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE, IncidentAction.RESET)
    (reset,) = [d for d in await deliveries(conn) if d["notice"] == "reset"]
    assert (reset["recipient"], reset["state"], reset["life_safety"]) == ("police", "queued", True)
    assert reset["body"]["type"] == "incident.reset"
    assert reset["body"]["data"]["incident_id"] == str(case.incident_id)
    assert reset["body"]["data"]["text"]["zh"].startswith("已复位：")


async def test_a_reset_of_what_no_link_was_told_tells_none(conn: Connection, desk: Desk) -> None:
    (case,) = await _take(conn, desk, finding("intrusion_alarm"))
    await _act(conn, desk, case, IncidentAction.ACKNOWLEDGE, IncidentAction.RESET)
    assert await deliveries(conn) == []


async def test_nobody_on_duty_is_written_in_the_timeline(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "昨天的", NOW - 2 * HOUR, NOW)
    (case,) = await _take(conn, desk, press())
    assert await timeline(conn, case.incident_id) == ["raised", "graded", "nobody_on_duty", "step_skipped"]
    assert {d["channel"] for d in await deliveries(conn)} == {"webhook"}


async def test_everyone_on_duty_is_told_in_their_language(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "王主任", NOW - HOUR, NOW + HOUR)
    await put_on_duty(conn, "Smith", NOW, NOW + HOUR, language="en")
    (case,) = await _take(conn, desk, press())
    notices = {d["recipient"]: d["body"] for d in await deliveries(conn) if d["channel"] == "apprise"}
    (incident,) = await incidents(conn)
    assert notices["王主任"]["title"] == f"【紧急】一键报警 前黄实验学校 东门岗亭 #{incident['number']}"
    assert "时间：2026-03-02 09:30:00" in notices["王主任"]["text"]
    assert "0519-86510001" in notices["王主任"]["text"]
    assert notices["Smith"]["title"].startswith("One-key alarm (critical) at Qianhuang Experimental School")
    assert "Address: " in notices["Smith"]["text"]
    assert "nobody_on_duty" not in await timeline(conn, case.incident_id)


async def test_a_shift_of_another_school_is_not_disturbed(conn: Connection, desk: Desk) -> None:
    await conn.execute("INSERT INTO site (site_id, name, kind) VALUES ('s002', '别的学校', 'primary')")
    await put_on_duty(conn, "别校", NOW - HOUR, NOW + HOUR)
    await conn.execute("UPDATE duty_shift SET site_no = (SELECT site_no FROM site WHERE site_id = 's002')")
    (case,) = await _take(conn, desk, press())
    assert "nobody_on_duty" in await timeline(conn, case.incident_id)


async def test_a_test_press_reaches_the_links_marked_and_disturbs_no_leader(conn: Connection, desk: Desk) -> None:
    await put_on_duty(conn, "王主任", NOW - HOUR, NOW + HOUR)
    await _take(conn, desk, press(test=True))
    sent = await deliveries(conn)
    assert [d["recipient"] for d in sent] == ["education", "police"]
    assert all(d["body"]["data"]["test"] and d["body"]["data"]["text"]["zh"].startswith("【测试】") for d in sent)


@pytest.mark.parametrize("mark", ["test", "drill"])
async def test_a_real_press_during_a_test_or_drill_opens_an_incident_of_its_own(
    conn: Connection, desk: Desk, mark: str
) -> None:
    await _take(conn, desk, press(test=mark == "test", drill=mark == "drill"), press())
    assert [(i["test"], i["drill"]) for i in await incidents(conn)] == [
        (mark == "test", mark == "drill"),
        (False, False),
    ]
    assert len(await deliveries(conn)) == 4


async def test_incident_timeline_and_outbox_stand_or_fall_together(conn: Connection, desk: Desk) -> None:
    async with conn.transaction(force_rollback=True):
        await desk.take(conn, press(), now=NOW)
    assert await incidents(conn) == []
    assert await deliveries(conn) == []
    assert await rows(conn, "SELECT * FROM incident_entry") == []


async def test_what_the_database_queues_is_what_the_alarm_lane_sends_without_it(conn: Connection, desk: Desk) -> None:
    pressed = press()
    sent = desk.link_deliveries(pressed, now=NOW)
    (case,) = await _take(conn, desk, pressed, lease_links=True)
    queued = {d["delivery_id"]: d["body"] for d in await deliveries(conn)}
    (incident,) = await incidents(conn)
    assert {d.delivery_id for d in sent} == queued.keys() == {d.delivery_id for d in case.leased}
    for delivery in sent:
        body = msgspec.json.decode(msgspec.json.encode(delivery.body))
        assert body["data"]["number"] is None
        body["data"]["number"] = incident["number"]
        assert queued[delivery.delivery_id] == body


async def test_a_person_and_the_detector_at_the_same_moment_come_to_one_legal_state(
    pool: Pool, conn: Connection, desk: Desk
) -> None:
    for _ in range(5):
        (case,) = await _take(conn, desk, finding("tamper"))

        async def person(case: Case = case) -> None:
            async with pool.connection() as own:
                await _act(own, desk, case, IncidentAction.ACKNOWLEDGE)

        async def detector() -> None:
            async with pool.connection() as own:
                await _take(own, desk, finding("tamper", FindingKind.CLEARED))

        await asyncio.gather(person(), detector())
        states = await rows(conn, "SELECT state FROM incident WHERE incident_id = %s", case.incident_id)
        assert states == [{"state": "closed"}]
