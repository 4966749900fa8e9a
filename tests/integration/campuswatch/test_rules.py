"""Rules in the database: versions, who hears of them, the API, and rules tried on what was stored."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from click.testing import CliRunner

from campuswatch.backtest import Backtest, told
from campuswatch.commands.rules import rules as rules_command
from campuswatch.rulebook import BulkRules
from campuswatch.rulekeeper import WebRules, all_rules, all_versions, change
from dashboards.app import create_app
from dashboards.settings import WebSettings
from detectors.documents.form import RuleDocument
from detectors.documents.reading import enabled, read_said, read_text
from detectors.documents.shipped import shipped
from detectors.engine import Engine
from detectors.grounds import Grounds, Spot
from detectors.rules import bulk_rules
from domain.access import Role
from domain.device import DeviceKind, RegisteredDevice
from domain.errors import RuleConflict, UnknownRule
from domain.finding import FindingKind
from domain.observation import Alarm, AlarmKind, Event, EventKind, Heartbeat, Reading, StateReport
from storage.device_states import load_rule_states
from storage.notices import NoticeChannel, listen
from storage.observations import store_events, store_heartbeats, store_readings
from storage.pool import Connection, KeptPool, connect, open_pool
from storage.rules import newest_versions
from tests.integration.alerting.ledgers import rows
from tests.integration.dashboards import accounts
from tests.integration.dashboards.desks import (
    Desk,
    Registrar,
    Replayer,
    assessor,
    responder,
    signed_in_settings,
    web_settings,
)
from tests.integration.dashboards.district import SetClock
from tests.unit.detectors.sayings import START, alarm, at, event, heartbeat, reading, state_report

ZONE = ZoneInfo("Asia/Shanghai")
WARM = """\
rule: warm
title: {zh: 偏热, en: Warm}
category: device
severity: minor
when: {reading: temperature_c, unit: °C, above: 38, clear: 30}
"""


def warm(above: float = 38.0) -> RuleDocument:
    return read_text(WARM.replace("above: 38", f"above: {above:g}"), "warm.yaml")


@pytest.fixture
async def conn(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database, name="test")
    yield connection
    await connection.close()


async def put(conn: Connection, document: RuleDocument, expected: int) -> int:
    written = await change(conn, document, expected=expected, author="张伟", reason="试用", at=at(0))
    return written.version


async def test_versions_are_added_and_none_is_lost(conn: Connection, database: str) -> None:
    other = await connect(database, name="listener")
    await listen(other, NoticeChannel.RULES)
    assert [one.version for one in await all_rules(conn)] == [0] * len(shipped())
    assert await put(conn, warm(), 0) == 1
    assert await put(conn, warm(40), 1) == 2
    with pytest.raises(RuleConflict, match="at version 2, not at 1"):
        await put(conn, warm(50), 1)
    versions = await all_versions(conn, "warm")
    assert [(one.version, one.document["when"]["above"], one.author, one.reason) for one in versions] == [
        (2, 40, "张伟", "试用"),
        (1, 38, "张伟", "试用"),
    ]
    with pytest.raises(UnknownRule, match="did you mean low_battery"):
        await all_versions(conn, "low_batery")
    noticed = [notice.payload async for notice in other.notifies(timeout=5, stop_after=2)]
    assert noticed == ["warm", "warm"]
    audit = await rows(conn, "SELECT actor, action, subject, detail FROM audit_entry ORDER BY entry_no")
    assert [(one["action"], one["subject"], one["detail"]["version"]) for one in audit] == [
        ("rule.changed", "warm", 1),
        ("rule.changed", "warm", 2),
    ]
    await other.close()


async def test_of_two_who_change_at_once_one_is_told(conn: Connection, database: str) -> None:
    others = [await connect(database, name=f"editor {number}") for number in range(4)]
    found = await asyncio.gather(*(put(one, warm(), 0) for one in others), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["RuleConflict"] * 3 + ["int"]
    assert len(await newest_versions(conn)) == 1
    for one in others:
        await one.close()


async def test_the_lane_takes_up_a_change_and_keeps_what_it_cannot_accept(conn: Connection) -> None:
    kept = BulkRules(ZONE)
    kept.engine.enrol([_device(1)], at(0))
    await put(conn, warm(), 0)
    await kept.read(conn, at(0))
    assert [one.rule for one in kept.engine.observe(reading(1, 39, of=_device(1)))] == ["warm"]
    await put(conn, warm(45), 1)
    await conn.execute('UPDATE rule_version SET document = \'{"rule": "warm"}\' WHERE version = 2')
    await kept.read(conn, at(2))
    assert kept.rules.documents["warm"] == warm(), "what was in force stays so"
    await put(conn, enabled(warm(), False), 2)
    await kept.read(conn, at(3))
    assert [(one.rule, one.kind) for one in kept.engine.tick(at(4))] == [("warm", FindingKind.CLEARED)]


# -- the API ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def opened_api(database: str, settings: WebSettings) -> AsyncIterator[tuple[httpx.AsyncClient, KeptPool]]:
    clock = SetClock(at(0))
    async with open_pool(database, name="web") as pool:
        app = create_app(
            pool=pool,
            desk=Desk(pool, clock),
            registrar=Registrar(pool, clock),
            replayer=Replayer(),
            responder=responder(pool, clock),
            assessor=assessor(pool, clock),
            settings=settings,
            clock=clock,
            version="0.1.0",
            rules=WebRules(pool, clock),
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as opened:
            yield opened, pool


@pytest.fixture
async def client(database: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened_api(database, web_settings(database)) as (opened, _):
        yield opened


async def test_who_may_change_rules_changes_none_of_life_safety(plain_database: str) -> None:
    async with opened_api(plain_database, signed_in_settings(plain_database)) as (client, pool):
        await accounts.add(pool, "integrator", Role.INTEGRATOR)
        await accounts.add(pool, "admin", Role.ADMINISTRATOR)
        integrator = accounts.bearer(await accounts.token(pool, "integrator"))
        admin = accounts.bearer(await accounts.token(pool, "admin"))

        async def put(name: str, document: object, version: int, who: dict[str, str]) -> int:
            body = {"reason": "试用", "document": document}
            headers = {**who, "If-Match": f'"{version}"'}
            return (await client.put(f"/rules/{name}", json=body, headers=headers)).status_code

        smoke = shipped()["smoke_alarm"].said
        assert await put("smoke_alarm", smoke, 0, integrator) == 403
        assert await put("warm", warm().said, 0, integrator) == 200
        assert await put("smoke_two", {**smoke, "rule": "smoke_two"}, 0, integrator) == 403
        assert await put("smoke_alarm", smoke, 0, admin) == 200
        assert await put("smoke_alarm", smoke, 0, integrator) == 412
        off = {"reason": "太吵"}
        answer = await client.post("/rules/smoke_alarm/disable", json=off, headers={**integrator, "If-Match": '"1"'})
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "not-permitted")


async def test_a_rule_is_written_changed_and_switched_off_over_the_api(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/rules")).json()["items"]
    assert {one["rule"] for one in listed} == set(shipped())
    body = {"actor": "张伟", "reason": "试用", "document": warm().said}
    assert (await client.put("/rules/warm", json=body)).status_code == 428
    made = await client.put("/rules/warm", json=body, headers={"If-Match": '"0"'})
    assert (made.status_code, made.headers["etag"], made.json()["version"]) == (200, '"1"', 1)
    again = await client.put("/rules/warm", json=body, headers={"If-Match": '"0"'})
    assert (again.status_code, again.json()["type"]) == (412, "urn:campuswatch:problem:rule-changed")
    wrong = {**body, "document": {**warm().said, "when": {**warm().said["when"], "unit": "K", "clear": 99}}}
    refused = await client.put("/rules/warm", json=wrong, headers={"If-Match": '"1"'})
    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["errors"]] == ["when.unit", "when.clear"]
    assert (await client.get("/rules/warm")).headers["etag"] == '"1"', "the version before it stays in force"
    off = {"actor": "张伟", "reason": "太吵"}
    switched = await client.post("/rules/warm/disable", json=off, headers={"If-Match": '"1"'})
    assert (switched.json()["version"], switched.json()["enabled"]) == (2, False)
    detail = (await client.get("/rules/warm")).json()
    assert [(one["version"], one["enabled"], one["reason"]) for one in detail["versions"]] == [
        (2, False, "太吵"),
        (1, True, "试用"),
    ]
    on = await client.post("/rules/warm/enable", json=off, headers={"If-Match": '"2"'})
    assert on.json()["enabled"]


async def test_a_rule_that_names_what_is_not_registered_is_refused_with_the_field(
    client: httpx.AsyncClient, conn: Connection
) -> None:
    await conn.execute(
        "INSERT INTO site (site_id, name, kind, township) VALUES ('s001', '一小', 'primary', '锦河街道')"
    )
    await conn.execute(
        "INSERT INTO device (site_no, device_id, kind, heartbeat_s) SELECT site_no, 's001-tmp-01', 'temperature', 30"
        " FROM site"
    )
    watch = {
        "sites": ["s001", "s002"],
        "townships": ["锦河"],
        "devices": ["s001/s001-tmp-*", "s001/s001-tmp-02", "s9/*"],
    }
    body = {"actor": "张伟", "reason": "试用", "document": {**warm().said, "watch": watch}}
    refused = await client.put("/rules/warm", json=body, headers={"If-Match": '"0"'})
    assert refused.status_code == 422
    assert {one["field"]: one["message"] for one in refused.json()["errors"]} == {
        "watch.sites[2]": "s002 is not registered; did you mean s001?",
        "watch.townships[1]": "锦河 is not registered; did you mean 锦河街道?",
        "watch.devices[2]": "s001/s001-tmp-02 is not registered; did you mean s001/s001-tmp-01?",
        "watch.devices[3]": "s9/* fits no registered device, such as s001/s001-tmp-01",
    }
    body["document"] = {
        **warm().said,
        "watch": {"sites": ["s001"], "devices": ["s001/s001-tmp-01"], "places": ["*机房*"]},
    }
    assert (await client.put("/rules/warm", json=body, headers={"If-Match": '"0"'})).status_code == 200


async def test_what_must_not_be_is_refused_over_the_api(client: httpx.AsyncClient) -> None:
    off = {"actor": "张伟", "reason": "太吵"}
    answer = await client.post("/rules/smoke_alarm/disable", json=off, headers={"If-Match": '"0"'})
    assert answer.status_code == 422
    assert "cannot be switched off" in answer.text
    assert (await client.get("/rules/nothing")).status_code == 404
    assert (await client.post("/rules/check", json=warm().said)).json() == {"rule": "warm"}
    assert (await client.post("/rules/check", json={"rule": "warm"})).status_code == 422
    other = {"actor": "张伟", "reason": "x", "document": warm().said}
    assert (await client.put("/rules/cold", json=other, headers={"If-Match": '"0"'})).status_code == 422
    assert (await client.put("/rules/warm", json=other, headers={"If-Match": "one"})).status_code == 422
    assert (await client.get("/rules/schema")).json()["$defs"]["reading"]


# -- tried on what was stored -----------------------------------------------------------------------------------------


def _device(number: int) -> RegisteredDevice:
    return RegisteredDevice(number, 1, "s001", f"d{number}", list(DeviceKind)[number % 4 + 1])


DEVICES = [_device(number) for number in range(1, 9)]


async def _register(conn: Connection) -> None:
    await conn.execute(
        "INSERT INTO site (site_no, site_id, name, kind) OVERRIDING SYSTEM VALUE VALUES (1, 's001', '学校', 'primary')"
    )
    for one in DEVICES:
        await conn.execute(
            "INSERT INTO device (device_no, site_no, device_id, kind, place) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, 1, %s, %s, '厨房')",
            (one.device_no, one.device_id, one.kind.value),
        )


def _history() -> list[Any]:
    """An hour of everything."""
    chance, said = random.Random(7), list[Any]()
    for number in range(1000):
        second = 1.0 + number * 3.6
        who = DEVICES[number % len(DEVICES)]
        match number % 5:
            case 0 | 1:
                said.append(reading(second, chance.choice([18.0, 25.0, 33.0, 39.0, 58.0, 12.0]), of=who))
            case 2:
                said.append(heartbeat(second, of=who, battery_pct=chance.choice([None, 10.0, 60.0])))
            case 3:
                kind = chance.choice([EventKind.TAMPER, EventKind.LOW_BATTERY])
                said.append(event(second, kind, chance.random() < 0.6, of=who, name=str(second)))
            case _:
                said.append(state_report(second, of=who))
    return said


async def _store(conn: Connection, said: list[Any]) -> None:
    async with conn.transaction():
        await store_heartbeats(conn, [one for one in said if isinstance(one, Heartbeat)])
        await store_readings(conn, [one for one in said if isinstance(one, Reading)])
        await store_events(conn, [one for one in said if isinstance(one, Event | StateReport | Alarm)])


HEAD = "title: {zh: 试, en: Try}\ncategory: device\nseverity: minor\n"
TRIED = {
    "warm": "when: {reading: temperature_c, unit: °C, above: 38, clear: 30}\n",
    "warm_for_long": "for: 2m\nwhen: {reading: temperature_c, unit: °C, above: 24, clear: 19}\n",
    "falls": (
        "when: {change_of: temperature_c, unit: °C, falls_per_min: 5, at_least: 5, within: 2m, clear_per_min: 1}\n"
    ),
    "often": "key: site\nwhen: {count_of: tamper, at_least: 3, within: 2m}\n",
    "weak": "when: {battery_below: 15, clear: 25}\n",
    "tree": (
        "key: place\nwhen:\n  all:\n    - {reading: temperature_c, unit: °C, above: 38, clear: 30}\n"
        "    - {event: tamper}\n    - {state: door, is: open}\n"
    ),
    "gone": "watch: {kinds: [camera]}\nwhen: {offline_for: 1m}\n",
}


@pytest.mark.parametrize("name", sorted(TRIED))
async def test_a_rule_finds_in_what_was_stored_what_it_finds_while_it_happens(conn: Connection, name: str) -> None:
    """The same troubles at the same moments, whichever way they are read."""
    said = _history()
    await _register(conn)
    await _store(conn, said)
    document = read_text(f"rule: {name}\n{HEAD}{TRIED[name]}", f"{name}.yaml")
    grounds = Grounds(spots={one.device_no: Spot("厨房", "") for one in DEVICES})
    # Without what tells troubles that come and go as one: a trial shows each of them.
    engine = Engine([rule for rule in bulk_rules({name: document}, grounds) if rule.name != "flapping"])
    engine.enrol(DEVICES, at(0))
    live: dict[str, list[float]] = {}
    open_: set[str] = set()
    found, place = list[Any](), 0
    for second in range(4_000):
        while place < len(said) and said[place].received_at <= at(second):
            found.extend(engine.observe(said[place]))
            place += 1
        found.extend(engine.tick(at(second)))
    for one in found:
        if one.rule == name and one.kind is FindingKind.RAISED and one.key not in open_:
            open_.add(one.key)
            live.setdefault(one.key, []).append((one.at - START).total_seconds())
        elif one.rule == name and one.kind is FindingKind.CLEARED:
            open_.discard(one.key)
    dsn = conn.info.dsn + f" password={conn.info.password}" if conn.info.password else conn.info.dsn
    backtest = Backtest(dsn, document, since=at(0), until=at(4_000), site_id=None, zone=ZONE)
    result = await asyncio.to_thread(backtest.run)
    tried: dict[str, list[float]] = {}
    for trouble in result.raised:
        tried.setdefault(trouble.key, []).append((trouble.raised_at - START).total_seconds())
    assert tried == live
    assert name == "gone" or live, "the history sets it off"
    assert result.observations
    assert told(result, ZONE)[1].startswith(f"would have raised {len(result.raised)}:")


async def test_what_was_raised_stands_beside_what_would_have_been(conn: Connection) -> None:
    await _register(conn)
    who = DEVICES[0]
    await _store(conn, [reading(10, 39, of=who), reading(60, 20, of=who), reading(5000, 39, of=who)])
    for key, second in (("warm/s001/d1", 11), ("warm/s001/d2", 3000)):
        await conn.execute(
            "INSERT INTO incident (incident_id, key, rule, category, severity, severity_rank, life_safety, test, drill,"
            " site_no, site_id, device_id, state, raised_at, last_event_at, detail, changed_at, returned_at)"
            " VALUES (gen_random_uuid(), %s, 'warm', 'device', 'minor', 2, false, false, false, 1, 's001', 'x',"
            " 'closed', %s, %s, '{}', %s, %s)",
            (key, at(second), at(second), at(second), at(second + 60)),
        )
    dsn = conn.info.dsn + f" password={conn.info.password}" if conn.info.password else conn.info.dsn
    result = await asyncio.to_thread(Backtest(dsn, warm(), since=at(0), until=at(6000), site_id="s001", zone=ZONE).run)
    assert [(one.known, one.raised_at) for one in result.raised] == [(True, at(10)), (False, at(5000))]
    assert (result.incidents, [one.key for one in result.missed]) == (2, ["warm/s001/d2"])
    lines = told(result, ZONE)
    assert [line[0] for line in lines[3:]] == ["+", "=", "-"]


async def test_alarms_are_tried_as_well(conn: Connection) -> None:
    await _register(conn)
    await _store(
        conn, [alarm(10, AlarmKind.INTRUSION, of=DEVICES[0]), alarm(40_000, AlarmKind.INTRUSION, of=DEVICES[1])]
    )
    text = "rule: intrusion_alarm\ntitle: {zh: 入侵, en: Intrusion}\ncategory: intrusion\nseverity: major\n"
    document = read_text(f"{text}when:\n  all:\n    - alarm: intrusion\n    - schedule: closed_hours\n", "x.yaml")
    dsn = conn.info.dsn + f" password={conn.info.password}" if conn.info.password else conn.info.dsn
    backtest = Backtest(dsn, document, since=at(0), until=START + timedelta(days=1), site_id=None, zone=ZONE)
    result = await asyncio.to_thread(backtest.run)
    assert [one.key for one in result.raised] == ["intrusion_alarm/s001/d2"], (
        "the other one was at eight in the morning"
    )


# -- the command line -------------------------------------------------------------------------------------------------


class _Session:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def dsn(self) -> str:
        return self._dsn

    def settings(self) -> Any:
        return type("Zoned", (), {"zone": "Asia/Shanghai"})()


def test_rules_go_out_and_in_by_the_command_line(plain_database: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(rules_command, arguments, obj=_Session(plain_database))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return 1, str(result.exception)
        return result.exit_code, result.output

    code, listed = run("list", "--lang", "en")
    assert (code, len(listed.splitlines())) == (0, len(shipped()))
    file = tmp_path / "warm.yaml"
    file.write_text(WARM, "utf-8")
    assert run("check", str(file)) == (0, f"{file}: warm is right\n")
    assert run("import", str(file), "--reason", "试用", "--dry-run")[1].startswith("warm: new, version 1")
    assert run("import", str(file), "--reason", "试用")[1] == "warm: new, version 1\n"
    assert run("import", str(file), "--reason", "试用")[1] == "warm: as it was, version 1\n"
    file.write_text(WARM.replace("above: 38", "above: 39"), "utf-8")
    assert run("import", str(file), "--reason", "试用")[1] == "warm: changed, version 2\n"
    file.write_text(WARM + "watch:\n  townships: [无名镇]\n  sites:\n    - s999\n", "utf-8")
    assert run("import", str(file), "--reason", "试用") == (
        1,
        f"{file}:9: watch.sites[1]: s999 is not registered\n{file}:7: watch.townships[1]: 无名镇 is not registered",
    )
    assert run("disable", "warm", "--reason", "太吵")[1] == "warm: off, version 3\n"
    assert "cannot be switched off" in run("disable", "one_key_alarm", "--reason", "x")[1]
    assert run("enable", "warm", "--reason", "好了")[1] == "warm: on, version 4\n"
    shown = run("show", "warm")[1]
    assert read_text(shown, "shown").said == read_text(WARM.replace("38", "39"), "x").said
    assert shown.count("# ") == 4
    assert run("export", str(tmp_path / "out"))[0] == 0
    for one in (tmp_path / "out").glob("*.yaml"):
        exported = read_text(one.read_text("utf-8"), one.name)
        assert one.stem == "warm" or exported == shipped()[one.stem]
    assert run("check", *map(str, (tmp_path / "out").glob("*.yaml")))[0] == 0
    file.write_text(WARM.replace("unit: °C", "unit: K").replace("severity: minor", "severity: bad"), "utf-8")
    code, output = run("check", str(file))
    assert code == 1
    assert f"{file}:4: severity: expected one of" in output
    assert json.loads(run("schema")[1])["title"] == "A rule of campuswatch"
    code, tried = run("try", "warm", "--from", "2026-03-02", "--to", "2026-03-03", "--json")
    assert json.loads(tried)["observations"] == 0


def test_what_is_written_is_read_as_the_same() -> None:
    from detectors.documents.writing import text_of

    for document in shipped().values():
        assert read_text(text_of(document.said), "x", ships=True).said == document.said
    said = {**warm().said, "watch": {"sites": ["007", "true"]}}
    assert read_text(text_of(said), "x").said == said
    assert read_said(said).name == "warm"


async def test_what_rules_remembered_before_they_were_data_is_known_to_them(conn: Connection) -> None:
    """The update of migration 0009, on what the version before it had written."""
    migration = (Path(__file__).parents[3] / "storage/migrations/0009_rule_version.sql").read_text("utf-8")
    before = {
        "high_temperature": {"peak_c": 61.5, "said_s": 1.0, "heard_s": 2.0},
        "temperature_rise": {},
        "low_battery": {},
        "tamper": {"said_s": 1.0, "active": True},
    }
    for rule, state in before.items():
        await conn.execute(
            "INSERT INTO rule_state (rule, device_no, state, updated_at) VALUES (%s, 2, %s, now())",
            (rule, json.dumps(state)),
        )
    await conn.execute(migration[migration.index("UPDATE rule_state") :].encode())
    states = await load_rule_states(conn)
    engine = Engine(bulk_rules())
    engine.enrol([_device(2)], at(0))
    engine.restore((), states, at(0))
    engine.enrol([], at(1))
    ended = {one.rule for one in engine.tick(at(2)) if one.kind is FindingKind.CLEARED}
    assert ended == set(before), "each of them stood"
