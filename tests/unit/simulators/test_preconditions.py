"""Whether a control room is fit for a scenario in real time, in front of one that is played here."""

from __future__ import annotations

import asyncio
import io
import socket
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import pytest

from domain.incident import IncidentState
from domain.liveness import Connectivity
from simulators import preconditions
from simulators.errors import NotInRealTime, WallRefused
from simulators.operator import Operator, SeenDevice, SeenIncident
from simulators.preconditions import Preconditions
from simulators.progress import Progress
from simulators.scenarios.reading import load

NOW = datetime(2026, 11, 22, 12, 6, tzinfo=UTC)  # 20:06 in China
SCRIPT = load("impatient-finger")
[SITE] = SCRIPT.district.sites
OPEN = SeenIncident(
    incident_id="i12",
    number=12,
    rule="one_key_alarm",
    severity="critical",
    test=False,
    drill=False,
    site_id="s001",
    site_name=SITE.name,
    device_id="s001-btn-02",
    device_name="校长室一键报警",
    place="校长室",
    state=IncidentState.RAISED,
    raised_at=NOW,
    last_event_at=NOW,
)


class ControlRoom:
    """What it shows: the same again and again, or one look after the other."""

    def __init__(self, *looks: list[SeenDevice], incidents: list[list[SeenIncident]] | None = None) -> None:
        self.names = {SITE.site_id: SITE.name}
        self._looks = list(looks) or [[]]
        self._incidents = incidents or [[]]

    async def sites(self) -> dict[str, str]:
        return self.names

    async def queue(self, state: str = "open") -> list[SeenIncident]:
        return self._incidents.pop(0) if len(self._incidents) > 1 else self._incidents[0]

    async def devices(self, site_id: str) -> list[SeenDevice]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


def before(room: ControlRoom, said: io.StringIO, stopping: asyncio.Event | None = None) -> Preconditions:
    return Preconditions(SCRIPT, cast(Operator, room), Progress(said), stopping or asyncio.Event())


def button(after_s: float | None, connectivity: Connectivity = Connectivity.ONLINE) -> SeenDevice:
    at = None if after_s is None else NOW + timedelta(seconds=after_s)
    return SeenDevice("s001-btn-02", connectivity, at)


async def test_an_incident_that_only_people_end_is_named_with_what_to_do(said: io.StringIO) -> None:
    with pytest.raises(NotInRealTime) as refused:
        await before(ControlRoom(incidents=[[OPEN]]), said).hold()
    assert str(refused.value) == (
        "s001-btn-02 has an open one-key alarm since 20:06. Acknowledge, reset and close it on the wall, then start "
        "again"
    )
    many = [msgspec.structs.replace(OPEN, number=number, device_id=f"s001-btn-0{number}") for number in range(1, 6)]
    with pytest.raises(NotInRealTime, match=r"and 2 more\. .* close them on the wall"):
        await before(ControlRoom(incidents=[many]), said).hold()


async def test_incidents_of_other_sites_and_those_that_end_by_themselves_are_no_hindrance(said: io.StringIO) -> None:
    elsewhere = msgspec.structs.replace(OPEN, site_id="s002")
    silent = msgspec.structs.replace(OPEN, rule="heartbeat_lost")
    await before(ControlRoom(incidents=[[elsewhere, silent]]), said).hold()


async def test_a_site_of_another_name_is_refused(said: io.StringIO) -> None:
    room = ControlRoom()
    room.names = {"s001": "另一所学校"}
    with pytest.raises(WallRefused, match=f"does not know s001 as {SITE.name}"):
        await before(room, said).hold()


async def test_a_wall_that_does_not_answer_is_told_with_the_option_that_led_there(said: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with Operator(url) as operator:
        with pytest.raises(WallRefused, match=f"^--wall: {url}"):
            await Preconditions(SCRIPT, operator, Progress(said), asyncio.Event()).hold()


async def test_who_had_been_heard_before_must_be_heard_again(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditions, "LOOK_EVERY_S", 0.0)
    offline = button(0, Connectivity.OFFLINE)
    room = ControlRoom([button(0)], [button(0)], [offline], [button(31)])
    asked = before(room, said)
    await asked.hold()
    await asked.calm()
    assert said.getvalue().count("s001-btn-02 has not spoken yet") == 1  # once where there is no terminal
    assert await room.devices("s001") == [button(31)]


async def test_a_control_room_that_never_heard_of_them_is_calm_at_once(said: io.StringIO) -> None:
    asked = before(ControlRoom([button(None, Connectivity.UNKNOWN)]), said)
    await asked.hold()
    await asked.calm()
    assert said.getvalue() == ""


async def test_a_device_that_stays_silent_and_an_incident_that_stays_open_are_named(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preconditions, "CALM_WITHIN_S", 0.0)
    silent = msgspec.structs.replace(OPEN, rule="heartbeat_lost")
    asked = before(ControlRoom([button(0, Connectivity.OFFLINE)], incidents=[[silent]]), said)
    await asked.hold()
    with pytest.raises(NotInRealTime) as refused:
        await asked.calm()
    assert "s001-btn-02 has not spoken yet; s001-btn-02 has an open device silent since 20:06" in str(refused.value)


async def test_whoever_says_stop_does_not_wait(said: io.StringIO) -> None:
    stopping = asyncio.Event()
    asked = before(ControlRoom([button(0, Connectivity.OFFLINE)]), said, stopping)
    stopping.set()
    async with asyncio.timeout(10):
        await asked.calm()
