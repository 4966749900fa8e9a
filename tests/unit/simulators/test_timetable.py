from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from domain.metric import METRICS
from simulators.district import build_district
from simulators.interventions import Interventions
from simulators.message import Message, timestamp
from simulators.orders import Op, Order
from simulators.timetable import Timetable

START_S = datetime(2026, 11, 22, 1, 0, tzinfo=UTC).timestamp()
TOPIC = re.compile(r"campus/v1/([a-z0-9-]{1,32})/([A-Za-z0-9_.-]{1,64})/(heartbeat|reading|alarm)")


def stream(sites: int, seconds: float, *, seed: int = 1, start_s: float = START_S) -> list[Message]:
    timetable = Timetable(build_district(sites=sites).devices, seed=seed, start_s=start_s)
    return list(timetable.due(start_s + seconds))


def test_a_district_sends_about_770_messages_a_second() -> None:
    timetable = Timetable(build_district().devices, seed=1, start_s=START_S)
    assert timetable.mean_rate == pytest.approx(19_872 / 30 + 35 * 184 / 60)
    sent = list(timetable.due(START_S + 60))
    assert len(sent) == pytest.approx(60 * timetable.mean_rate, rel=0.02)


def test_no_second_has_twice_the_mean() -> None:
    sent = stream(184, 60)
    seconds = Counter(int(message.due_s - START_S) for message in sent)
    mean = len(sent) / 60
    assert len(seconds) == 60
    assert max(seconds.values()) < 1.3 * mean
    assert min(seconds.values()) > 0.7 * mean


def test_a_small_district_is_spread_too() -> None:
    sent = [message for message in stream(20, 60) if message.topic.endswith("/heartbeat")]
    seconds = Counter(int(message.due_s - START_S) for message in sent)
    assert max(seconds.values()) < 2 * len(sent) / 60


def test_every_device_keeps_its_interval_with_a_little_jitter() -> None:
    times: dict[str, list[float]] = {}
    for message in stream(1, 600):
        times.setdefault(message.topic, []).append(message.due_s)
    assert len(times) == 108 + 35
    for topic, moments in times.items():
        every_s = 30 if topic.endswith("/heartbeat") else 60
        gaps = [later - sooner for sooner, later in pairwise(moments)]
        assert abs(len(moments) - 600 // every_s) <= 1  # jitter may carry one over either edge
        assert all(0.94 * every_s < gap < 1.06 * every_s for gap in gaps)
        assert len({round(gap, 6) for gap in gaps}) > 1


def test_messages_come_in_the_order_they_are_due() -> None:
    due = [message.due_s for message in stream(5, 30)]
    assert due == sorted(due)
    assert START_S <= due[0] < due[-1] < START_S + 30


def test_one_seed_gives_one_stream_and_another_seed_another() -> None:
    assert stream(3, 60, seed=4) == stream(3, 60, seed=4)
    assert stream(3, 60, seed=4) != stream(3, 60, seed=5)


def test_the_stream_does_not_depend_on_when_the_simulator_was_started_or_how_time_was_sliced() -> None:
    early = Timetable(build_district(sites=2).devices, seed=1, start_s=START_S)
    list(early.due(START_S + 100))
    sliced = [message for tenth in range(1, 601) for message in early.due(START_S + 100 + tenth / 10)]
    assert sliced == stream(2, 60, start_s=START_S + 100)


def test_time_slept_through_is_left_out() -> None:
    timetable = Timetable(build_district(sites=2).devices, seed=1, start_s=START_S)
    timetable.skip_to(START_S + 3600)
    sent = list(timetable.due(START_S + 3610))
    assert sent
    assert sent[0].due_s >= START_S + 3600


@pytest.mark.parametrize("asleep_s", [100.0, 3_600.0, 100_000.0])
def test_whoever_slept_goes_on_as_if_he_had_not(asleep_s: float) -> None:
    timetable = Timetable(build_district(sites=1).devices, seed=1, start_s=START_S)
    list(timetable.due(START_S + 200))
    timetable.skip_to(START_S + asleep_s)
    assert list(timetable.due(START_S + asleep_s + 120)) == stream(1, 120, start_s=START_S + asleep_s)


def test_payloads_and_topics_are_as_the_message_format_says() -> None:
    kinds: Counter[str] = Counter()
    for message in stream(2, 60):
        matched = TOPIC.fullmatch(message.topic)
        assert matched is not None
        kinds[matched[3]] += 1
        payload = json.loads(message.payload)
        assert payload["v"] == 1
        at = datetime.fromisoformat(payload["ts"])
        assert at.utcoffset() is not None
        assert at.timestamp() == pytest.approx(message.due_s, abs=0.002)
        if matched[3] == "heartbeat":
            assert set(payload) <= {"v", "ts", "battery_pct"}
            assert 0 <= payload.get("battery_pct", 50) <= 100
        else:
            ((name, value),) = payload["values"].items()
            assert METRICS[name].low <= value <= METRICS[name].high
    assert set(kinds) == {"heartbeat", "reading"}


def test_messages_know_the_number_of_their_site() -> None:
    assert {(message.site_no, message.topic.split("/")[2]) for message in stream(3, 30)} == {
        (0, "s001"),
        (1, "s002"),
        (2, "s003"),
    }


def test_a_rate_factor_multiplies_the_rate() -> None:
    devices = build_district(sites=2).devices
    fast = Timetable(devices, seed=1, start_s=START_S, rate_factor=4)
    assert fast.mean_rate == pytest.approx(4 * Timetable(devices, seed=1, start_s=START_S).mean_rate)
    assert len(list(fast.due(START_S + 30))) == pytest.approx(30 * fast.mean_rate, rel=0.05)


def test_what_is_cut_is_silent_and_keeps_its_phase_when_restored() -> None:
    devices = build_district(sites=2).devices
    interventions = Interventions(devices)
    timetable = Timetable(devices, seed=1, start_s=START_S, interventions=interventions)
    interventions.apply(Order(op=Op.CUT, site="s001"), START_S)
    silent = list(timetable.due(START_S + 60))
    assert {message.site_no for message in silent} == {1}
    interventions.apply(Order(op=Op.RESTORE, site="s001"), START_S + 60)
    after = list(timetable.due(START_S + 120))
    assert after == stream(2, 60, start_s=START_S + 60)


def test_one_device_alone_can_be_cut() -> None:
    devices = build_district(sites=1).devices
    interventions = Interventions(devices)
    timetable = Timetable(devices, seed=1, start_s=START_S, interventions=interventions)
    interventions.apply(Order(op=Op.CUT, site="s001", device="s001-cam-07"), START_S)
    spoke = {message.topic.split("/")[3] for message in timetable.due(START_S + 60)}
    assert len(spoke) == 107
    assert "s001-cam-07" not in spoke


def test_a_heated_sensor_speaks_every_few_seconds_and_gets_warmer() -> None:
    devices = build_district(sites=1).devices
    interventions = Interventions(devices)
    timetable = Timetable(devices, seed=1, start_s=START_S, interventions=interventions)
    interventions.apply(Order(op=Op.HEAT, site="s001", device="s001-tmp-03", to_c=90, over_s=60), START_S)
    values = [
        json.loads(message.payload)["values"]["temperature_c"]
        for step in range(1, 701)
        for message in timetable.due(START_S + step / 10)
        if message.topic == "campus/v1/s001/s001-tmp-03/reading"
    ]
    assert len(values) >= 14
    assert values == sorted(values)
    assert values[0] < 30
    assert values[-1] == 90


def test_timestamps_carry_chinas_offset_and_milliseconds() -> None:
    assert timestamp(START_S + 0.1239) == "2026-11-22T09:00:00.123+08:00"
