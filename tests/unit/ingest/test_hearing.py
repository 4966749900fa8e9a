from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.hearing import MOST_UNDER_WAY, PATIENCE_S, Hearing

START = datetime(2026, 3, 2, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _back(hearing: Hearing, payload: bytes) -> None:
    """On every channel."""
    for topic in hearing.topics:
        hearing.came_back(topic, payload)


def _hearing() -> Hearing:
    hearing = Hearing("campuswatch-bulk", "n1")
    hearing.connected(START)
    return hearing


def test_nothing_is_known_before_an_echo_came_back() -> None:
    hearing = _hearing()
    hearing.ask(_at(1))
    assert hearing.until(_at(2), quiet=True) is None


def test_everything_was_heard_until_the_moment_in_which_the_echo_was_sent() -> None:
    hearing = _hearing()
    first, second = hearing.ask(_at(1)), hearing.ask(_at(2))
    _back(hearing, first)
    assert hearing.until(_at(600), quiet=True) == _at(1), "the backlog took ten minutes"
    _back(hearing, second)
    assert hearing.until(_at(601), quiet=False) == _at(2)


def test_an_echo_that_was_overtaken_or_comes_twice_moves_nothing_back() -> None:
    hearing = _hearing()
    first, second = hearing.ask(_at(1)), hearing.ask(_at(2))
    for payload in (second, first, second):
        _back(hearing, payload)
    assert hearing.until(_at(3), quiet=True) == _at(2)


def test_echoes_of_an_earlier_process_and_strangers_say_nothing() -> None:
    earlier, hearing = Hearing("campuswatch-bulk", "n0"), _hearing()
    _back(hearing, earlier.ask(_at(0)))
    _back(hearing, b"n1/77")
    _back(hearing, b"")
    assert hearing.until(_at(1), quiet=True) is None


def test_only_echoes_of_this_session_are_for_it_alone() -> None:
    hearing = _hearing()
    topic, asked = hearing.topics[0], hearing.ask(_at(0))
    assert [hearing.came_back(topic, asked) for _ in range(2)] == [True, True]
    assert hearing.came_back(topic, b"0a1b2c3d/77"), "of an earlier process"
    for payload in (b"{}", b"", b"n1/", b"n1/0", b"n1/1 and more", b"x" * 33 + b"/1", b'{"ts":"n1/1"}'):
        assert not hearing.came_back(topic, payload)
        assert not hearing.of_another(topic, payload)
        assert not hearing.of_another(b"campus/v1/-/other-bulk/state", payload)
    for stranger in (b"campus/v1/-/other-bulk/state", b"campus/v1/-/x/alarm", b"campus/v1/-/x/y/state"):
        assert not hearing.came_back(stranger, asked)
    assert hearing.of_another(b"campus/v1/-/other-bulk/state", asked)
    assert not hearing.of_another(b"campus/v1/-/x/alarm", asked)
    assert not hearing.of_another(b"campus/v1/-/x/y/state", asked)


def test_a_line_that_was_cut_unnoticed_stops_the_time() -> None:
    hearing = _hearing()
    _back(hearing, hearing.ask(_at(1)))
    for seconds in range(2, 60):
        hearing.ask(_at(seconds))
        assert hearing.until(_at(seconds), quiet=True) == _at(1)


def test_a_broker_that_refuses_us_the_topic_does_not_make_us_blind() -> None:
    hearing = _hearing()
    late = PATIENCE_S + 1
    assert hearing.until(_at(PATIENCE_S - 1), quiet=True) is None
    assert hearing.until(_at(late), quiet=True) == _at(late)
    assert hearing.until(_at(late), quiet=False) is None
    hearing.connected(_at(late))
    assert hearing.until(_at(late + 1), quiet=True) is None


def test_echoes_that_never_come_back_fill_no_memory() -> None:
    hearing = _hearing()
    for seconds in range(3 * MOST_UNDER_WAY):
        last = hearing.ask(_at(seconds))
    assert {len(one) for one in hearing._under_way.values()} == {MOST_UNDER_WAY}
    _back(hearing, last)
    assert {len(one) for one in hearing._under_way.values()} == {0}


def test_the_first_echo_does_not_move_time_back_and_our_own_clock_does() -> None:
    hearing, late = _hearing(), PATIENCE_S + 10
    asked = hearing.ask(_at(1))
    assert hearing.until(_at(late), quiet=True) == _at(late)
    _back(hearing, asked)
    assert hearing.until(_at(late + 1), quiet=True) == _at(late)
    _back(hearing, hearing.ask(_at(-3600)))
    assert hearing.until(_at(-3599), quiet=True) == _at(-3600)


def test_the_slowest_channel_counts() -> None:
    hearing = _hearing()
    first, second = hearing.ask(_at(1)), hearing.ask(_at(2))
    _back(hearing, first)
    for topic in hearing.topics[:-1]:
        hearing.came_back(topic, second)
    assert hearing.until(_at(3), quiet=True) == _at(1)
    hearing.came_back(hearing.topics[-1], second)
    assert hearing.until(_at(3), quiet=True) == _at(2)
    hearing.came_back(b"campus/v1/-/somebody else/state", second)
