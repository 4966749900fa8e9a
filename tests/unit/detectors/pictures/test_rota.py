"""Whose turn it is: everybody within the cycle, doubtful ones more often, nobody in a crowd."""

from __future__ import annotations

import itertools
from collections import Counter

from detectors.pictures.rota import AIM, HANGS_S, PACE, Rota, Stop

CYCLE_S, DOUBT_S = 3600.0, 600.0


def stops(sites: int, each: int, *, looked_s: float | None = None) -> list[Stop]:
    return [
        Stop(number=site * 1000 + place, site=site, through=(site, place // 16), looked_s=looked_s)
        for site in range(sites)
        for place in range(each)
    ]


def patrol(
    rota: Rota, *, begin_s: float, seconds: float, doubtful: set[int], takes_s: float = 4.0, every_s: float = 4.0
) -> dict[int, list[float]]:
    """When each camera was looked at; a look takes ``takes_s``."""
    looks: dict[int, list[float]] = {}
    under_way: list[tuple[float, int]] = []
    now_s = begin_s
    while now_s < begin_s + seconds:
        for ends_s, number in [one for one in under_way if one[0] <= now_s]:
            under_way.remove((ends_s, number))
            rota.looked(number, now_s, doubtful=number in doubtful)
        for number in rota.due(now_s):
            looks.setdefault(number, []).append(now_s)
            under_way.append((now_s + takes_s, number))
        now_s += every_s
    return looks


def test_every_camera_is_looked_at_within_every_cycle_though_half_of_them_are_doubtful() -> None:
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    cameras = stops(10, 20)
    rota.enrol(cameras, 0.0)
    doubtful = {stop.number for stop in cameras[::2]}

    looks = patrol(rota, begin_s=0.0, seconds=4 * CYCLE_S, doubtful=doubtful)

    assert looks.keys() == {stop.number for stop in cameras}
    for times in looks.values():
        assert times[0] <= CYCLE_S
        assert all(later - earlier <= CYCLE_S for earlier, later in itertools.pairwise(times))
    assert rota.progress(4 * CYCLE_S).covered == len(cameras)


def test_a_doubtful_camera_is_looked_at_more_often_and_not_for_ever() -> None:
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    cameras = stops(5, 20)
    rota.enrol(cameras, 0.0)
    one = cameras[7].number

    looks = patrol(rota, begin_s=0.0, seconds=6 * CYCLE_S, doubtful={one})

    early = [time for time in looks[one] if time < looks[one][0] + 2 * CYCLE_S - 1]
    late = [time for time in looks[one] if time > 4 * CYCLE_S]
    assert len(early) >= 8
    assert len(late) <= 3


def test_load_is_even_over_the_cycle_and_over_sites() -> None:
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    rota.enrol(stops(10, 36), 0.0)

    looks = patrol(rota, begin_s=0.0, seconds=CYCLE_S, doubtful=set())

    minutes = Counter(int(time // 60) for times in looks.values() for time in times)
    assert max(minutes.values()) <= 3 * 360 / 60
    of_one_site = Counter(int(time // 60) for number, times in looks.items() if number < 1000 for time in times)
    assert max(of_one_site.values()) <= 3


def test_no_more_than_a_few_at_a_time_through_one_recorder_and_at_one_site() -> None:
    rota = Rota(cycle_s=60.0, doubt_s=60.0, most_at_once=100, most_a_site=3, most_through=2)
    rota.enrol(
        [
            Stop(number=number, site=number % 2, through="recorder" if number % 2 else number, looked_s=-1000.0)
            for number in range(40)
        ],
        0.0,
    )

    taken = [number for tick in range(50) for number in rota.due(0.1 * tick)]

    assert len([number for number in taken if number % 2]) == 2
    assert len([number for number in taken if number % 2 == 0]) == 3


def test_after_a_restart_it_goes_on_where_it_was() -> None:
    now_s = 10_000.0
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    fresh = [Stop(number=number, site=1, through=number, looked_s=now_s - 60) for number in range(50)]
    old = [Stop(number=100 + number, site=2, through=number, looked_s=now_s - CYCLE_S) for number in range(50)]
    rota.enrol([*fresh, *old], now_s)

    looks = patrol(rota, begin_s=now_s, seconds=0.5 * CYCLE_S, doubtful=set())

    assert looks.keys() == {stop.number for stop in old}


def test_what_was_missed_is_caught_up_with_at_twice_the_pace_and_no_faster() -> None:
    now_s = 1e6
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    rota.enrol(stops(20, 18, looked_s=0.0), now_s)
    assert rota.progress(now_s).overdue == 360

    looks = patrol(rota, begin_s=now_s, seconds=CYCLE_S / PACE + 60, doubtful=set())

    assert len(looks) == 360
    minutes = Counter(int(time // 60) for times in looks.values() for time in times)
    assert max(minutes.values()) <= 1.5 * PACE * 360 / 60


def test_a_camera_that_could_not_be_looked_at_for_a_reason_of_ours_has_its_turn_again() -> None:
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    rota.enrol([Stop(number=1, site=1, through=1)], 0.0)
    assert rota.due(0.0) == [1]
    rota.dropped(1, 0.0)
    assert rota.due(0.05 * DOUBT_S) == []
    assert rota.due(0.1 * DOUBT_S) == [1]


def test_a_camera_that_left_is_forgotten_and_one_that_came_is_looked_at_within_a_cycle() -> None:
    rota = Rota(cycle_s=CYCLE_S, doubt_s=DOUBT_S)
    rota.enrol([Stop(number=1, site=1, through=1, looked_s=0.0)], 0.0)
    rota.enrol([Stop(number=2, site=1, through=2)], 10.0)

    looks = patrol(rota, begin_s=10.0, seconds=AIM * CYCLE_S, doubtful=set())

    assert looks.keys() == {2}


def test_who_hangs_gives_its_room_to_the_others_of_its_site() -> None:
    rota = Rota(cycle_s=6.0, doubt_s=6.0, most_a_site=4, most_through=2)
    rota.enrol([Stop(number=number, site=1, through="gateway", looked_s=-1000.0) for number in range(6)], 0.0)
    hanging = rota.due(0.0)
    assert len(hanging) == 2
    assert rota.due(HANGS_S - 1.0) == []
    others = rota.due(HANGS_S)
    assert len(others) == 2
    for number in others:
        rota.looked(number, HANGS_S + 0.5, doubtful=False)
    assert len(rota.due(HANGS_S + 3.0)) == 2
    assert rota.progress(HANGS_S + 3.0).under_way == 4
    for number in hanging:
        rota.looked(number, HANGS_S + 5.0, doubtful=True)
    assert rota.progress(HANGS_S + 5.0).under_way == 2
