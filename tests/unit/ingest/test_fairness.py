"""Limits: who is over one, who is not touched, and that only the times of receipt count."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from campuswatch.settings import IngestSettings
from domain.device import DeviceKind, RegisteredDevice
from domain.observation import Heartbeat, Observation
from domain.quarantine import Reason, Rejected
from ingest.fairness import SAMPLES_PER_MIN, Allowance, Fairness, Verdict

START = datetime(2026, 3, 2, tzinfo=UTC)
DEVICES = {
    number: RegisteredDevice(number, 1 + number // 100, f"s{1 + number // 100:03d}", f"d{number}", DeviceKind.CAMERA)
    for number in range(1, 400)
}


def fairness(rate_per_s: float = 10, burst: float = 100, *, site: Allowance | None = None) -> Fairness:
    return Fairness(device=Allowance(rate_per_s, burst), site=site or Allowance(10_000, 10_000_000))


def beat(second: float, number: int = 1) -> Heartbeat:
    at = START + timedelta(seconds=second)
    return Heartbeat(DEVICES[number], at, at)


def junk(second: float, number: int = 0, site_id: str = "s001", name: str = "x") -> Rejected:
    return Rejected(
        received_at=START + timedelta(seconds=second),
        topic=f"campus/v1/{site_id}/{name}/heartbeat",
        site_id=site_id,
        device_id=name,
        channel="heartbeat",
        reason=Reason.BAD_JSON,
        detail="",
        payload=b"{",
        size=1,
        device_no=number,
    )


def judge(limits: Fairness, said: Sequence[Observation], rejected: Sequence[Rejected] = (), site: int = 1) -> Verdict:
    return limits.judge(said, rejected, [site] * len(rejected), DEVICES.get) or Verdict()


def over(limits: Fairness, said: Sequence[Observation], batch: int = 50) -> int:
    return sum(len(judge(limits, said[begin : begin + batch]).over) for begin in range(0, len(said), batch))


def test_a_district_in_quiet_times_is_never_measured() -> None:
    limits = fairness()
    said = [beat(turn * 30 + number / 20, number) for turn in range(40) for number in DEVICES]
    assert all(limits.judge(said[i : i + 20], (), (), DEVICES.get) is None for i in range(0, len(said), 20))


def test_a_looping_device_has_its_burst_and_then_its_rate() -> None:
    said = [beat(number / 1000) for number in range(20_000)]
    passed = len(said) - over(fairness(10, 100), said)
    # 20 s of 10 a second, and 100 at the beginning; exact to one second's share
    assert 290 <= passed <= 310


def test_a_gateways_backfill_of_a_day_passes_untouched() -> None:
    default = IngestSettings()
    limits = fairness(
        default.device_rate_per_s,
        default.device_burst,
        site=Allowance(default.site_rate_per_s, default.site_burst),
    )
    # 86,400 s of heartbeats every 30 s and readings every 60 s, for 99 devices, as fast as the lane can take them
    said = [
        beat(turn * 99 / 15_000 + number / 15_000, number) for turn in range(2880 + 1440) for number in range(1, 100)
    ]
    assert over(limits, said, 5000) == 0


def test_a_loop_at_one_device_takes_nothing_from_its_neighbours() -> None:
    limits = fairness(10, 100, site=Allowance(50, 500))
    said = sorted(
        [beat(number / 1000, 1) for number in range(10_000)] + [beat(number / 8, 2) for number in range(80)],
        key=lambda one: one.received_at,
    )
    limited = [
        said[begin + place]
        for begin in range(0, len(said), 100)
        for place in judge(limits, said[begin : begin + 100]).over
    ]
    assert limited
    assert {one.device.device_no for one in limited} == {1}


def test_a_site_is_limited_though_none_of_its_devices_is() -> None:
    limits = fairness(10, 100, site=Allowance(50, 200))
    said = [beat(number / 400, 1 + number % 90) for number in range(8000)]
    elsewhere = [beat(number / 5, 150) for number in range(100)]
    both = sorted([*said, *elsewhere], key=lambda one: one.received_at)
    verdicts = [judge(limits, both[begin : begin + 100]) for begin in range(0, len(both), 100)]
    passed = len(both) - sum(len(verdict.over) for verdict in verdicts)
    assert 100 + 20 * 50 + 200 - 50 <= passed <= 100 + 20 * 50 + 200 + 50
    excesses = [excess for verdict in verdicts for excess in verdict.excesses]
    assert {(one.site_id, one.device, one.unregistered) for one in excesses} == {("s001", None, False)}
    assert all(300 < one.rate_per_s < 500 for one in excesses[5:])


def test_how_batches_are_cut_makes_no_difference_beyond_the_share_of_one() -> None:
    chance = random.Random(7)
    said = [beat(number / 200) for number in range(6000)]
    found = set()
    for _ in range(10):
        limits, count, begin = fairness(10, 100), 0, 0
        while begin < len(said):
            end = begin + chance.choice((1, 7, 40, 900))
            count += len(judge(limits, said[begin:end]).over)
            begin = end
        found.add(count)
    assert max(found) - min(found) <= 10 * 900 / 200  # ten a second for the 4.5 s that the longest batch spans


def test_a_journal_worked_off_at_once_is_judged_by_the_times_of_receipt() -> None:
    slow = [beat(number / 5) for number in range(3000)]  # 5 a second for ten minutes
    assert over(fairness(10, 100), slow, 5000) == 0
    fast = [beat(number / 50) for number in range(3000)]
    assert over(fairness(10, 100), fast, 5000) > 2000


def test_after_silence_a_device_has_its_burst_again_and_is_forgotten() -> None:
    limits = fairness(10, 100)
    assert over(limits, [beat(number / 1000) for number in range(500)]) > 300
    assert over(limits, [beat(60 + number / 1000) for number in range(90)]) == 0


def test_a_clock_of_ours_that_was_set_back_limits_nobody_and_frees_nobody() -> None:
    limits = fairness(10, 100)
    over(limits, [beat(1000 + number / 1000) for number in range(500)])
    assert over(limits, [beat(number / 1000) for number in range(500)]) == 500 - 5
    assert over(limits, [beat(100, 2)]) == 0


def test_ten_a_minute_of_a_limited_device_are_kept_as_evidence() -> None:
    limits = fairness(10, 100)
    said = [beat(number / 100) for number in range(18_000)]  # three minutes
    kept = sum(len(judge(limits, said[begin : begin + 500]).evidence) for begin in range(0, len(said), 500))
    assert kept in (3 * SAMPLES_PER_MIN, 4 * SAMPLES_PER_MIN)


def test_junk_counts_against_the_device_that_sends_it() -> None:
    limits = fairness(10, 100)
    aside = sum(len(judge(limits, (), [junk(second + n / 1000, 1) for n in range(100)]).aside) for second in range(20))
    assert 2000 - 300 - SAMPLES_PER_MIN - 10 <= aside <= 2000 - 300 + 10
    (excess,) = judge(limits, (), [junk(20, 1)] * 50).excesses
    assert excess.device is DEVICES[1]
    assert excess.channel == "heartbeat"


def test_made_up_names_share_one_limit_and_touch_no_registered_device() -> None:
    limits = fairness(10, 100)
    verdicts = [
        judge(limits, [beat(second, 2)], [junk(second + n / 1000, name=f"n{second}-{n}") for n in range(100)])
        for second in range(20)
    ]
    assert not any(verdict.over for verdict in verdicts)
    assert sum(len(verdict.aside) for verdict in verdicts) > 1500
    excesses = [excess for verdict in verdicts for excess in verdict.excesses]
    assert {(one.device, one.unregistered, one.site_id) for one in excesses} == {(None, True, "s001")}


def test_unknown_sites_share_a_limit_of_their_own() -> None:
    limits = fairness(10, 100)
    made_up = [junk(n / 1000, site_id=f"x{n}") for n in range(500)]
    verdicts = [judge(limits, (), made_up[begin : begin + 100], site=0) for begin in range(0, 500, 100)]
    excesses = [excess for verdict in verdicts for excess in verdict.excesses]
    assert excesses
    assert {(one.site_no, one.site_id) for one in excesses} == {(0, "")}


def test_who_was_limited_before_a_restart_has_nothing_saved_up_after_it() -> None:
    limits = fairness(10, 100)
    limits.resume([1], [], START)
    said = [beat(number / 100) for number in range(500)]
    assert len(said) - over(limits, said) <= 5 * 10 + 10
    assert over(limits, [beat(number / 100, 2) for number in range(90)]) == 0


@pytest.mark.parametrize("batch", [1, 5000])
def test_the_first_message_over_the_limit_says_how_fast_it_was(batch: int) -> None:
    limits = fairness(10, 100)
    said = [beat(number / 1000) for number in range(3000)]
    excesses = [
        excess for begin in range(0, len(said), batch) for excess in judge(limits, said[begin : begin + batch]).excesses
    ]
    assert 500 <= excesses[-1].rate_per_s <= 1500
    assert excesses[0].limit_per_s == 10
