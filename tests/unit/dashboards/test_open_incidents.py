from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboards.open_incidents import OpenIncidents
from domain.finding import Severity
from domain.incident import IncidentState
from storage.wall import SLICES, IncidentMark
from tests.unit.dashboards.marks import mark

_MARKS = st.builds(
    mark,
    st.integers(1, 2 * SLICES),
    site_no=st.integers(0, 2),
    severity=st.sampled_from(Severity),
    state=st.sampled_from([state for state in IncidentState if state is not IncidentState.CLOSED]),
    version=st.integers(-(2**63), 2**63 - 1),
    raised_s=st.integers(0, 3),
    shelved=st.booleans(),
    aside=st.booleans(),
)


def _ids(*numbers: int) -> list[object]:
    return [mark(number).incident_id for number in numbers]


def test_the_queue_begins_with_the_unacknowledged_then_the_worst_then_the_newest() -> None:
    answered = mark(1, severity=Severity.CRITICAL, state=IncidentState.ACKNOWLEDGED)
    minor = mark(2, severity=Severity.MINOR, raised_s=90)
    older, newer = mark(3, severity=Severity.MAJOR, raised_s=1), mark(4, severity=Severity.MAJOR, raised_s=2)
    tied = mark(5, severity=Severity.MAJOR, raised_s=2)
    reset = mark(6, severity=Severity.CRITICAL, state=IncidentState.RESET)
    queue = OpenIncidents([answered, minor, older, newer, tied, reset]).head(10)
    assert queue == [m.incident_id for m in (tied, newer, older, minor, answered)]


def test_the_head_of_the_queue_is_bounded() -> None:
    flood = [mark(n, raised_s=n) for n in range(1, 300)]
    assert OpenIncidents(flood).head(200) == [m.incident_id for m in reversed(flood[-200:])]


def test_what_is_shelved_or_handled_under_another_is_not_in_the_queue() -> None:
    known = OpenIncidents([mark(1), mark(2, shelved=True, aside=True), mark(3, aside=True)])
    assert known.head(10) == _ids(1)
    assert known.at_sites()[1].open == 2


def test_an_acknowledgement_moves_an_incident_behind_those_that_wait() -> None:
    known = OpenIncidents([mark(1, severity=Severity.CRITICAL), mark(2)])
    assert known.put(mark(1, severity=Severity.CRITICAL, state=IncidentState.ACKNOWLEDGED, version=2))
    assert known.head(10) == _ids(2, 1)
    assert (known.at_sites()[1].open, known.at_sites()[1].unacknowledged) == (2, 1)


def test_only_what_changed_is_news() -> None:
    known = OpenIncidents([mark(1)])
    assert not known.put(mark(1))
    assert known.put(mark(1, version=2))
    assert known.put(mark(2))


def test_what_is_over_is_forgotten() -> None:
    known = OpenIncidents([mark(1), mark(2, site_no=2)])
    assert known.drop(mark(1).incident_id) == mark(1)
    assert known.drop(mark(1).incident_id) is None
    assert known.head(10) == _ids(2)
    assert list(known.at_sites()) == [2]


def test_slices_differ_where_something_is_new_changed_or_over() -> None:
    one, two, three = mark(1, version=11), mark(2, version=12), mark(3, version=13)
    known = OpenIncidents([one, two, three])
    assert known.differing({1: 11, 2: 12, 3: 13}) == []
    assert known.differing({1: 11, 2: 99, 4: 14}) == [2, 3, 4]
    assert known.in_slices([2, 3, 4]) == {two.incident_id, three.incident_id}


@given(st.lists(st.tuples(st.booleans(), _MARKS)))
def test_after_any_writes_it_is_as_if_the_rest_had_been_there_from_the_start(
    writes: list[tuple[bool, IncidentMark]],
) -> None:
    known, rest = OpenIncidents(), dict[object, IncidentMark]()
    for stays, written in writes:
        if stays:
            known.put(written)
            rest[written.incident_id] = written
        else:
            known.drop(written.incident_id)
            rest.pop(written.incident_id, None)
        known.at_sites()  # what it remembers of sites has to follow
    fresh = OpenIncidents(rest.values())
    assert len(known) == len(rest)
    assert known.head(1000) == fresh.head(1000)
    assert dict(known.at_sites()) == dict(fresh.at_sites())
    sums = dict.fromkeys(range(SLICES), 0)
    for one in rest.values():
        sums[one.number % SLICES] ^= one.version
    assert known.differing(sums) == []
    assert known.in_slices(range(SLICES)) == rest.keys()
