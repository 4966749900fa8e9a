from __future__ import annotations

from datetime import timedelta

from detectors.house import MOST_SITES, JournalWatch, ledger_differences, session_forgotten
from domain.finding import Category, FindingKind, Severity
from domain.ledger import LedgerDifference
from domain.vocabulary import HOUSE_RULES, RULE_WORDS
from tests.unit.detectors.sayings import START, at

HOUR = START.replace(minute=0, second=0, microsecond=0)


def _said(watch: JournalWatch, *fills: float) -> list[tuple[str, str]]:
    return [
        (found.kind.value, found.severity.value)
        for second, fill in enumerate(fills)
        for found in watch.look(fill, 10, at(second))
    ]


def _quiet() -> JournalWatch:
    """A watch that knows that nothing is raised."""
    watch = JournalWatch("bulk")
    watch.look(0.0, 0, START)
    return watch


def test_journal_is_told_of_when_half_full_then_when_nearly_full_and_is_over_when_nearly_empty() -> None:
    assert _said(_quiet(), 0.1, 0.49, 0.5, 0.7, 0.89, 0.9, 1.0, 0.5, 0.2, 0.19, 0.0) == [
        ("raised", "major"),
        ("raised", "critical"),
        ("cleared", "major"),
        ("cleared", "critical"),
    ]


def test_journal_that_swings_around_a_bound_is_told_of_once() -> None:
    assert _said(_quiet(), 0.51, 0.49, 0.52, 0.21, 0.6) == [("raised", "major")]
    assert _said(_quiet(), 0.6, 0.1, 0.6) == [("raised", "major"), ("cleared", "major"), ("raised", "major")]


def test_what_an_earlier_process_had_raised_is_ended_by_the_next_one() -> None:
    watch = JournalWatch("bulk")
    assert _said(watch, 0.4, 0.3, 0.1) == [("cleared", "major"), ("cleared", "critical")]
    assert _said(JournalWatch("bulk"), 0.6) == [("raised", "major")]


def test_levels_of_a_journal_are_troubles_of_their_own_and_no_danger_to_life() -> None:
    found = _quiet().look(0.95, 77, START)
    assert len({one.key for one in found}) == 2
    assert {(one.category, one.life_safety, one.site_no) for one in found} == {(Category.SYSTEM, False, 0)}
    assert found[0].detail == {"lane": "bulk", "fill_pct": 95, "messages": 77}


def test_forgotten_session_is_told_each_time_it_happens_and_once_for_one_time() -> None:
    first = session_forgotten("alarm", START)
    assert (first.kind, first.severity, first.life_safety) == (FindingKind.RAISED, Severity.MAJOR, False)
    assert first.finding_id == session_forgotten("alarm", START).finding_id
    assert first.finding_id != session_forgotten("alarm", at(1)).finding_id
    assert first.key != session_forgotten("bulk", START).key


def _difference(site_no: int = 1, *, hour: int = 0, received: int = 10, booked: int = 10) -> LedgerDifference:
    return LedgerDifference(
        hour=HOUR + timedelta(hours=hour),
        site_no=site_no,
        site_id=f"s{site_no:03}" if site_no else "",
        received=received,
        stored=8,
        rejected=1,
        duplicate=1,
        booked=booked,
        found=10,
    )


def test_difference_names_its_hour_site_and_numbers() -> None:
    (found,) = ledger_differences([_difference(3, received=15)], START)
    assert (found.rule, found.site_no, found.site_id, found.severity) == (
        "ledger_difference",
        3,
        "s003",
        Severity.MAJOR,
    )
    assert found.detail == {
        "hour": HOUR.isoformat(),
        "difference": 5,
        "received": 15,
        "stored": 8,
        "rejected": 1,
        "duplicate": 1,
    }


def test_rows_that_are_gone_are_told_by_their_numbers() -> None:
    (found,) = ledger_differences([_difference(0, booked=17)], START)
    assert found.detail == {"hour": HOUR.isoformat(), "rows_booked": 17, "rows_found": 10}
    assert (found.site_no, found.site_id) == (0, "")


def test_difference_is_one_finding_for_its_hour_and_site_however_it_grows() -> None:
    ids = {ledger_differences([_difference(1, received=n)], at(n))[0].finding_id for n in (11, 12, 50)}
    assert len(ids) == 1
    others = ledger_differences([_difference(1, hour=1, received=11), _difference(2, received=11)], START)
    assert len(ids | {one.finding_id for one in others}) == 3


def test_many_sites_of_one_hour_are_one_trouble_of_the_house() -> None:
    found = ledger_differences([_difference(n, received=11) for n in range(1, MOST_SITES + 2)], START)
    assert [(one.site_no, one.detail["sites"], one.detail["difference"]) for one in found] == [(0, 6, 6)]
    assert found[0].key != ledger_differences([_difference(0, received=11)], START)[0].key


def test_every_trouble_of_the_house_has_words_in_both_languages() -> None:
    for rule in HOUSE_RULES:
        assert all(RULE_WORDS[rule])
