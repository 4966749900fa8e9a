"""Two links of two kinds through the alarm and alerting roles as they run: police by CAP 1.2, education by MQTT over
TLS.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import SecretStr

from alerting.channels.mqtt import Envelope
from alerting.desk import Desk
from alerting.reporting import ReportDesk
from alerting.signature import Seal
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.roles import Role
from campuswatch.settings import LinkSettings, Settings, SupervisionSettings
from domain.device import Device, DeviceKind
from domain.incident import IncidentAction
from domain.report import ReportKind
from simulators.broker import broker_address
from simulators.far_ends import FarEnds, LinkBehaviour, LinkName, Person, Say
from simulators.mqtt_far_end import MqttFarEnd
from storage.devices import upsert_devices
from storage.pool import Connection, connect
from tests.certificates import Authority
from tests.integration.alerting.far_side import FarSide, Posted, reply
from tests.integration.alerting.ledgers import rows, timeline, until, until_true
from tests.integration.campuswatch.test_house_incidents import _running as running
from tests.integration.campuswatch.test_house_incidents import _settings as settings_of
from tests.integration.ingest.school import Devices, press, register
from tests.servers import Mosquitto, open_directory
from tests.unit.alerting.test_cap import NS, valid

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # imported by Apprise

POLICE, EDUCATION = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SMOKE = "campus/v1/s001/smk-00/alarm"
TOPIC = "campuswatch/education"


@dataclass(frozen=True)
class Agency:
    """Education's own broker, and who vouches for it."""

    server: Mosquitto
    url: str
    ca: Path


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    with open_directory() as directory:
        authority = Authority(directory)
        shown = authority.signed("broker")
        passwords = directory / "passwords"
        made = ["mosquitto_passwd", "-c", "-b", str(passwords), "wujin", "s3cret"]
        subprocess.run(made, check=True, capture_output=True)
        passwords.chmod(0o644)
        access = f"allow_anonymous false\npassword_file {passwords}\n"
        access += f"certfile {shown.certificate}\nkeyfile {shown.key}"
        server = Mosquitto(directory, access=access)
        server.start()
        try:
            yield Agency(server, server.url.replace("mqtt://", "mqtts://"), authority.certificate)
        finally:
            server.stop()


class Police:
    """Its far end over HTTP, with every document as it came."""

    def __init__(self) -> None:
        self.far_ends = FarEnds(police_secret=POLICE, education_secret=POLICE)
        self.side = FarSide()
        self.side.answers(self._answer)

    async def _answer(self, posted: Posted, writer: asyncio.StreamWriter) -> None:
        at, signed = datetime.now(UTC), dict[str, str]()
        if posted.path.endswith("/status"):
            status = self.far_ends.status(LinkName.POLICE, posted.headers, posted.body, at)
            answer, signed = status.answer, status.headers
        else:
            answer = self.far_ends.take(LinkName.POLICE, posted.headers, posted.body, at)
        assert answer.status == 200, answer.body
        more = [f"{name}: {text}" for name, text in signed.items()]
        writer.write(reply("200 OK", msgspec.json.encode(answer.body), *more))

    def documents(self, **fields: str) -> list[Element]:
        """Those with these fields, each of them valid."""
        found = [valid(posted.body) for posted in self.side.posted if not posted.path.endswith("/status")]
        return [one for one in found if all(one.findtext(f"{NS}{name}") == text for name, text in fields.items())]


@dataclass
class Office:
    """Everything that a test of the links looks at."""

    conn: Connection
    devices: Devices
    police: Police
    education: MqttFarEnd
    agency: Agency

    async def deliveries(self, recipient: str, **fields: object) -> list[dict[str, Any]]:
        found = await rows(self.conn, "SELECT * FROM delivery WHERE recipient = %s ORDER BY created_at", recipient)
        return [one for one in found if all(one[name] == value for name, value in fields.items())]

    async def incident(self, rule: str, state: str) -> UUID | None:
        found = await rows(self.conn, "SELECT incident_id FROM incident WHERE rule = %s AND state = %s", rule, state)
        return found[0]["incident_id"] if found else None

    async def until_incident(self, rule: str, state: str, *, within_s: float = 30) -> UUID:
        async def there() -> bool:
            return await self.incident(rule, state) is not None

        await until(there, within_s=within_s)
        found = await self.incident(rule, state)
        assert found is not None
        return found

    async def until_delivered(self, count: int, recipient: str, **fields: object) -> list[dict[str, Any]]:
        async def there() -> bool:
            return len(await self.deliveries(recipient, **fields)) == count

        try:
            await until(there, within_s=30)
        except TimeoutError:
            found = [(one["notice"], one["state"], one["last_error"]) for one in await self.deliveries(recipient)]
            pytest.fail(f"not {count} deliveries to {recipient} with {fields}: {found}")
        return await self.deliveries(recipient, **fields)


def _with_links(settings: Settings, police: str, agency: Agency) -> Settings:
    links = {
        "police": LinkSettings(
            kind="cap",
            url=police,
            status_url=f"{police}/status",
            status_s=1,
            secret=SecretStr(POLICE),
            sender="wujin.campuswatch",
            addresses=("110",),
        ),
        "education": LinkSettings(
            kind="mqtt",
            url=agency.url,
            secret=SecretStr(EDUCATION),
            username="wujin",
            password=SecretStr("s3cret"),
            ca=agency.ca,
            reply_s=10,
        ),
    }
    # Quicker than anybody may set it.
    watched = SupervisionSettings.model_construct(heartbeat_s=0.3, silent_s=5.0, test_hours=24.0)
    mqtt = settings.mqtt.model_copy(update={"client_id": f"links-{uuid4().hex[:8]}"})  # the broker is shared
    return settings.model_copy(update={"mqtt": mqtt, "links": links, "supervision": watched})


@pytest.fixture
async def office(plain_database: str, mosquitto: str, agency: Agency, tmp_path: Path) -> AsyncIterator[Office]:
    conn = await connect(plain_database, name="test")
    await register(conn)
    smoke = Device(site_id="s001", device_id="smk-00", kind=DeviceKind.SMOKE, name="烟感", place="食堂")
    await upsert_devices(conn, [smoke], actor="test", at=datetime.now(UTC))
    address = broker_address(agency.url, username="wujin", password="s3cret", ca_file=str(agency.ca))
    police, devices = Police(), Devices(mosquitto)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(conn.close)
        stack.callback(devices.close)
        await stack.enter_async_context(police.side.listen())
        education = await stack.enter_async_context(
            MqttFarEnd(address, EDUCATION, topic=TOPIC, link=LinkName.EDUCATION)
        )
        settings = _with_links(settings_of(plain_database, mosquitto, tmp_path), police.side.url, agency)
        await stack.enter_async_context(_alerting(settings))
        await stack.enter_async_context(running(Role.ALARM, settings))
        yield Office(conn, devices, police, education, agency)


@asynccontextmanager
async def _alerting(settings: Settings) -> AsyncIterator[None]:
    from campuswatch.roles import role_main
    from campuswatch.roles.surroundings import surroundings

    task = asyncio.ensure_future(role_main(Role.ALERTING)(surroundings(settings)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.timeout(240)
async def test_an_alarm_a_drill_a_return_and_a_report_over_both_kinds_of_links(office: Office) -> None:
    conn, police, education = office.conn, office.police, office.education

    # A pressed button: a document that is valid, a signed envelope, and a receipt of both.
    police.far_ends.behave(LinkBehaviour(link=LinkName.POLICE, person=Person.ACCEPTS, person_after_s=0.0))
    await office.devices.say(press(0))
    (told,) = await office.until_delivered(1, "police", state="received")
    (heard,) = await office.until_delivered(1, "education", state="received")
    assert told["receipt_id"].startswith("JJ-")
    assert heard["receipt_id"].startswith("JY-")
    (alert,) = police.documents(status="Actual", msgType="Alert")
    assert alert.findtext(f"{NS}addresses") == "110"
    envelopes = [msgspec.json.decode(raw, type=Envelope) for raw in education.raw]
    (envelope,) = [one for one in envelopes if one.webhook_id == f"msg_{heard['delivery_id'].hex}"]
    Seal(EDUCATION).check(envelope.headers(), envelope.body.encode(), datetime.now(UTC))

    # A person there accepts it: education's says so by itself, police's is asked.
    education.answer(Say(webhook_id=envelope.webhook_id, accepted=True, after_s=0.0))
    (accepted,) = await office.until_delivered(1, "education", state="accepted")
    assert accepted["answered_by"] == "education 01"
    (answered,) = await office.until_delivered(1, "police", state="accepted")
    assert (answered["answered_by"], answered["receipt_id"]) == ("police 01", told["receipt_id"])
    kinds = await timeline(conn, told["incident_id"])
    assert kinds.count("receipt") == 2
    assert kinds.count("link_accepted") == 2
    police.far_ends.behave(LinkBehaviour(link=LinkName.POLICE))

    # Smoke that comes back is an Update, its reset a Cancel, and both refer back.
    for active, calls in ((True, 1), (False, 1), (True, 2)):
        await office.devices.say((SMOKE, msgspec.json.encode({"alarm": "smoke", "active": active})))
        if active:
            await office.until_delivered(calls, "police", notice="raised", state="received")
        else:
            await office.until_incident("smoke_alarm", "returned")
    incident_id = await office.until_incident("smoke_alarm", "raised")
    gazetteer = RegistryGazetteer()
    await gazetteer.load(conn)
    desk = Desk(gazetteer=gazetteer, link_ids=["police", "education"], zone=ZoneInfo("Asia/Shanghai"))
    for action in (IncidentAction.ACKNOWLEDGE, IncidentAction.RESET):
        await desk.act(conn, incident_id, action, actor="值班员", note="", now=datetime.now(UTC))
    await office.until_delivered(1, "police", notice="reset", state="received")
    await office.until_delivered(1, "education", notice="reset", state="received")
    (update,) = police.documents(msgType="Update")
    (cancel,) = police.documents(msgType="Cancel")
    incident = update.findtext(f"{NS}incidents") or ""
    (first,) = police.documents(msgType="Alert", incidents=incident)
    assert (update.findtext(f"{NS}references") or "").split(",")[1] == first.findtext(f"{NS}identifier")
    referred = {one.split(",")[1] for one in (cancel.findtext(f"{NS}references") or "").split()}
    assert referred == {first.findtext(f"{NS}identifier"), update.findtext(f"{NS}identifier")}

    # A drill is marked as one in both.
    await office.devices.say(press(1, drill=True))
    await until_true(lambda: len(police.documents(status="Exercise")) == 1, within_s=30)
    await until_true(lambda: any(one.data["drill"] for one in education.book.received), within_s=30)
    drilled = next(one for one in education.book.received if one.data["drill"])
    assert drilled.data["text"]["zh"].startswith("【演练】")

    # A report up the line goes the same way, with the same states and receipts.
    reports = ReportDesk(gazetteer, zone=ZoneInfo("Asia/Shanghai"), link_id="education")
    now = datetime.now(UTC)
    clock_id = await reports.start(
        conn, incident_id=None, site_id="s001", subject="食堂冒烟", began_at=None, reason="", actor="张伟", now=now
    )
    report_id = await reports.draft(conn, clock_id, ReportKind.FIRST, actor="张伟", now=datetime.now(UTC))
    await reports.approve(conn, report_id, actor="王主任", now=datetime.now(UTC))
    (reported,) = await office.until_delivered(1, "education", notice="report", state="received")
    education.answer(Say(webhook_id=f"msg_{reported['delivery_id'].hex}", accepted=False, after_s=0.0))
    (refused,) = await office.until_delivered(1, "education", notice="report", state="refused")
    assert refused["receipt_id"] == reported["receipt_id"]
    assert education.book.received[-1].type == "report.first"


@pytest.mark.timeout(240)
async def test_links_of_both_kinds_are_supervised_and_a_silent_one_is_an_incident(
    office: Office,
) -> None:
    conn = office.conn

    async def alive() -> bool:
        found = await rows(conn, "SELECT link_id FROM link_state WHERE alive_since IS NOT NULL")
        return {one["link_id"] for one in found} == {"police", "education"}

    await until(alive, within_s=30)
    assert office.education.far_ends.heartbeats[LinkName.EDUCATION] > 0
    assert office.police.documents(status="System")

    # The test alarm of the day, a little earlier.
    await conn.execute("UPDATE link_state SET next_test_at = now()")

    async def tested() -> bool:
        found = await rows(conn, "SELECT link_id FROM link_state WHERE test_receipted_at IS NOT NULL")
        return len(found) == 2

    await until(tested, within_s=30)
    assert len(office.education.far_ends.trials[LinkName.EDUCATION].received) == 1
    (trial,) = office.police.documents(status="Test")
    assert "勿" in (trial.findtext(f"{NS}note") or "")

    await asyncio.to_thread(office.agency.server.stop)
    try:
        silent = await office.until_incident("link_silent", "raised", within_s=60)
    finally:
        await asyncio.to_thread(office.agency.server.start)
    (detail,) = await rows(conn, "SELECT detail FROM incident WHERE incident_id = %s", silent)
    assert detail["detail"]["link"] == "education"
    assert await office.until_incident("link_silent", "returned", within_s=60) == silent
    await until(alive, within_s=30)
