from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.lives import LATE_S
from detectors.rules.heartbeat_lost import DEAF_AFTER_S, HeartbeatLost
from domain.device import RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.liveness import Connectivity, LivenessChange
from domain.marks import Marks
from domain.observation import Observation
from tests.unit.detectors.sayings import SENSOR, at, device, heartbeat, reading

PATIENCE_S = 3 * SENSOR.heartbeat_s


class _Watch:
    """The rule with one or more devices, and what it concluded so far."""

    def __init__(self, *devices: RegisteredDevice) -> None:
        self.engine = Engine([HeartbeatLost()])
        self.devices = devices or (SENSOR,)
        self.engine.enrol(self.devices, at(0))
        self.liveness: dict[int, LivenessChange] = {}
        self.marks: list[Marks] = []

    def hear(self, *said: Observation) -> list[FindingKind]:
        return [found.kind for one in said for found in self.engine.observe(one)]

    def tick(self, seconds: float) -> Sequence[Finding]:
        """Time passes until then, and somebody listens all the while."""
        return self.engine.tick(at(seconds))

    def listen(self, since_s: float, until_s: float) -> list[Finding]:
        """A tick every five seconds, and one at the end."""
        moments = [*range(int(since_s), int(until_s), 5), until_s]
        return [found for moment in moments for found in self.tick(moment)]

    def commit(self) -> None:
        changes = self.engine.changes()
        self.liveness.update({change.device_no: change for change in changes.liveness})
        self.marks += changes.marks

    def connectivity(self, number: int = SENSOR.device_no) -> Connectivity | None:
        self.commit()
        return self.liveness[number].connectivity if number in self.liveness else None

    def restarted(self, seconds: float) -> _Watch:
        """A new process that knows what was committed."""
        self.commit()
        new = _Watch(*self.devices)
        new.engine.restore((), (), at(seconds), marks=self.marks)
        new.liveness, new.marks = dict(self.liveness), list(self.marks)
        return new


def test_silence_counts_from_three_intervals_on_and_not_before() -> None:
    watch = _Watch()
    watch.hear(heartbeat(10))
    assert watch.connectivity() is Connectivity.ONLINE
    assert watch.listen(10, 10 + PATIENCE_S - 0.001) == []
    (lost,) = watch.tick(10 + PATIENCE_S)
    assert (lost.kind, lost.at, lost.found_at) == (FindingKind.RAISED, at(100), at(100))
    assert lost.detail["last_seen_at"] == at(10).isoformat()
    assert watch.connectivity() is Connectivity.OFFLINE


def test_what_is_found_late_still_happened_at_its_time() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, PATIENCE_S - 1)
    (lost,) = watch.tick(PATIENCE_S + 7)
    assert (lost.at, lost.found_at) == (at(PATIENCE_S), at(PATIENCE_S + 7))


def test_a_device_is_lost_once_and_comes_back_once() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    assert [found.found_at for found in watch.listen(0, 400)] == [at(90)]
    assert watch.hear(heartbeat(400), heartbeat(430)) == [FindingKind.CLEARED]
    assert watch.connectivity() is Connectivity.ONLINE
    assert [found.found_at for found in watch.listen(400, 600)] == [at(520)]


def test_a_device_that_was_never_heard_is_unknown_and_no_incident() -> None:
    watch = _Watch()
    assert watch.listen(0, 10_000) == []
    assert watch.connectivity() is None


def test_whatever_a_device_says_proves_its_life() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0), reading(80, 21.5))
    assert watch.listen(80, 169) == []
    assert len(watch.tick(170)) == 1


def test_each_device_has_its_own_interval() -> None:
    slow, quick = device(1, heartbeat_s=300), device(2, heartbeat_s=5)
    watch = _Watch(slow, quick)
    watch.hear(heartbeat(0, of=slow), heartbeat(0, of=quick))
    assert [(f.device_no, f.found_at) for f in watch.listen(0, 1000)] == [(2, at(15)), (1, at(900))]


def test_a_shorter_interval_counts_from_the_moment_it_is_registered() -> None:
    watch = _Watch(device(1, heartbeat_s=300))
    watch.hear(heartbeat(0, of=device(1, heartbeat_s=300)))
    watch.engine.enrol([device(1, heartbeat_s=10)], at(5))
    assert [found.found_at for found in watch.listen(5, 100)] == [at(30)]


def test_the_same_heartbeat_again_proves_nothing() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.hear(*(heartbeat(received, said_s=0) for received in (30, 50, 59, 80)))
    assert len(watch.listen(0, 90)) == 1
    assert watch.hear(heartbeat(100, said_s=0)) == []
    assert watch.connectivity() is Connectivity.OFFLINE


def test_a_retained_heartbeat_of_long_ago_proves_nothing() -> None:
    watch = _Watch()
    assert watch.hear(heartbeat(0, said_s=-LATE_S - 1)) == []
    assert watch.connectivity() is None
    assert watch.listen(0, 1000) == []


def test_a_backfill_does_not_bring_a_device_back() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    backfill = [heartbeat(7200 + said / 1000, said_s=said) for said in range(30, 6000, 30)]
    assert watch.hear(*backfill) == []
    assert watch.connectivity() is Connectivity.OFFLINE
    assert watch.hear(heartbeat(7210)) == [FindingKind.CLEARED]


def test_who_is_heard_through_a_backlog_of_hours_is_not_silent() -> None:
    """The broker kept two hours for us and hands them out twenty times as fast; the newest has yet to come."""
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(1)
    for step in range(1, 230):
        assert watch.listen(7200 + 1.5 * (step - 1), 7200 + 1.5 * step) == []
        watch.hear(heartbeat(7200 + 1.5 * step, said_s=30 * step))
    assert [found.kind for found in watch.listen(7545, 7700)] == [FindingKind.RAISED]


@pytest.mark.parametrize("skew_s", [-86_000, -1800, -600, -240, -61, -1, 1, 60, 299])
def test_a_device_whose_clock_is_wrong_is_not_offline(skew_s: float) -> None:
    watch = _Watch()
    for seconds in range(0, 3600, 30):
        assert watch.hear(heartbeat(seconds, said_s=seconds + skew_s)) == []
        assert watch.listen(seconds, seconds + 29) == []
    assert watch.connectivity() is Connectivity.ONLINE
    assert len(watch.listen(3570, 3570 + PATIENCE_S)) == 1


@pytest.mark.parametrize("back_s", [1, 60, 280, 3600, 86_400])
def test_a_clock_that_is_set_back_is_not_offline(back_s: float) -> None:
    watch = _Watch()
    for seconds in range(0, 300, 30):
        watch.hear(heartbeat(seconds))
        assert watch.listen(seconds, seconds + 29) == []
    for seconds in range(300, 900, 30):
        watch.hear(heartbeat(seconds, said_s=seconds - back_s))
        assert watch.listen(seconds, seconds + 29) == []


def test_a_message_that_was_overtaken_is_no_proof() -> None:
    watch = _Watch()
    watch.hear(heartbeat(100))
    watch.hear(heartbeat(161, said_s=99))
    assert len(watch.listen(100, 100 + PATIENCE_S)) == 1


# -- our own deafness -------------------------------------------------------------------------------------------------


def test_after_our_own_deafness_everybody_gets_three_intervals_again() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.engine.hearing_resumed(at(600))
    assert watch.listen(600, 600 + PATIENCE_S - 1) == []
    assert len(watch.tick(600 + PATIENCE_S)) == 1


def test_nobody_has_to_tell_that_we_were_deaf() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(1)
    resumed_s = 80 + DEAF_AFTER_S
    assert watch.listen(resumed_s, resumed_s + PATIENCE_S - 1) == []
    assert len(watch.tick(resumed_s + PATIENCE_S)) == 1


def test_who_was_offline_before_our_deafness_is_not_lost_a_second_time() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    watch.engine.hearing_resumed(at(600))
    assert watch.listen(600, 10_000) == []


def test_our_own_clock_set_back_by_an_hour_kills_nobody_and_hides_nobody() -> None:
    speaks, dies = device(1), device(2)
    watch = _Watch(speaks, dies)
    watch.hear(heartbeat(7200, of=speaks), heartbeat(7200, of=dies))
    watch.tick(7201)
    for seconds in range(3600, 3900, 30):
        found = [f.device_no for f in watch.listen(seconds, seconds + 29)]
        assert 1 not in found
        watch.hear(heartbeat(seconds + 29.5, of=speaks))
    assert watch.connectivity(2) is Connectivity.OFFLINE


# -- the registry -----------------------------------------------------------------------------------------------------


def test_a_retired_device_is_forgotten() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.engine.enrol([], at(10))
    assert watch.listen(10, 1000) == []
    assert watch.connectivity() is Connectivity.UNKNOWN
    assert len(watch.engine._rules["heartbeat_lost"].lives or ()) == 0


def test_the_silence_of_a_retired_device_ends() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    watch.engine.enrol([], at(100))
    (ended,) = watch.tick(100)
    assert (ended.kind, ended.key, ended.detail) == (
        FindingKind.CLEARED,
        f"heartbeat_lost/{SENSOR.key}",
        {"retired": True},
    )
    assert watch.connectivity() is Connectivity.UNKNOWN


def test_a_device_that_is_registered_again_starts_anew() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.engine.enrol([], at(10))
    watch.tick(11)
    watch.engine.enrol(watch.devices, at(20))
    watch.hear(heartbeat(30, said_s=-500))  # other hardware, other clock
    assert watch.listen(30, 119) == []
    assert len(watch.tick(120)) == 1


def test_a_device_that_was_retired_by_mistake_and_came_back_at_once_goes_on() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.engine.enrol([], at(10))
    watch.engine.enrol(watch.devices, at(10))
    assert [found.found_at for found in watch.listen(10, 200)] == [at(90)]


def test_a_device_that_came_back_after_a_restart_of_ours_is_watched() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(4)
    watch.engine.enrol([], at(5))
    watch.commit()
    new = _Watch()
    new.engine.enrol([], at(6))
    new.engine.restore([], [], at(6), marks=watch.marks)
    new.engine.enrol([SENSOR], at(7))
    new.hear(heartbeat(8))
    assert [found.found_at for found in new.listen(9, 200)] == [at(99)]


# -- restart ----------------------------------------------------------------------------------------------------------


def test_who_was_offline_stays_so_over_a_restart_and_is_not_raised_again() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    new = watch.restarted(100)
    assert new.listen(100, 10_000) == []
    assert new.connectivity() is Connectivity.OFFLINE
    assert new.hear(heartbeat(10_001)) == [FindingKind.CLEARED]


def test_a_restart_within_seconds_moves_no_deadline() -> None:
    watch = _Watch()
    watch.hear(heartbeat(60))
    watch.tick(62)
    new = watch.restarted(65)
    assert new.connectivity() is Connectivity.ONLINE
    assert [found.found_at for found in new.listen(66, 200)] == [at(151)], "the first look after 60 + 90"


def test_after_a_long_absence_nobody_can_tell_until_it_speaks_or_its_time_is_up() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(1)
    new, silent = watch.restarted(5000), watch.restarted(5000)
    new.tick(5000)
    assert new.connectivity() is Connectivity.UNKNOWN
    assert new.hear(heartbeat(5010)) == []
    assert new.connectivity() is Connectivity.ONLINE
    assert silent.listen(5000, 5000 + PATIENCE_S - 1) == []
    assert len(silent.tick(5000 + PATIENCE_S)) == 1
    assert silent.connectivity() is Connectivity.OFFLINE


def test_the_time_that_was_given_after_deafness_is_not_lost_by_a_restart() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.tick(1)
    watch.engine.hearing_resumed(at(9))
    new = watch.restarted(9)
    assert [found.at for found in new.listen(10, 300)] == [at(9 + PATIENCE_S)]


@pytest.mark.parametrize("skew_s", [-86_000, -1800, -240, 0, 240])
def test_a_wrong_clock_is_not_offline_after_a_restart_either(skew_s: float) -> None:
    watch = _Watch()
    watch.hear(*(heartbeat(seconds, said_s=seconds + skew_s) for seconds in range(0, 120, 30)))
    new = watch.restarted(100)
    assert new.connectivity() is Connectivity.ONLINE
    for seconds in range(120, 1200, 30):
        assert new.hear(heartbeat(seconds, said_s=seconds + skew_s)) == []
        assert new.listen(seconds, seconds + 29) == []


def test_a_retained_heartbeat_after_a_restart_proves_nothing() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    new = watch.restarted(120)
    assert new.hear(heartbeat(121, said_s=0)) == []
    assert new.connectivity() is Connectivity.OFFLINE


def test_what_an_older_version_knew_is_taken_up_where_there_are_no_marks() -> None:
    watch = _Watch()
    seen = LivenessChange(device_no=1, connectivity=Connectivity.ONLINE, since=at(0), last_seen_at=at(60))
    watch.engine.restore([seen], [], at(70))
    assert watch.hear(heartbeat(71, said_s=60)) == [], "a repetition"
    assert watch.listen(71, 149) == []
    assert [found.at for found in watch.listen(150, 300)] == [at(161)], "three intervals after we heard again"


def test_a_device_that_was_retired_while_we_were_away_is_ended() -> None:
    watch = _Watch()
    watch.hear(heartbeat(0))
    watch.listen(0, 90)
    watch.commit()
    new = _Watch()
    new.engine.enrol([], at(100))
    new.engine.restore([], [], at(100), marks=watch.marks, retired=[SENSOR])
    assert [found.kind for found in new.tick(100)] == [FindingKind.CLEARED]
    assert new.listen(100, 1000) == []


#: Gaps between heartbeats in seconds: short ones, and some that are too long.
GAPS = st.lists(st.integers(5, 200), min_size=1, max_size=40)


@given(GAPS)
def test_lost_and_back_alternate_whatever_happens(gaps: list[int]) -> None:
    watch = _Watch()
    kinds: list[FindingKind] = []
    now = 0
    for gap in gaps:
        kinds += [f.kind for f in watch.listen(now, now + gap)]
        now += gap
        kinds += watch.hear(heartbeat(now))
    assert kinds[::2] == [FindingKind.RAISED] * len(kinds[::2])
    assert kinds[1::2] == [FindingKind.CLEARED] * len(kinds[1::2])
    # The first gap is before the device was ever heard.
    assert kinds.count(FindingKind.RAISED) == sum(gap >= PATIENCE_S for gap in gaps[1:])
