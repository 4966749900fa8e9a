"""Which links hear of a drill."""

from __future__ import annotations

import pytest

from alerting.policy import links_told

BOTH = ("police", "education")


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({}, ["education"]),
        ({"links": ["police"]}, ["police"]),
        ({"links": []}, []),
        ({"links": ["nobody"]}, []),
        ({"links": "police"}, ["education"]),
    ],
)
def test_a_drill_says_who_hears_of_it_or_else_the_settings_do(detail: dict[str, object], told: list[str]) -> None:
    assert links_told(BOTH, ("education",), drill=True, detail=detail) == told


def test_what_is_no_drill_is_told_to_all_whatever_it_says() -> None:
    assert links_told(BOTH, (), drill=False, detail={"links": []}) == list(BOTH)
