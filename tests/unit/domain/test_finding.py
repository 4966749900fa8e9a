from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.finding import Severity, finding_id

PARTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="|")), min_size=1, max_size=5)


@given(PARTS, PARTS)
def test_the_same_cause_has_the_same_id_and_another_cause_another(one: list[str], other: list[str]) -> None:
    assert (finding_id(*one) == finding_id(*other)) is ("|".join(one) == "|".join(other))


def test_ids_do_not_change_between_versions() -> None:
    """They stand in databases and at receivers: a new version that came to others would tell every alarm anew."""
    assert str(finding_id("one_key_alarm", "s001/s001-btn-01", "raised", "x")) == "0846dbff-c530-59da-b10f-38160b7bbaf2"


def test_the_worst_comes_first() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == ["critical", "major", "minor", "advice"]
