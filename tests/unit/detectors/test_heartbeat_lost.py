from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rule import Changes
from detectors.rules.heartbeat_lost import FRESH_S, STALE_AFTER_S, HeartbeatLost
from domain.device import DeviceKind, RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.liveness import Connectivity, LivenessChange
from domain.observation import Heartbeat
from tests.unit.detectors.sayings import SENSOR, at, device, heartbeat, reading

PATIENCE_S = 3 * SENSOR.heartbeat_s


class _Watch:
    """The rule with one or more devices, and what it concluded so far."""

    def __init__(self, *devices: RegisteredDevice) -> None:
        self.rule = HeartbeatLost()
        self.devices = {d.device_no: d for d in devices or (SENSOR,)}
        self.rule.enrol(self.devices, at(0))
        self.liveness: dict[int, LivenessChange] = {}
        watcher = self.rule.watcher(Heartbeat, DeviceKind.TEMPERATURE)
        assert watcher is not None
        self._hear = watcher

    def hear(self, *said: object) -> list[FindingKind]:
        return [found.kind for one in said for found in self._hear(one)]

    def tick(self, seconds: float) -> Sequence[Finding]:
        return self.rule.tick(at(seconds))

    def commit(self) -> None:
        changes = Changes()
        self.rule.collect(changes)
        self.liveness.update({change.device_no: change for change in changes.liveness})

    def connectivity(self, number: int = SENSOR.device_no) -> Connectivity | None:
        self.commit()
        return self.liveness[number].connectivity if number in self.liveness else None


def test_silence_counts_from_three_intervals_on_and_not_before() -> None:
    watch = _Watch()
    watch.hear(heartbeat(10))
    assert watch.connectivity() is Connectivity.ONLINE
    assert watch.tick(10 + PATIENCE_S - 0.001) == []
    (lost,) = watch.tick(10 + PATIENCE_S)
    assert (lost.kind, lost.at, lost.found_at) == (FindingKind.RAISED, at(100), at(100))
    assert lost.detail["last_seen_at"] == at(10).isoformat()
    assert watch.connectivity() is Connectivity.OFFLINE


def test_what_is_found_late_still_happened_at_its_time() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    (lost,) = watch.tick(500)
    assert (lost.at, lost.found_at) == (at(PATIENCE_S), at(500))


def test_a_device_is_lost_once_and_comes_back_once() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    assert [len(watch.tick(seconds)) for seconds in (90, 91, 300)] == [1, 0, 0]
    assert watch.hear(heartbeat(400), heartbeat(430)) == [FindingKind.CLEARED]
    assert watch.connectivity() is Connectivity.ONLINE
    assert [len(watch.tick(seconds)) for seconds in (519, 520)] == [0, 1]


def test_a_device_that_was_never_heard_is_unknown_and_no_incident() -> None:
    watch = _Watch()
    assert watch.tick(10**6) == []
    assert watch.connectivity() is None


def test_whatever_a_device_says_proves_its_life() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0), reading(80, 21.5))
    assert watch.tick(169) == []
    assert len(watch.tick(170)) == 1


def test_each_device_has_its_own_interval() -> None:
    slow, quick = device(1, heartbeat_s=300), device(2, heartbeat_s=5)
    watch = _Watch(slow, quick)
    watch.hear(heartbeat(0, of=slow), heartbeat(0, of=quick))
    assert [f.device_no for f in watch.tick(15)] == [2]
    assert watch.tick(899) == []
    assert [f.device_no for f in watch.tick(900)] == [1]


def test_the_same_heartbeat_again_proves_nothing() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.hear(*(heartbeat(received, said_s=0) for received in (30, 50, 59, 80)))
    assert len(watch.tick(90)) == 1
    assert watch.hear(heartbeat(100, said_s=0)) == []
    assert watch.connectivity() is Connectivity.OFFLINE


def test_a_retained_heartbeat_of_long_ago_proves_nothing() -> None:
    watch = _Watch()
    assert watch.hear(heartbeat(0, said_s=-STALE_AFTER_S - 1)) == []
    assert watch.connectivity() is None
    assert watch.tick(1000) == []


def test_a_backfill_does_not_bring_a_device_back() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(90)
    backfill = [heartbeat(7200, said_s=said) for said in range(30, 3000, 30)]
    assert watch.hear(*backfill) == []
    assert watch.connectivity() is Connectivity.OFFLINE
    assert watch.hear(heartbeat(7201)) == [FindingKind.CLEARED]


@pytest.mark.parametrize("skew_s", [-1800, -600, -240, -61, -1, 1, 60, 299])
def test_a_device_whose_clock_is_wrong_is_not_offline(skew_s: float) -> None:
    watch = _Watch()
    for seconds in range(0, 3600, 30):
        assert watch.hear(heartbeat(seconds, said_s=seconds + skew_s)) == []
        assert watch.tick(seconds + 29) == []
    assert watch.connectivity() is Connectivity.ONLINE
    assert len(watch.tick(3570 + PATIENCE_S)) == 1


@pytest.mark.parametrize("back_s", [1, 60, 280])
def test_a_clock_that_is_set_back_to_the_right_time_is_not_offline(back_s: float) -> None:
    watch = _Watch()
    for seconds in range(0, 300, 30):
        watch.hear(heartbeat(seconds, said_s=seconds + back_s))
    for seconds in range(300, 900, 30):
        watch.hear(heartbeat(seconds))
        assert watch.tick(seconds + 29) == []


def test_a_message_that_took_a_minute_of_network_is_no_fresh_proof_after_newer_ones() -> None:
    watch = _Watch()
    watch.hear(heartbeat(100))
    watch.hear(heartbeat(100 + FRESH_S + 1, said_s=99))
    assert len(watch.tick(100 + PATIENCE_S)) == 1


def test_after_our_own_deafness_everybody_gets_three_intervals_again() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.rule.hearing_resumed(at(600))
    assert watch.tick(600) == []
    assert watch.tick(600 + PATIENCE_S - 1) == []
    assert len(watch.tick(600 + PATIENCE_S)) == 1


def test_who_was_offline_before_our_deafness_is_not_lost_a_second_time() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(90)
    watch.rule.hearing_resumed(at(600))
    assert watch.tick(10_000) == []


def test_a_retired_device_is_forgotten() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.rule.enrol({}, at(10))
    assert watch.tick(1000) == []


def test_a_device_that_is_registered_again_starts_anew() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.rule.enrol({}, at(10))
    watch.rule.enrol(watch.devices, at(20))
    watch.hear(heartbeat(30))
    assert watch.tick(119) == []
    assert len(watch.tick(120)) == 1


# -- restart ----------------------------------------------------------------------------------------------------------


def _restarted(watch: _Watch, seconds: float, *, heard: Sequence[Heartbeat] = ()) -> _Watch:
    """A new process that knows what was committed: the liveness, and ``heard`` from the table of heartbeats."""
    watch.commit()
    known = []
    for change in watch.liveness.values():
        mine = [h for h in heard if h.device.device_no == change.device_no]
        seen = max([h.received_at for h in mine] + ([change.last_seen_at] if change.last_seen_at else []))
        known.append(
            LivenessChange(
                device_no=change.device_no,
                connectivity=change.connectivity,
                since=change.since,
                last_seen_at=seen,
                said_at=max((h.at for h in mine), default=None),
            )
        )
    new = _Watch(*watch.devices.values())
    new.rule.restore_liveness(known, at(seconds))
    new.liveness = dict(watch.liveness)
    return new


def test_who_was_offline_stays_so_over_a_restart_and_is_not_raised_again() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(90)
    new = _restarted(watch, 100)
    assert new.tick(10_000) == []
    assert new.connectivity() is Connectivity.OFFLINE
    assert new.hear(heartbeat(10_001)) == [FindingKind.CLEARED]


def test_a_short_restart_leaves_everybody_online() -> None:
    watch = _Watch()
    said = heartbeat(60)
    watch.hear(heartbeat(0), said)
    new = _restarted(watch, 65, heard=[said])
    assert new.connectivity() is Connectivity.ONLINE
    assert new.tick(65 + PATIENCE_S - 1) == []
    assert len(new.tick(65 + PATIENCE_S)) == 1


def test_after_a_long_absence_nobody_can_tell_until_it_speaks_or_its_time_is_up() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    new = _restarted(watch, 5000)
    assert new.connectivity() is Connectivity.UNKNOWN
    assert new.hear(heartbeat(5010)) == []
    assert new.connectivity() is Connectivity.ONLINE
    silent = _restarted(watch, 5000)
    assert silent.tick(5000 + PATIENCE_S - 1) == []
    assert len(silent.tick(5000 + PATIENCE_S)) == 1
    assert silent.connectivity() is Connectivity.OFFLINE


@pytest.mark.parametrize("skew_s", [-1800, -240, 0, 240])
def test_a_wrong_clock_is_not_offline_after_a_restart_either(skew_s: float) -> None:
    watch = _Watch()
    said = [heartbeat(seconds, said_s=seconds + skew_s) for seconds in range(0, 120, 30)]
    watch.hear(*said)
    new = _restarted(watch, 100, heard=said)
    assert new.connectivity() is Connectivity.ONLINE
    for seconds in range(120, 1200, 30):
        assert new.hear(heartbeat(seconds, said_s=seconds + skew_s)) == []
        assert new.tick(seconds + 29) == []


def test_a_retained_heartbeat_after_a_restart_proves_nothing() -> None:
    watch = _Watch()
    said = heartbeat(0)
    watch.hear(said)
    watch.tick(90)
    new = _restarted(watch, 120, heard=[said])
    assert new.hear(heartbeat(121, said_s=0)) == []
    assert new.connectivity() is Connectivity.OFFLINE


def test_a_device_that_was_retired_meanwhile_is_not_restored() -> None:
    rule = HeartbeatLost()
    rule.enrol({}, at(0))
    rule.restore_liveness(
        [LivenessChange(device_no=1, connectivity=Connectivity.ONLINE, since=at(0), last_seen_at=at(0))], at(10)
    )
    assert rule.tick(at(1000)) == []


#: Gaps between heartbeats in seconds: short ones, and some that are too long.
GAPS = st.lists(st.integers(5, 200), min_size=1, max_size=40)


@given(GAPS, st.integers(-1800, 290), st.data())
def test_a_restart_between_messages_changes_no_conclusion(gaps: list[int], skew_s: int, data: st.DataObject) -> None:
    """Whoever is restarted in the moment after a message comes to the same as who was not."""
    restart_after = data.draw(st.integers(0, len(gaps) - 1))
    one, other = _Watch(), _Watch()
    heard: list[Heartbeat] = []
    told: tuple[list[tuple[FindingKind, object]], ...] = ([], [])
    now = 0
    for place, gap in enumerate(gaps):
        for into, watch in zip(told, (one, other), strict=True):
            into.extend((f.kind, f.finding_id) for f in watch.tick(now + gap))
        now += gap
        said = heartbeat(now, said_s=now + skew_s)
        heard.append(said)
        for into, watch in zip(told, (one, other), strict=True):
            into.extend((kind, now) for kind in watch.hear(said))
        if place == restart_after:
            other = _restarted(other, now, heard=heard)
    for into, watch in zip(told, (one, other), strict=True):
        into.extend((f.kind, f.finding_id) for f in watch.tick(now + 1000))
    assert told[0] == told[1]
    assert one.connectivity() is other.connectivity()


@given(GAPS)
def test_lost_and_back_alternate_whatever_happens(gaps: list[int]) -> None:
    watch = _Watch()
    kinds: list[FindingKind] = []
    now = 0
    for gap in gaps:
        kinds += [f.kind for f in watch.tick(now + gap)]
        now += gap
        kinds += watch.hear(heartbeat(now))
    assert kinds[::2] == [FindingKind.RAISED] * len(kinds[::2])
    assert kinds[1::2] == [FindingKind.CLEARED] * len(kinds[1::2])
    # The first gap is before the device was ever heard.
    assert kinds.count(FindingKind.RAISED) == sum(gap >= PATIENCE_S for gap in gaps[1:])
