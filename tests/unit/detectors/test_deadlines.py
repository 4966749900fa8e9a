from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.deadlines import Deadlines

DEVICES = st.integers(1, 4)
TIMES = st.integers(0, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), DEVICES, TIMES),
        st.tuples(st.just("drop"), DEVICES, st.just(0)),
        st.tuples(st.just("due"), st.just(0), TIMES),
    ),
    max_size=80,
)


@given(STEPS)
def test_deadlines_do_what_a_plain_dictionary_does(steps: list[tuple[str, int, int]]) -> None:
    deadlines, model = Deadlines(), dict[int, float]()
    for step, device_no, at_s in steps:
        if step == "put":
            deadlines.put(device_no, at_s)
            model[device_no] = at_s
        elif step == "drop":
            deadlines.drop(device_no)
            model.pop(device_no, None)
        else:
            due = list(deadlines.due(at_s))
            expected = {no: at for no, at in model.items() if at <= at_s}
            assert dict(due) == expected
            assert len(due) == len(expected)
            for no in expected:
                del model[no]
        assert len(deadlines) == len(model)
    assert dict(deadlines.due(1000)) == model


@given(st.dictionaries(st.integers(), st.floats(0, 100), max_size=30))
def test_what_is_due_comes_earliest_first(at: dict[int, float]) -> None:
    deadlines = Deadlines()
    for device_no, at_s in at.items():
        deadlines.put(device_no, at_s)
    assert [at_s for _, at_s in deadlines.due(100)] == sorted(at.values())


def test_moving_deadlines_later_does_not_pile_up() -> None:
    deadlines = Deadlines()
    for second in range(10_000):
        deadlines.put(1, second + 90)
        assert list(deadlines.due(second)) == []
    assert len(deadlines._heap) == 1
