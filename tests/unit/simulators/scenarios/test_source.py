"""What YAML becomes, and what of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.scenarios.source import MOST_BYTES, Unreadable, parse, read_text


def plain(text: str) -> object:
    return parse(text, "f")[0].plain()


def refused(text: str) -> tuple[int, str]:
    with pytest.raises(Unreadable) as error:
        parse(text, "f")
    [problem] = error.value.problems
    return problem.line, problem.expected


def test_words_that_old_yaml_took_for_something_else_stay_text() -> None:
    assert plain("{a: 21:50:00, b: on, c: no, d: 2026-03-10 21:40, e: 1_000, f: 0x1F, g: .inf, h: 1e999}") == {
        "a": "21:50:00",
        "b": "on",
        "c": "no",
        "d": "2026-03-10 21:40",
        "e": "1_000",
        "f": "0x1F",
        "g": ".inf",
        "h": "1e999",
    }


def test_numbers_truth_and_nothing_are_what_they_are_and_in_quotes_they_are_text() -> None:
    assert plain("{a: 3, b: -1.5, c: true, d: null, e: , f: '3', g: \"true\"}") == {
        "a": 3,
        "b": -1.5,
        "c": True,
        "d": None,
        "e": None,
        "f": "3",
        "g": "true",
    }


def test_each_part_knows_its_line() -> None:
    root, _ = parse("a: 1\nsteps:\n  - at: x\n    press:\n      device: y\n", "f")
    assert root.line_of(("a",)) == 1
    assert root.line_of(("steps", 0)) == 3
    assert root.line_of(("steps", 0, "press")) == 4
    assert root.line_of(("steps", 0, "press", "device")) == 5


def test_what_is_not_there_has_the_line_of_what_should_hold_it() -> None:
    root, _ = parse("a: 1\nsteps:\n  - press:\n      device: y\n", "f")
    assert root.line_of(("steps", 0, "press", "site")) == 3
    assert root.line_of(("steps", 7)) == 2


def test_a_key_that_is_there_twice_is_told_with_the_line_of_the_first() -> None:
    root, problems = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert [(problem.line, problem.field, problem.expected) for problem in problems] == [
        (2, "b.c", "expected once; it is on line 2 already"),
        (3, "a", "expected once; it is on line 1 already"),
    ]
    assert root.plain() == {"a": 1, "b": {"c": 1}}


def test_a_yaml_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    )
    assert refused(bomb) == (1, "no anchors here: remove &a")


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a: 1\nb: *a\n", 2, "no aliases here: write out what *a stands for"),
        ("a: 1\nb: !!python/object x\n", 2, "no tags here: remove tag:yaml.org,2002:python/object"),
        ("a: 1\n---\nb: 2\n", 2, "expected one document; remove the line ---"),
        ("a: 1\n? [b]\n: 2\n", 2, "expected a word before the colon"),
        ("a: 1\nb: " + "[" * 40, 2, "expected at most 12 levels"),
        ("", 1, "expected a scenario; the file is empty"),
        ("# nothing\n", 1, "expected a scenario; the file is empty"),
    ],
)
def test_what_a_scenario_needs_none_of_is_refused(text: str, line: int, expected: str) -> None:
    assert refused(text) == (line, expected)


def test_what_is_no_yaml_is_told_by_the_line_where_it_ends_being_any() -> None:
    line, expected = refused("a: 1\nb: {c: 1\nd: 2\n")
    assert (line, expected.startswith("expected YAML: ")) == (3, True)


def test_a_file_of_fifty_megabytes_is_refused_after_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(Unreadable, match="at most 200 kB; this file is larger"):
        read_text(path)


def test_what_has_no_size_and_no_end_is_read_no_further_either() -> None:
    with pytest.raises(Unreadable, match="at most 200 kB"):
        read_text(Path("/dev/zero"))


def test_the_largest_text_that_is_allowed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("#" * (MOST_BYTES - 5) + "\na: 1", "ascii")
    assert parse(read_text(path), "f")[0].plain() == {"a": 1}


def test_a_text_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    assert refused("#" * (MOST_BYTES + 1)) == (1, "expected a scenario of at most 200 kB")


def test_a_file_that_is_no_text_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "gbk.yaml"
    path.write_bytes(b"a: 1\nb: 1\n" + "title: 火灾".encode("gbk"))
    with pytest.raises(Unreadable) as error:
        read_text(path)
    assert (error.value.problems[0].line, error.value.problems[0].expected) == (3, "expected text in UTF-8")


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file or directory"):
        read_text(tmp_path / "none.yaml")
