"""What people find out about incidents, and what they put together."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from alerting.casework import Casework
from alerting.desk import Desk
from domain.attachment import MOST_OF_ONE
from domain.errors import AttachmentRefused, IllegalTransition, UnknownAttachment, VerificationRefused
from domain.finding import Severity
from domain.incident import IncidentAction
from domain.verification import Verification
from storage.attachments import attachment_content, attachments
from storage.casework import related
from storage.pool import Connection
from tests.integration.alerting.ledgers import deliveries, escalate, incidents, put_on_duty, rows, timeline
from tests.unit.alerting.findings import NOW, finding, press

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
WHO = {"actor": "张伟", "note": "", "now": NOW, "origin": "10.0.0.8 席位 3"}


@pytest.fixture
def casework(desk: Desk) -> Casework:
    return Casework(desk)


#: What an escalation writes down where nobody is on duty.
_NOBODY = ("graded", "nobody_on_duty", "step_skipped")


async def opened(conn: Connection, desk: Desk, rule: str = "tamper", *, device: str = "a", drill: bool = False) -> UUID:
    async with conn.transaction():
        case = await desk.take(conn, finding(rule, device_id=device, drill=drill), now=NOW)
    await escalate(conn, desk)
    assert case.opened
    return case.incident_id


async def states(conn: Connection) -> list[str]:
    return [incident["state"] for incident in await incidents(conn)]


async def test_a_life_safety_incident_verified_false_still_needs_a_reset(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    async with conn.transaction():
        case = await desk.take(conn, press(), now=NOW)
    await casework.verify(conn, case.incident_id, Verification.FALSE, "pressed_by_mistake", **WHO)  # type: ignore[arg-type]
    (incident,) = await incidents(conn)
    assert (incident["state"], incident["verification"], incident["verified_by"]) == ("raised", "false", "张伟")
    await desk.act(conn, case.incident_id, IncidentAction.ACKNOWLEDGE, actor="张伟", note="", now=NOW)
    with pytest.raises(IllegalTransition):
        await desk.act(conn, case.incident_id, IncidentAction.CLOSE, actor="张伟", note="", now=NOW)
    await desk.act(conn, case.incident_id, IncidentAction.RESET, actor="张伟", note="", now=NOW)
    assert await states(conn) == ["reset"]


async def test_who_when_and_from_where_stand_in_the_timeline_and_in_the_audit_trail(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    incident_id = await opened(conn, desk)
    await casework.verify(conn, incident_id, Verification.TRUE, "seen_on_video", **WHO)  # type: ignore[arg-type]
    await desk.act(
        conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="张伟", note="去看", now=NOW, origin="10.0.0.8 席位 3"
    )
    entries = await rows(
        conn,
        "SELECT actor, at, detail FROM incident_entry WHERE kind IN ('verified', 'acknowledged') ORDER BY entry_no",
    )
    assert [(e["actor"], e["at"], e["detail"]["origin"]) for e in entries] == [("张伟", NOW, "10.0.0.8 席位 3")] * 2
    audited = await rows(conn, "SELECT action, subject, origin, detail FROM audit_entry ORDER BY entry_no")
    assert [(a["action"], a["subject"], a["origin"]) for a in audited] == [
        ("incident.verified", str(incident_id), "10.0.0.8 席位 3"),
        ("incident.acknowledged", str(incident_id), "10.0.0.8 席位 3"),
    ]
    assert audited[1]["detail"]["state"] == ["raised", "acknowledged"]
    assert audited[1]["detail"]["note"] == "去看"


async def test_a_reason_must_be_one_of_the_verification(conn: Connection, desk: Desk, casework: Casework) -> None:
    incident_id = await opened(conn, desk)
    for verification, reason in (
        (Verification.TRUE, "prank"),
        (Verification.FALSE, "?"),
        (Verification.FALSE, "other"),
    ):
        with pytest.raises(VerificationRefused):
            await casework.verify(conn, incident_id, verification, reason, **WHO)  # type: ignore[arg-type]


async def test_a_merged_incident_keeps_its_state_timeline_and_deliveries(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    main, child = (
        await opened(conn, desk, "smoke_alarm", device="a"),
        await opened(conn, desk, "smoke_alarm", device="b"),
    )
    before = await deliveries(conn, child)
    await casework.merge(conn, child, main, **WHO)  # type: ignore[arg-type]
    assert await states(conn) == ["raised", "raised"]
    assert await deliveries(conn, child) == before
    assert await timeline(conn, child) == ["raised", *_NOBODY, "merged"]
    assert await timeline(conn, main) == ["raised", *_NOBODY, "took_in"]
    assert [one.incident_id for one in await related(conn, main)] == [child]
    assert [one.incident_id for one in await related(conn, child)] == [main]
    await desk.act(conn, main, IncidentAction.ACKNOWLEDGE, actor="张伟", note="", now=NOW)
    assert await casework.acknowledge_merged(conn, main, actor="张伟", now=NOW) == 1
    await desk.act(conn, main, IncidentAction.RESET, actor="张伟", note="", now=NOW)
    assert await states(conn) == ["reset", "acknowledged"]  # it waits for a reset of its own
    await casework.split(conn, child, **WHO)  # type: ignore[arg-type]
    assert await related(conn, main) == []
    with pytest.raises(IllegalTransition, match="not merged"):
        await casework.split(conn, child, **WHO)  # type: ignore[arg-type]


async def test_one_that_somebody_else_acknowledges_meanwhile_leaves_no_other_unacknowledged(
    conn: Connection, desk: Desk, casework: Casework, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await opened(conn, desk, device="a"), await opened(conn, desk, device="b")
    await desk.act(conn, one, IncidentAction.ACKNOWLEDGE, actor="李娜", note="", now=NOW)

    async def seen_before(*_: object) -> list[UUID]:
        return [one, other]

    monkeypatch.setattr("storage.casework.merged_unanswered", seen_before)
    assert await casework.acknowledge_merged(conn, other, actor="张伟", now=NOW) == 1
    assert {row["state"] for row in await incidents(conn)} == {"acknowledged"}


async def test_what_is_merged_into_an_incident_that_was_taken_on_is_taken_on_too(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    main, child = await opened(conn, desk, device="a"), await opened(conn, desk, device="b")
    await desk.act(conn, main, IncidentAction.ACKNOWLEDGE, actor="张伟", note="", now=NOW)
    await casework.merge(conn, child, main, **WHO)  # type: ignore[arg-type]
    assert await states(conn) == ["acknowledged", "acknowledged"]


async def test_what_may_not_be_merged_is_refused_by_the_desk_and_by_the_database(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    fire, fault = await opened(conn, desk, "smoke_alarm", device="a"), await opened(conn, desk, device="b")
    drill, third = await opened(conn, desk, "smoke_alarm", device="c", drill=True), await opened(conn, desk, device="d")
    await casework.merge(conn, third, fault, **WHO)  # type: ignore[arg-type]
    for child, main, why in (
        (fire, fault, "life safety under life safety|life safety is merged"),
        (fire, drill, "drill"),
        (fire, fire, "itself"),
        (third, fire, "split it first"),
        (fault, fire, "split them first"),
    ):
        with pytest.raises(IllegalTransition, match=why):
            await casework.merge(conn, child, main, **WHO)  # type: ignore[arg-type]
        if child != third:
            with pytest.raises(psycopg.errors.CheckViolation):
                await conn.execute("UPDATE incident SET merged_into = %s WHERE incident_id = %s", (main, child))


async def test_an_upgrade_by_hand_tells_the_duty_leader_and_life_safety_never_sinks(
    conn: Connection, desk: Desk, casework: Casework
) -> None:
    await put_on_duty(conn, "王主任", NOW, NOW + timedelta(hours=1))
    fault = await opened(conn, desk, "heartbeat_lost")
    assert await deliveries(conn, fault) == []
    await casework.reclassify(conn, fault, Severity.MAJOR, **WHO)  # type: ignore[arg-type]
    await escalate(conn, desk)
    assert [d["recipient"] for d in await deliveries(conn, fault)] == ["王主任"]
    await casework.reclassify(conn, fault, Severity.ADVICE, **WHO)  # type: ignore[arg-type]
    assert [(i["severity"], i["severity_rank"]) for i in await incidents(conn)] == [("advice", 3)]
    assert (await timeline(conn, fault)).count("reclassified") == 2
    fire = await opened(conn, desk, "smoke_alarm", device="b")
    for severity in (Severity.MAJOR, Severity.CRITICAL):
        with pytest.raises(IllegalTransition):
            await casework.reclassify(conn, fire, severity, **WHO)  # type: ignore[arg-type]


async def test_attachments_are_kept_counted_and_read_back(conn: Connection, desk: Desk, casework: Casework) -> None:
    incident_id = await opened(conn, desk)
    kept = await casework.attach(conn, incident_id, name="..\\现场/照片.png", content=PNG, actor="张伟", now=NOW)
    assert (kept.name, kept.media_type, kept.size) == ("照片.png", "image/png", len(PNG))
    assert await attachments(conn, incident_id) == [kept]
    assert await attachment_content(conn, incident_id, kept.attachment_no) == ("照片.png", "image/png", PNG)
    with pytest.raises(UnknownAttachment):
        await attachment_content(conn, await opened(conn, desk, device="b"), kept.attachment_no)
    with pytest.raises(AttachmentRefused, match="expected a JPEG"):
        await casework.attach(conn, incident_id, name="x.png", content=b"MZ\x90\x00\x03", actor="张伟", now=NOW)
    for _ in range(MOST_OF_ONE - 1):
        await casework.attach(conn, incident_id, name="x", content=PNG, actor="张伟", now=NOW)
    with pytest.raises(AttachmentRefused, match="at most"):
        await casework.attach(conn, incident_id, name="x", content=PNG, actor="张伟", now=NOW)
