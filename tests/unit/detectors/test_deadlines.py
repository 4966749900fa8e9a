from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.deadlines import Deadlines

STEPS = st.lists(st.tuples(st.sampled_from(["put", "due"]), st.integers(1, 4), st.floats(0, 60)), max_size=80)


@given(STEPS)
def test_deadlines_do_what_a_plain_list_does(steps: list[tuple[str, int, float]]) -> None:
    deadlines, model = Deadlines(), list[tuple[int, int]]()
    for step, device_no, at_s in steps:
        if step == "put":
            assert deadlines.put(device_no, at_s) == int(at_s)
            model.append((int(at_s), device_no))
        else:
            due = deadlines.due(at_s)
            assert sorted(due) == sorted(one for one in model if one[0] <= at_s)
            assert [slot for slot, _ in due] == sorted(slot for slot, _ in due), "earliest first"
            model = [one for one in model if one[0] > at_s]
        assert len(deadlines) == len(model)
    assert sorted(deadlines.due(1000)) == sorted(model)


def test_who_is_put_back_into_the_second_that_is_being_looked_at_is_not_looked_at_for_ever() -> None:
    deadlines = Deadlines()
    deadlines.put(1, 100.2)
    for now_s in (100.3, 100.4, 100.5):
        assert deadlines.due(now_s) == [(100, 1)]
        deadlines.put(1, 100.9)
    assert deadlines.due(101) == [(100, 1)]
    assert deadlines.due(200) == []
