"""The timeline in a terminal: aligned, with days, and not longer than can be read."""

from __future__ import annotations

from simulators.alarm_lines import Language
from simulators.far_ends import Mode
from simulators.scenarios.happening import CHANGES, Happening, HappeningKind
from simulators.scenarios.judge import judge
from simulators.scenarios.telling import Telling, aligned, width
from tests.unit.simulators.scenarios.texts import HEAD, at_s, script_of


def incidents(*devices: str, since: str = "21:50", every_s: float = 1.0) -> list[Happening]:
    return [
        Happening(
            at_s=at_s(since) + number * every_s,
            kind=HappeningKind.INCIDENT,
            what="heartbeat_lost",
            rule="heartbeat_lost",
            site="s001",
            device=device,
            severity="minor",
        )
        for number, device in enumerate(devices)
    ]


def test_chinese_characters_take_two_columns() -> None:
    assert [width(text) for text in ("", "abc", "火灾", "火灾 · 1")] == [0, 3, 4, 8]
    assert aligned([("火灾", "x"), ("a", "y")]) == ["火灾  x", "a     y"]


def test_columns_stand_below_each_other_in_both_languages() -> None:
    script = script_of("  - at: 21:50\n    press: s001-btn-01\n  - cut: s002\n")
    for language in Language:
        lines = judge(script, incidents("s001-btn-01", "s001-cam-01"), language=language).timeline.splitlines()
        places = {width(line[: line.index("s00")]) for line in lines[1:]}
        assert len(places) == 1


def test_each_day_stands_above_its_lines() -> None:
    script = script_of("  - at: 23:59:59\n    press:\n  - at: +2s\n    press:\n", HEAD.replace("30m", "4h"))
    lines = judge(script, []).timeline.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["2026-03-10", "2026-03-11"]


def test_many_that_tell_the_same_are_told_as_one_between_two_actions() -> None:
    script = script_of("  - at: 21:50\n    cut: s001\n  - at: 21:53\n    restore: s001\n")
    devices = [f"s001-cam-{number:02d}" for number in range(1, 61)]
    lines = judge(script, incidents(*devices), language=Language.EN).timeline.splitlines()
    assert [line[3:15] for line in lines[1:]] == ["21:50:00.000", "21:50:00.000", "21:50:01.000", "21:53:00.000"]
    assert "s001-cam-01" in lines[2]
    assert lines[3].endswith("… 59 more until 21:50:59.000")


def test_a_few_that_tell_the_same_are_all_there() -> None:
    script = script_of("  - at: 21:50\n    cut: s001\n")
    assert len(judge(script, incidents(*["s001-cam-01"] * 4)).timeline.splitlines()) == 1 + 1 + 4
    assert len(judge(script, incidents(*["s001-cam-01"] * 5)).timeline.splitlines()) == 1 + 1 + 2


def test_an_excerpt_leaves_out_its_middle_and_the_whole_does_not() -> None:
    presses = "".join(f"  - at: +1s\n    press: s001-btn-0{1 + number % 2}\n" for number in range(79))
    found = judge(script_of("  - press:\n  - want: {notice: duty, by: 2m}\n" + presses), [], language=Language.EN)
    assert len(found.timeline.splitlines()) == 1 + 80 + 1
    [failure] = found.failures
    lines = failure.timeline.splitlines()
    assert len(lines) == 1 + 30 + 1 + 1 + 30
    assert lines[31] == "   … 21 more lines …"
    assert (lines[30].split()[0], lines[33].split()[0]) == ("21:40:29.000", "21:40:51.000")
    assert lines[-1].split()[1] == "?"


def test_what_an_action_does_to_a_device_stands_beside_it() -> None:
    script = script_of("""\
  - ignite: {device: s001-smk-21, to: 200, over: 90s, drill: true}
  - repeat: {device: s001-btn-01, times: 20, over: 10s}
  - clock: {device: s001-btn-02, off: -2h}
  - clock: {device: s001-btn-02, off: 90s}
  - clock: {device: s001-btn-02, off: 0s}
  - battery: {device: s001-smk-03, percent: 14}
  - state: {device: s001-door-01, state: {door: open, locked: 1}}
  - alarm: {kind: intrusion, device: s001-zone-01, active: false, test: true}
  - link: {link: police, mode: hang, seconds: 60}
  - acknowledge: {incident: tamper, site: s002, actor: 张三, note: 误报}
  - restart: bulk
  - duty: nobody
  - database: away
  - database: back
""")
    lines = judge(script, [], language=Language.EN).timeline.splitlines()[1:]
    told = [" ".join(line.split()[2:]).rpartition(" (line")[0] for line in lines]
    assert told == [
        "ignite [DRILL] s001-smk-21 宿舍二层走廊烟感 → 200 °C, over 1m30s",
        "repeat s001-btn-01 门卫室一键报警 20 times, over 10s",
        "clock s001-btn-02 校长室一键报警 -2h",
        "clock s001-btn-02 校长室一键报警 +1m30s",
        "clock s001-btn-02 校长室一键报警 +0s",
        "battery s001-smk-03 食堂储藏室烟感 14 %",
        "state s001-door-01 正门门禁 door=open, locked=1",
        "alarm [TEST] intrusion (over) s001-zone-01 东围墙入侵防区",
        "link police hang 1m",
        f"acknowledge Tamper s002 {script.district.sites[1].name_en} 张三 “误报”",
        "restart bulk",
        "duty leader nobody",
        "database away",
        "database back",
    ]


def test_how_a_link_behaves_is_told_in_chinese() -> None:
    script = script_of("".join(f"  - link: {{link: police, mode: {mode}}}\n" for mode in Mode))
    lines = judge(script, []).timeline.splitlines()[1:]
    assert len(lines) == len(Mode)
    assert not [line for line in lines for mode in Mode if f" {mode} " in line]


def test_the_button_that_is_pressed_is_named_where_the_file_names_none() -> None:
    [_, line] = judge(script_of("  - press:\n"), []).timeline.splitlines()
    assert "s001-btn-01 门卫室一键报警" in line


def test_every_word_that_can_be_told_is_there_in_both_languages() -> None:
    script = script_of("  - press:\n")
    for language in Language:
        telling = Telling(script.district, language)
        for word in (*CHANGES, *HappeningKind, "police", "education", "phone", "duty", "operator"):
            assert telling.word(word) != word or language is Language.EN
