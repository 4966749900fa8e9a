"""What holds for every rule that is written as a document, over random histories: restarts, batches, changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.engine import Engine
from detectors.rules.compiled import CompiledRule
from domain.device import RegisteredDevice
from domain.finding import Finding, FindingKind
from domain.observation import EventKind
from tests.unit.detectors import shipped
from tests.unit.detectors.documents import TEXTS, all_rules, document
from tests.unit.detectors.histories import HISTORIES, Batch, Kept, Lived, Writer, live, memory
from tests.unit.detectors.sayings import at, device, event, reading, state_report

#: The same histories each time: a rare one that is found by chance belongs to whoever looks for it (more examples,
#: without `derandomize`), and into a test of its own, not into somebody else's change.
THOROUGH = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(HISTORIES, st.data())
def test_a_restart_changes_nothing(steps: list[Any], data: st.DataObject) -> None:
    batches = Writer().write(steps)
    places = st.sets(st.integers(0, len(batches) - 1), max_size=4)
    before, after = data.draw(places, "dies before"), data.draw(places, "dies after")
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    often = live(batches, Kept(rules=all_rules), dies_before=before, dies_after=after, rules=all_rules)
    assert often.kept.states == never.kept.states
    assert often.found == never.found
    assert memory(often) == memory(never)


def test_what_holds_though_nothing_was_said_is_found_after_a_restart_before_the_first_tick() -> None:
    batches = Writer().write([("everybody says", 18.0), ("commit",), ("enrol", 0, 30), ("commit",)])
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    often = live(batches, Kept(rules=all_rules), dies_before={0, 1}, dies_after={0}, rules=all_rules)
    assert often.found == never.found
    assert any(one.rule == "not_tampered_in_class" for one in never.found)


def test_that_a_device_is_gone_is_no_look_at_its_site_before_its_time() -> None:
    """A restart says once more who is out of service."""
    steps: list[Any] = [("everybody says", 18.0), ("everybody says", 18.0), ("retire", 7)]
    steps += [("all but some say", set(), times) for times in (1, 2, 5)]
    steps += [("enrol", 0, 5), ("resumed",), ("everybody says", 18.0), ("pass", 29.5)]
    batches = Writer().write(steps)
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    often = live(batches, Kept(rules=all_rules), dies_after={18}, rules=all_rules)
    assert often.found == never.found
    assert any(one.rule == "gone" for one in never.found)


def test_nothing_begins_to_stand_of_a_device_that_is_gone_before_anybody_looked_at_it() -> None:
    steps: list[Any] = [("retire", 7), ("pass", 60.0), ("commit",), ("enrol", 7, 5), ("commit",), ("retire", 7)]
    batches = Writer().write(steps)
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    assert not [key for key in never.kept.states if key[1] == 8]
    for place in range(len(batches)):
        assert live(batches, Kept(rules=all_rules), dies_before={place}, rules=all_rules).found == never.found


@THOROUGH
@given(HISTORIES)
def test_replaying_a_history_gives_the_same_findings(steps: list[Any]) -> None:
    batches = Writer().write(steps)
    first, second = (live(batches, Kept(rules=all_rules), rules=all_rules) for _ in range(2))
    assert first.found == second.found


@THOROUGH
@given(HISTORIES)
def test_nothing_is_raised_twice_without_an_end_between(steps: list[Any]) -> None:
    batches = Writer().write(steps)
    standing: set[str] = set()
    for one in live(batches, Kept(rules=all_rules), rules=all_rules).found:
        if one.rule not in TEXTS and one.rule not in ("high_temperature", "temperature_rise", "low_battery"):
            continue
        if one.kind is FindingKind.RAISED:
            # An event inside a tree is told each time too, as `tamper` is.
            assert one.key not in standing or one.rule == "tree", one
            standing.add(one.key)
        elif one.kind is FindingKind.CLEARED:
            assert one.key in standing
            standing.discard(one.key)
        else:
            assert one.key in standing


_SAYING = st.tuples(
    st.sampled_from([0.0, 0.5, 3.0, 8.0, 21.0, 44.0, 61.0]),  # seconds since the one before
    st.integers(1, 4),
    st.sampled_from(["reading", "reading", "battery", "tamper", "whole", "open", "closed"]),
    st.sampled_from([10.0, 18.0, 20.0, 29.0, 39.0, 52.0]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_SAYING, max_size=25), st.data())
def test_it_makes_no_difference_how_messages_come_in_batches(sayings: list[Any], data: st.DataObject) -> None:
    """A batch is messages that are heard between two ticks, wherever these lie: the same is found, of the same time."""
    now_s, said = 0.0, list[tuple[float, Any]]()
    for gap_s, number, what, value in sayings:
        now_s += gap_s + 0.001
        said.append((now_s, _said(now_s, device(number), what, value)))
    found = []
    for _ in range(2):
        rules = [shipped.compiled(document(name)) for name in TEXTS if name != "gone"]
        engine, told = Engine(rules), list[Finding]()
        engine.enrol([device(number) for number in range(1, 5)], at(0))
        gaps = data.draw(st.lists(st.sampled_from([1.0, 2.5, 9.0]), min_size=1, max_size=8))
        tick_s, turn, waiting = 0.0, 0, list(said)
        while tick_s < now_s + 400.0:
            tick_s, turn = tick_s + gaps[turn % len(gaps)], turn + 1
            while waiting and waiting[0][0] <= tick_s:
                told.extend(engine.observe(waiting.pop(0)[1]))
            told.extend(engine.tick(at(tick_s)))
        found.append(sorted((one.rule, one.key, one.at, one.kind) for one in told if one.at < at(now_s + 380.0)))
    assert found[0] == found[1]


def _said(now_s: float, of: RegisteredDevice, what: str, value: float) -> Any:
    match what:
        case "reading":
            return reading(now_s, value, of=of)
        case "battery":
            return event(now_s, EventKind.LOW_BATTERY, value < 20, of=of, name=f"{now_s}")
        case "open" | "closed":
            return msgspec.structs.replace(state_report(now_s, of=of), state={"door": what})
        case _:
            return event(now_s, EventKind.TAMPER, what == "tamper", of=of, name=f"{now_s}")


@THOROUGH
@given(HISTORIES, st.sampled_from(sorted(TEXTS)), st.integers(0, 200), st.integers(0, 200))
def test_a_rule_that_is_changed_and_changed_back_at_once_is_as_it_was(
    steps: list[Any], name: str, place: int, another: int
) -> None:
    """Taking up what the old one remembers loses nothing: the same document twice, as two objects."""
    batches = Writer().write(steps)
    _changed_and_changed_back(batches, name, {place % len(batches), another % len(batches)})


def test_a_rule_that_is_changed_in_the_turn_in_which_it_forgot_a_device_forgets_it_in_the_database_too() -> None:
    steps: list[Any] = [("everybody says", 18.0), ("commit",), ("say", 1, "reading", 18.0), ("retire", 0)]
    steps += [("retire", 1), ("pass", 1.0), ("commit",), ("everybody says", 18.0)]
    batches = Writer().write(steps)
    for name in ("not_tampered_in_class", "cold", "falls"):
        _changed_and_changed_back(batches, name, {2})


def test_a_rule_that_is_changed_in_the_turn_in_which_a_site_is_well_again_writes_that_down() -> None:
    steps: list[Any] = [("everybody says", 18.0), ("commit",), ("all but some say", {9}, 5)]
    steps += [("everybody says", 18.0), *[("pass", 4.0)] * 3, ("commit",)]
    batches = Writer().write(steps)
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    (cleared_s,) = [one.at.timestamp() - at(0).timestamp() for one in never.found if one.key == "gone/s002"][1:]
    _changed_and_changed_back(batches, "gone", {next(no for no, one in enumerate(batches) if one.now_s >= cleared_s)})


def _changed_and_changed_back(batches: list[Batch], name: str, places: set[int]) -> None:
    """In the batches at ``places``, before they are committed."""
    never = live(batches, Kept(rules=all_rules), rules=all_rules)
    engine, kept, found = Engine(all_rules()), Kept(rules=all_rules), list[Finding]()
    for number, batch in enumerate(batches):
        for deed in batch.deeds:
            found.extend(deed(engine))
        if number in places:
            rules = dict(engine._rules)
            old = rules[name]
            assert isinstance(old, CompiledRule)
            rules[name] = new = CompiledRule(document(name), old._grounds, old._deafness, old._lives)
            old._deafness.concerned = [new if rule is old else rule for rule in old._deafness.concerned]
            _swap_turns(engine, old, new)
            engine.use(list(rules.values()), _at(batch))
        kept.commit(engine)
    assert found == never.found
    assert {key: state for key, state in kept.states.items() if key[0] in TEXTS} == {
        key: state for key, state in never.kept.states.items() if key[0] in TEXTS
    }
    assert memory(Lived(engine, kept, found)) == memory(never)


def _swap_turns(engine: Engine, old: Any, new: Any) -> None:
    (told,) = engine._rules["heartbeat_lost"].concerned  # type: ignore[attr-defined]
    wanting = told.__self__._wanting_turns
    told.__self__._wanting_turns = [new if rule is old else rule for rule in wanting]


def _at(batch: Batch) -> Any:
    return at(batch.now_s)


def test_all_of_them_are_set_off_by_such_histories() -> None:
    """The tests above would say nothing of a rule that never speaks."""
    spoke: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(HISTORIES)
    def look(steps: list[Any]) -> None:
        spoke.update(one.rule for one in live(Writer().write(steps), Kept(rules=all_rules), rules=all_rules).found)

    look()
    assert set(TEXTS) - set(spoke) <= {"rounds", "often_tampered"}, spoke  # which tests of their own set off
