"""Who is on duty: shifts, swaps, overrides, patterns of the calendar, in Shanghai and where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.duty import (
    BUREAU,
    DutyOverride,
    DutyPattern,
    DutyRequirement,
    DutyRole,
    DutyShift,
    DutySwap,
    Person,
    Source,
)
from domain.roster import Roster
from domain.school_calendar import DayKind

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LEADER, OFFICER = DutyRole.LEADER, DutyRole.OFFICER
PEOPLE = {
    number: Person(person_no=number, person_id=f"p{number}", name="王李张赵"[number - 1]) for number in range(1, 5)
}


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def shift(no: int, person: int, starts: str, ends: str, *, site: str = BUREAU, role: DutyRole = LEADER) -> DutyShift:
    return DutyShift(
        shift_no=no,
        leader=PEOPLE[person].name,
        site_id=site,
        contacts=(),
        language="zh",
        starts_at=at(starts),
        ends_at=at(ends),
        role=role,
        person_no=person,
    )


def pattern(
    person: int, *kinds: DayKind, starts: str = "08:00", ends: str = "20:00", no: int = 1, weekdays: str = "1234567"
) -> DutyPattern:
    return DutyPattern(
        pattern_no=no,
        site_id=BUREAU,
        role=LEADER,
        person_no=person,
        day_kinds=frozenset(kinds),
        weekdays=frozenset(int(day) for day in weekdays),
        starts=time.fromisoformat(starts),
        ends=time.fromisoformat(ends),
        first_day=date(2026, 1, 1),
        last_day=date(2026, 12, 31),
    )


def override(
    no: int, person: int, starts: str, ends: str, *, instead_of: int | None = None, role: DutyRole = LEADER
) -> DutyOverride:
    return DutyOverride(
        override_no=no,
        site_id=BUREAU,
        role=role,
        person_no=person,
        instead_of=instead_of,
        starts_at=at(starts),
        ends_at=at(ends),
    )


MORNING = shift(1, 1, "2026-03-10 08:00", "2026-03-10 16:00")
EVENING = shift(2, 2, "2026-03-10 16:00", "2026-03-11 00:00")
DAY = Roster(zone=SHANGHAI, people=PEOPLE, shifts=(EVENING, MORNING))


def names(
    roster: Roster, moment: str, *, site: str = BUREAU, role: DutyRole = LEADER, zone: ZoneInfo = SHANGHAI
) -> str:
    return "".join(one.person.name for one in roster.who(at(moment, zone), site, role))


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-03-10 07:59:59", ""),
        ("2026-03-10 08:00", "王"),
        ("2026-03-10 15:59:59", "王"),
        ("2026-03-10 16:00", "李"),
        ("2026-03-10 23:59:59", "李"),
        ("2026-03-11 00:00", ""),
    ],
)
def test_a_shift_lasts_from_its_first_moment_to_just_before_its_last(moment: str, who: str) -> None:
    assert names(DAY, moment) == who


def test_another_site_and_another_role_are_another_roster() -> None:
    assert names(DAY, "2026-03-10 09:00", site="s001") == ""
    assert names(DAY, "2026-03-10 09:00", role=OFFICER) == ""


def test_shifts_that_overlap_put_both_on_duty_and_nobody_twice() -> None:
    late = shift(3, 3, "2026-03-10 12:00", "2026-03-10 18:00")
    twice = shift(4, 1, "2026-03-10 13:00", "2026-03-10 14:00")
    roster = replace(DAY, shifts=(late, twice, MORNING, EVENING))
    assert names(roster, "2026-03-10 13:30") == "王张"
    assert names(roster, "2026-03-10 17:00") == "张李"


def test_a_swap_gives_each_the_others_shift_whatever_day_it_is() -> None:
    next_week = shift(9, 3, "2026-03-17 08:00", "2026-03-17 16:00")
    roster = replace(DAY, shifts=(MORNING, EVENING, next_week), swaps=(DutySwap(swap_no=1, shift_no=1, other_no=9),))
    assert names(roster, "2026-03-10 09:00") == "张"
    assert names(roster, "2026-03-17 09:00") == "王"
    assert [one.source for one in roster.who(at("2026-03-10 09:00"), BUREAU, LEADER)] == [Source.SWAP]
    assert names(roster, "2026-03-10 17:00") == "李"


def test_a_swap_of_a_swap_goes_on_from_the_first_one_and_back_is_as_before() -> None:
    third = shift(3, 3, "2026-03-11 08:00", "2026-03-11 16:00")
    swaps = (DutySwap(swap_no=1, shift_no=1, other_no=2), DutySwap(swap_no=2, shift_no=1, other_no=3))
    roster = replace(DAY, shifts=(MORNING, EVENING, third), swaps=swaps[::-1])
    assert [names(roster, m) for m in ("2026-03-10 09:00", "2026-03-10 17:00", "2026-03-11 09:00")] == [
        "张",
        "王",
        "李",
    ]
    back = replace(
        DAY, swaps=(DutySwap(swap_no=1, shift_no=1, other_no=2), DutySwap(swap_no=2, shift_no=2, other_no=1))
    )
    assert names(back, "2026-03-10 09:00") == "王"


def test_an_override_stands_in_for_one_person_or_for_all() -> None:
    both = (MORNING, shift(3, 3, "2026-03-10 08:00", "2026-03-10 16:00"))
    one = replace(DAY, shifts=both, overrides=(override(1, 4, "2026-03-10 09:00", "2026-03-10 10:00", instead_of=1),))
    assert [names(one, f"2026-03-10 {t}") for t in ("08:59", "09:00", "10:00")] == ["王张", "张赵", "王张"]
    everybody = replace(DAY, shifts=both, overrides=(override(1, 4, "2026-03-10 09:00", "2026-03-10 10:00"),))
    assert names(everybody, "2026-03-10 09:30") == "赵"


def test_an_override_fills_a_gap_and_the_later_one_holds() -> None:
    roster = replace(
        DAY,
        overrides=(
            override(2, 3, "2026-03-11 00:00", "2026-03-11 08:00"),
            override(1, 4, "2026-03-11 00:00", "2026-03-11 08:00"),
        ),
    )
    assert names(roster, "2026-03-11 03:00") == "张"


def test_whoever_is_replaced_and_is_not_on_duty_is_replaced_by_nobody() -> None:
    roster = replace(DAY, overrides=(override(1, 4, "2026-03-10 08:00", "2026-03-11 00:00", instead_of=1),))
    assert names(roster, "2026-03-10 09:00") == "赵"
    assert names(roster, "2026-03-10 17:00") == "李"


def test_somebody_who_left_is_on_duty_no_more() -> None:
    assert names(replace(DAY, people={2: PEOPLE[2]}), "2026-03-10 09:00") == ""


def test_patterns_follow_the_calendar_with_its_holidays_and_made_up_days() -> None:
    roster = Roster(
        zone=SHANGHAI,
        people=PEOPLE,
        patterns=(
            pattern(1, DayKind.SCHOOL),
            pattern(2, DayKind.WEEKEND, no=2),
            pattern(3, DayKind.HOLIDAY, no=3),
            pattern(4, DayKind.VACATION, no=4),
        ),
    )
    days = {
        "2026-09-30": "王",  # a Wednesday
        "2026-10-01": "张",  # National Day
        "2026-10-10": "王",  # a Saturday that makes up for it
        "2026-10-17": "李",
        "2026-08-03": "赵",
    }
    assert {day: names(roster, f"{day} 12:00") for day in days} == days
    assert names(roster, "2026-09-30 20:00") == ""


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    roster = Roster(
        zone=SHANGHAI,
        people=PEOPLE,
        patterns=(pattern(1, DayKind.SCHOOL, starts="20:00", ends="08:00", weekdays="5"),),
    )
    # The night from Friday to Saturday, 2026-03-13 to 14.
    assert [names(roster, f"2026-03-{t}") for t in ("13 19:59", "13 20:00", "14 07:59", "14 08:00", "14 20:00")] == [
        *("", "王", "王", "", ""),
    ]


def test_a_written_shift_stands_before_the_pattern() -> None:
    roster = replace(DAY, patterns=(pattern(4, DayKind.SCHOOL, starts="00:00", ends="00:00"),))
    assert [names(roster, f"2026-03-10 {t}") for t in ("07:00", "09:00", "17:00")] == ["赵", "王", "李"]


def test_where_clocks_change_a_night_goes_by_the_clock_on_the_wall() -> None:
    every = tuple(DayKind)
    roster = Roster(zone=BERLIN, people=PEOPLE, patterns=(pattern(1, *every, starts="20:00", ends="08:00"),))
    for day in ("2026-03-29", "2026-10-25"):  # an hour is left out, an hour comes twice
        assert [names(roster, f"{day} {t}", zone=BERLIN) for t in ("07:59", "08:00", "19:59", "20:00")] == [
            *("王", "", "", "王"),
        ]
    night = (at("2026-03-28 20:00", BERLIN), at("2026-03-29 08:00", BERLIN))
    assert night[1] - night[0] == timedelta(hours=11)
    assert roster.gaps(BUREAU, LEADER, *night, ()) == []


def test_gaps_are_named_from_when_to_when() -> None:
    gaps = DAY.gaps(BUREAU, LEADER, at("2026-03-10 00:00"), at("2026-03-11 12:00"), ())
    assert [(gap.starts_at, gap.ends_at) for gap in gaps] == [
        (at("2026-03-10 00:00"), at("2026-03-10 08:00")),
        (at("2026-03-11 00:00"), at("2026-03-11 12:00")),
    ]


def test_gaps_are_those_of_the_required_time() -> None:
    required = DutyRequirement(
        site_id=BUREAU, role=LEADER, day_kinds=frozenset({DayKind.SCHOOL}), starts=time(7), ends=time(9)
    )
    gaps = DAY.gaps(BUREAU, LEADER, at("2026-03-10 00:00"), at("2026-03-11 00:00"), (required,))
    assert [(gap.starts_at, gap.ends_at) for gap in gaps] == [(at("2026-03-10 07:00"), at("2026-03-10 08:00"))]


@given(
    st.lists(st.tuples(st.integers(0, 96), st.integers(1, 48), st.integers(1, 4)), max_size=8),
    st.integers(0, 96),
)
def test_whenever_nobody_is_on_duty_there_is_a_gap_and_only_then(
    spans: list[tuple[int, int, int]], quarter: int
) -> None:
    start = at("2026-03-10 00:00")
    shifts = tuple(
        replace(
            MORNING,
            shift_no=number,
            person_no=person,
            starts_at=start + timedelta(minutes=15 * begin),
            ends_at=start + timedelta(minutes=15 * (begin + length)),
        )
        for number, (begin, length, person) in enumerate(spans, start=1)
    )
    roster = replace(DAY, shifts=shifts)
    moment = start + timedelta(minutes=15 * quarter)
    gaps = roster.gaps(BUREAU, LEADER, start, start + timedelta(days=2), ())
    assert bool(roster.who(moment, BUREAU, LEADER)) is not any(gap.starts_at <= moment < gap.ends_at for gap in gaps)


def test_the_part_of_one_site_and_role_says_of_it_what_the_whole_says() -> None:
    shifts = (
        shift(1, 1, "2026-10-12 08:00", "2026-10-12 20:00", site="s001"),
        shift(2, 2, "2026-10-12 08:00", "2026-10-12 20:00", site="s002"),
        shift(3, 3, "2026-10-13 08:00", "2026-10-13 20:00", site="s002"),
        shift(4, 4, "2026-10-12 08:00", "2026-10-12 20:00", site="s002", role=OFFICER),
    )
    swaps = (DutySwap(swap_no=1, shift_no=1, other_no=3), DutySwap(swap_no=2, shift_no=2, other_no=4))
    override = DutyOverride(
        override_no=1,
        site_id="s002",
        role=OFFICER,
        person_no=1,
        instead_of=2,
        starts_at=at("2026-10-12 10:00"),
        ends_at=at("2026-10-12 12:00"),
    )
    whole = Roster(
        zone=SHANGHAI,
        people=PEOPLE,
        shifts=shifts,
        swaps=swaps,
        overrides=(override,),
        patterns=(pattern(4, *DayKind, starts="20:00", ends="23:00"),),
    )
    posts = [("s001", LEADER), ("s002", LEADER), ("s002", OFFICER), (BUREAU, LEADER), ("s003", LEADER)]
    since, until = at("2026-10-12 00:00"), at("2026-10-14 00:00")
    told = list(whole.parts(posts))
    assert [(site_id, role) for site_id, role, _ in told] == posts
    for site_id, role, part in told:
        for hour in range(48):
            moment = since + timedelta(hours=hour)
            assert part.who(moment, site_id, role) == whole.who(moment, site_id, role)
        assert part.gaps(site_id, role, since, until, []) == whole.gaps(site_id, role, since, until, [])
