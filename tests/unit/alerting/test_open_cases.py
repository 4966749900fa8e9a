from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerting.alarm_path import OpenCases


def test_what_was_begun_is_open_until_the_database_says_otherwise() -> None:
    cases = OpenCases()
    assert "k" not in cases
    cases.begin("k")
    cases.refresh(set(), asked_at_step=cases.step)
    assert "k" in cases, "not committed yet, so the database cannot know it"
    cases.confirm("k")
    cases.refresh(set(), asked_at_step=cases.step)
    assert "k" not in cases, "a person ended it"


def test_an_answer_from_before_the_commit_does_not_hide_it() -> None:
    cases = OpenCases()
    cases.begin("k")
    step = cases.step  # asked here, while nothing is committed
    cases.confirm("k")
    cases.refresh(set(), asked_at_step=step)
    assert "k" in cases


def test_incidents_opened_elsewhere_are_known_after_a_refresh() -> None:
    cases = OpenCases()
    cases.refresh({"other"}, asked_at_step=cases.step)
    assert "other" in cases


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["begin", "confirm", "end", "ask", "answer"]), st.sampled_from("abc")), max_size=60
)


@given(ACTIONS)
def test_an_open_incident_is_never_taken_for_a_new_one(actions: list[tuple[str, str]]) -> None:
    """Against a database that knows everything; asking it takes a while."""
    cases, begun, truth, asked = OpenCases(), list[str](), set[str](), list[tuple[int, set[str]]]()
    for action, key in actions:
        if action == "begin":
            cases.begin(key)
            begun.append(key)
        elif action == "confirm" and begun:
            committed = begun.pop(0)
            truth.add(committed)
            cases.confirm(committed)
        elif action == "end":
            truth.discard(key)  # a person; the notice of it comes with the next answer
        elif action == "ask":
            asked.append((cases.step, set(truth)))
        elif action == "answer" and asked:
            step, keys = asked.pop(0)
            cases.refresh(keys, asked_at_step=step)
        assert all(key in cases for key in begun)
        if not asked:
            assert all(key in cases for key in truth)
    cases.refresh(set(truth), asked_at_step=cases.step)
    assert {key for key in "abc" if key in cases} == truth | set(begun)
