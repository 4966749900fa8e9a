from __future__ import annotations

import io
import json
from collections import Counter

import msgspec
import pytest

from simulators.broker import BrokerAddress
from simulators.district import District, build_district
from simulators.errors import TooManyConnections
from simulators.latency import Latencies
from simulators.load import Load
from simulators.load_plan import LoadPlan, LoadSummary, Pressed
from simulators.open_files import make_room, room
from simulators.progress import ELSEWHERE_S, ON_A_TERMINAL_S, Progress
from simulators.traffic import Traffic

BROKER = BrokerAddress(host="127.0.0.1", port=1)


def test_devices_speak_in_turn_and_sensors_measure_every_other_time() -> None:
    devices = build_district(sites=1).devices
    traffic = Traffic(devices)
    said = [traffic.next(1_767_225_600.0 + number / 1000) for number in range(2 * len(devices))]
    assert [number for number, _, _ in said] == 2 * list(range(len(devices)))
    channels = Counter(topic.rpartition("/")[2] for _, topic, _ in said)
    sensors = sum(device.kind.value in ("temperature", "smoke") for device in devices)
    assert channels == {"heartbeat": 2 * len(devices) - sensors, "reading": sensors}
    assert len({(topic, payload) for _, topic, payload in said}) == len(said)
    assert json.loads(said[0][2])["ts"] == "2026-01-01T08:00:00.000+08:00"


def test_a_load_needs_devices() -> None:
    with pytest.raises(ValueError, match="at least one device"):
        Load(District((), ()), BROKER, LoadPlan())


def test_latencies_are_kept_to_two_parts_in_a_hundred() -> None:
    latencies = Latencies()
    for number in range(1, 1001):
        latencies.add(number / 1000)
    assert latencies.quantile(0.5) == pytest.approx(0.5, rel=0.02)
    assert latencies.quantile(0.99) == pytest.approx(0.99, rel=0.02)
    spread = latencies.spread()
    assert (spread.count, spread.max_ms) == (1000, 1000.0)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e-5, 5000.0])
def test_latencies_beyond_the_ends_are_counted_too(seconds: float) -> None:
    latencies = Latencies()
    latencies.add(seconds)
    assert latencies.count == 1
    assert latencies.spread().max_ms == round(1e3 * seconds, 2)
    assert latencies.quantile(0.99) <= max(seconds, 1.1e-5)


def test_no_latencies_are_nought() -> None:
    assert Latencies().quantile(0.5) == 0.0


def _summary(*, acknowledged: int = 10, received: int = 1) -> LoadSummary:
    latencies = Latencies()
    latencies.add(0.25)
    return LoadSummary(
        published=10,
        acknowledged=acknowledged,
        in_flight=10 - acknowledged,
        waiting=0,
        dropped=0,
        reconnects=0,
        broker="127.0.0.1:1883",
        connections=2,
        devices=108,
        elapsed_s=1.0,
        asked_per_s=10.0,
        published_per_s=10.0,
        acknowledged_per_s=float(acknowledged),
        held_back=0,
        puback=latencies.spread(),
        pressed=Pressed(buttons=1, received=received, receipt=latencies.spread()),
        cpu_pct=1.0,
    )


def test_a_summary_is_complete_when_all_was_acknowledged_and_received() -> None:
    assert _summary().complete
    assert not _summary(acknowledged=9).complete
    assert not _summary(received=0).complete


def test_a_summary_says_the_same_as_text_and_as_json() -> None:
    text, told = _summary().text(), json.loads(msgspec.json.encode(_summary()))
    assert "p50 250 ms" in text
    assert told["pressed"]["receipt"]["p50_ms"] == 250.0
    assert told["published"] == 10


def test_too_many_connections_are_refused_with_the_number_that_fits_and_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda which: (256, 1000))
    monkeypatch.setattr("resource.setrlimit", lambda which, limits: asked.append(limits))
    fits = room()
    assert 300 < fits < 1000  # what this process has open already takes places too
    make_room(fits)
    assert asked == [(1000, 1000)]
    with pytest.raises(TooManyConnections, match=f"{fits:,} connections fit.*ulimit -n"):
        make_room(fits + 1)
    assert len(asked) == 1


def test_where_there_is_room_the_limit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr("resource.setrlimit", lambda which, limits: asked.append(limits))
    make_room(8)
    assert asked == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_written_anew() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.show("one")
    progress.show("two")
    progress.say("told")
    progress.show("three")
    progress.end()
    assert stream.getvalue() == "\rone\x1b[K\rtwo\x1b[K\r\x1b[Ktold\n\rthree\x1b[K\n"
    assert progress.every_s == ON_A_TERMINAL_S


def test_elsewhere_lines_are_plain_and_rare() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show("one")
    progress.end()
    assert stream.getvalue() == "one\n"
    assert [second for second in range(1, 41) if progress.due(float(second))] == [11, 21, 31]
    assert progress.every_s == ELSEWHERE_S
