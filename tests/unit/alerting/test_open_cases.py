from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerting.desk import incident_id_of
from alerting.open_cases import OpenCases, is_call
from alerting.policy import SAME_CALL
from domain.finding import Finding, FindingKind
from domain.incident import OpenCase
from tests.unit.alerting.findings import NOW, finding, press

RAISED, CLEARED = FindingKind.RAISED, FindingKind.CLEARED


def _smoke(kind: FindingKind = RAISED, key: str = "k") -> Finding:
    return finding("smoke_alarm", kind, key=key)


def _says(cases: OpenCases, said: Finding) -> bool:
    """Whether links are told of ``said``."""
    return is_call(said, cases.begin(said)) and said.kind is RAISED


def _commit(cases: OpenCases, said: Finding, case: OpenCase | None) -> None:
    cases.confirm(said)
    cases.learn(said.key, case)


def test_what_was_begun_is_open_until_the_database_says_otherwise() -> None:
    cases, smoke = OpenCases(), _smoke()
    assert "k" not in cases
    cases.begin(smoke)
    cases.refresh({}, asked_at_step=cases.step)
    assert "k" in cases, "not committed yet, so the database cannot know it"
    _commit(cases, smoke, OpenCase(incident_id=incident_id_of(smoke), number=1))
    cases.refresh({}, asked_at_step=cases.step)
    assert "k" not in cases, "a person ended it"


def test_an_answer_from_before_the_commit_does_not_hide_it() -> None:
    cases, smoke = OpenCases(), _smoke()
    cases.begin(smoke)
    step = cases.step  # asked here, while nothing is committed
    _commit(cases, smoke, OpenCase(incident_id=incident_id_of(smoke), number=1))
    cases.refresh({}, asked_at_step=step)
    assert "k" in cases


def test_incidents_opened_elsewhere_are_known_after_a_refresh() -> None:
    cases = OpenCases()
    cases.refresh({"other": OpenCase(incident_id=uuid4(), number=1)}, asked_at_step=cases.step)
    assert "other" in cases


def test_a_fire_that_went_out_and_is_there_again_is_a_call_though_nothing_is_committed_yet() -> None:
    cases, first = OpenCases(), _smoke()
    said = [first, _smoke(), _smoke(CLEARED), first, _smoke(), _smoke(), _smoke(CLEARED), _smoke(CLEARED), _smoke()]
    assert [_says(cases, one) for one in said] == [True, False, False, False, True, False, False, False, True]
    case = cases.get("k")
    assert case is not None
    assert case.incident_id == incident_id_of(first), "all of it is one incident"


def test_an_incident_that_came_back_to_normal_before_this_process_lived_is_raised_again() -> None:
    open_one = OpenCase(incident_id=uuid4(), number=7, returned=True)
    cases = OpenCases()
    cases.refresh({"k": open_one}, asked_at_step=cases.step)
    again = _smoke()
    assert cases.begin(again) == open_one
    assert cases.get("k") == msgspec.structs.replace(open_one, returned=False)
    assert cases.stored == {"k": open_one}, "the disk is told when it is committed"


def test_what_is_known_by_its_key_alone_is_taken_for_one_that_still_calls() -> None:
    cases = OpenCases()
    cases.refresh({"k": OpenCase(incident_id=None)}, asked_at_step=cases.step)
    assert not _says(cases, _smoke())
    assert not _says(cases, _smoke(CLEARED))
    assert _says(cases, _smoke())


def test_the_end_of_an_incident_is_known_at_once_and_no_older_answer_undoes_it() -> None:
    pressed = OpenCase(incident_id=uuid4(), number=7)
    cases = OpenCases()
    cases.refresh({"k": pressed, "other": OpenCase(incident_id=uuid4())}, asked_at_step=cases.step)
    step = cases.step
    assert pressed.incident_id is not None
    cases.end(pressed.incident_id)
    cases.refresh({"k": pressed}, asked_at_step=step)
    assert _says(cases, _smoke())
    assert "other" not in cases


def test_the_next_press_after_the_end_is_a_call_though_an_earlier_one_still_waits_for_the_database() -> None:
    open_one = OpenCase(incident_id=uuid4(), number=7)
    for told_by_notice in (True, False):
        cases = OpenCases()
        cases.refresh({"k": open_one}, asked_at_step=cases.step)
        assert not _says(cases, _smoke())
        if told_by_notice:
            assert open_one.incident_id is not None
            cases.end(open_one.incident_id)
        else:
            cases.refresh({}, asked_at_step=cases.step)
        assert _says(cases, _smoke())


def test_a_finding_that_the_database_had_before_changes_nothing() -> None:
    open_one = OpenCase(incident_id=uuid4(), number=7)
    cases = OpenCases()
    cases.refresh({"k": open_one}, asked_at_step=cases.step)
    old = _smoke(CLEARED)
    cases.begin(old, changes=False)
    assert cases.get("k") == open_one
    cases.confirm(old)
    assert cases.get("k") == open_one


def test_where_memory_was_wrong_what_comes_next_goes_by_the_database() -> None:
    cases, first, cleared = OpenCases(), _smoke(), _smoke(CLEARED)
    cases.begin(first)
    cases.begin(cleared)
    real = OpenCase(incident_id=uuid4(), number=7)
    _commit(cases, first, real)
    assert cases.get("k") == msgspec.structs.replace(real, returned=True), "and the end is still to come"


@dataclass
class _Database:
    """What it would say, told one finding at a time."""

    open: dict[str, OpenCase] = field(default_factory=dict)
    called: set[UUID] = field(default_factory=set)

    def take(self, said: Finding) -> OpenCase | None:
        before = self.open.get(said.key)
        if said.kind is CLEARED:
            if before is not None:
                self.open[said.key] = msgspec.structs.replace(before, returned=True)
        elif before is None:
            self.called.add(said.finding_id)
            self.open[said.key] = OpenCase(incident_id=incident_id_of(said), number=len(self.called))
        else:
            if before.returned:
                self.called.add(said.finding_id)
            self.open[said.key] = msgspec.structs.replace(before, returned=False)
        return self.open.get(said.key)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["raise", "raise", "clear", "commit", "commit", "end", "hear", "ask", "answer"]),
        st.sampled_from("ab"),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_memory_calls_for_whatever_the_database_calls_for(actions: list[tuple[str, str]]) -> None:
    """Against a database that knows everything; asking it takes a while, and so does the notice of an end."""
    cases, database = OpenCases(), _Database()
    begun, asked, ended = list[Finding](), list[tuple[int, dict[str, OpenCase]]](), list[UUID]()
    told, in_doubt = set[UUID](), set[str]()
    for action, key in actions:
        if action in ("raise", "clear"):
            said = _smoke(RAISED if action == "raise" else CLEARED, key)
            begun.append(said)
            if _says(cases, said):
                told.add(said.finding_id)
            elif key in in_doubt:
                told.add(said.finding_id)  # of an end nobody could know yet: the commit tells
        elif action == "commit" and begun:
            said = begun.pop(0)
            _commit(cases, said, database.take(said))
        elif action == "end" and key in database.open:
            # What was begun before a person's end and is committed after it is the database's to tell.
            told |= {said.finding_id for said in begun if said.key == key}
            in_doubt.add(key)
            ended.append(database.open.pop(key).incident_id or uuid4())
        elif action == "hear" and ended:
            cases.end(ended.pop(0))
            if not ended:
                in_doubt.clear()
        elif action == "ask":
            asked.append((cases.step, dict(database.open)))
        elif action == "answer" and asked:
            step, truth = asked.pop(0)
            cases.refresh(truth, asked_at_step=step)
        assert database.called <= told
    for said in begun:
        _commit(cases, said, database.take(said))
    cases.refresh(database.open, asked_at_step=cases.step)
    assert cases.stored == database.open
    assert {key for key in "ab" if key in cases} == database.open.keys()


def test_a_press_long_after_somebody_took_the_alarm_is_a_call_and_the_next_one_is_not() -> None:
    cases, pressed = OpenCases(), press(at=NOW + SAME_CALL)
    taken = OpenCase(incident_id=uuid4(), number=7, acknowledged_at=NOW)
    cases.refresh({pressed.key: taken}, asked_at_step=cases.step)
    assert not is_call(press(at=NOW + SAME_CALL / 2), cases.get(pressed.key)), "while it was just being taken"
    assert _says(cases, pressed)
    assert not _says(cases, press(at=NOW + 2 * SAME_CALL)), "nobody has taken the new call yet"


def test_smoke_that_goes_on_after_somebody_took_it_is_no_call() -> None:
    smoke = finding("smoke_alarm", at=NOW + 10 * SAME_CALL)
    assert not is_call(smoke, OpenCase(incident_id=uuid4(), number=7, acknowledged_at=NOW))
