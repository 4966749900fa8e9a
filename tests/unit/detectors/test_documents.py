"""Rules as documents: what is wrong is refused with a reason, all of it at once; what is right runs."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.documents import checking, form
from detectors.documents.reading import enabled, read_said, read_text
from detectors.documents.schema import schema
from detectors.documents.shipped import shipped, texts
from detectors.engine import Engine
from detectors.rules import bulk_rules
from detectors.rules.ruleset import alarm_documents
from domain.bells import BELLS
from domain.errors import RuleRefused
from domain.observation import AlarmKind, EventKind
from domain.vocabulary import RULE_WORDS
from storage.hypertables import RETENTION_DAYS
from tests.unit.detectors.sayings import at, device, event, heartbeat, reading, state_report

RIGHT: dict[str, Any] = {
    "rule": "try",
    "title": {"zh": "试", "en": "Try"},
    "category": "device",
    "severity": "minor",
    "when": {"reading": "temperature_c", "unit": "°C", "above": 40, "clear": 30},
}
HOT = RIGHT["when"]
LIFE = {"life_safety": True, "category": "fire", "severity": "critical"}


def refused(said: Any) -> str:
    with pytest.raises(RuleRefused) as error:
        read_said(said)
    return "\n".join(error.value.problems)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rule": "Try it"}, "rule: expected a name of a-z"),
        ({"rule": "ledger_difference"}, "a name that the program uses itself"),
        ({"severty": "minor"}, "severty: unknown; .*did you mean severity"),
        ({"severity": "bad"}, "severity: expected one of critical, major"),
        ({"title": {"zh": "试"}}, "title.en: missing"),
        ({"watch": {"kind": ["camera"]}}, "watch.kind: unknown; .*did you mean kinds"),
        ({"watch": {"kinds": ["cat"]}}, r"watch.kinds\[1\]: expected one of one_key_alarm"),
        ({"for": "soon"}, "for: expected a duration such as 90s"),
        ({"for": "8d"}, "for: expected at most 7d"),
        ({"when": None}, "when: expected a condition"),
        ({"when": {"above": 3}}, "when: expected one of all, any, not, reading"),
        ({"when": {**HOT, "event": "tamper"}}, "when: expected one condition; here are reading and event"),
        ({"when": {**HOT, "unit": "K"}}, "when.unit: expected °C, the unit of temperature_c; got K"),
        ({"when": {**HOT, "reading": "temperature"}}, "when.reading: expected one of .*did you mean temperature_c"),
        ({"when": {**HOT, "abov": 3}}, "when.abov: unknown"),
        ({"when": {**HOT, "above": "hot"}}, "when.above: expected a number; got hot"),
        ({"when": {**HOT, "above": 700}}, "when.above: can never hold: temperature_c lies between -60 and 600 °C"),
        ({"when": {**HOT, "above": -60, "clear": -60}}, "when.above: holds always"),
        ({"when": {**HOT, "clear": 40}}, "when.clear: expected less than above .*the wrong way round"),
        ({"when": {"reading": "temperature_c", "unit": "°C", "below": 3, "clear": 2}}, "the wrong way round"),
        ({"when": {**HOT, "below": 3}}, "when.above: expected one of above and below"),
        ({"when": {"reading": "temperature_c", "unit": "°C", "above": 40}}, "when.clear: missing"),
        ({"watch": {"kinds": ["camera"]}}, "when: can never hold: temperature_c is said by .*, not by camera"),
        ({"when": {"event": "patrol_checked"}, "watch": {"kinds": ["smoke"]}}, "can never hold: patrol_checked"),
        ({"when": {"count_of": "tamper", "at_least": 3, "within": "0s"}}, "when.within: expected at least 1s; got 0s"),
        ({"when": {"count_of": "tamper", "at_least": 3, "within": "40d"}}, "when.within: expected at most 31d"),
        ({"when": {"count_of": "tamper", "at_least": 3}}, "when.within: expected one of within and per"),
        ({"when": {"count_of": "tamper", "within": "1h"}}, "when.at_least: expected one of at_least and fewer_than"),
        ({"when": {"count_of": "tamper", "at_least": 3, "within": "1m"}, "for": "2m"}, "for: can never hold so long"),
        (
            {"when": {"change_of": "temperature_c", "unit": "°C", "rises_per_min": 5, "at_least": 5, "within": "2h",
                      "clear_per_min": 1}},
            "when.within: expected at most 1h",
        ),
        ({"when": {"offline_for": "9d"}}, "when.offline_for: expected at most 7d"),
        ({"when": {"battery_below": 30, "clear": 20}}, "when.clear: expected more than battery_below"),
        ({"when": {"all": []}}, "when.all: expected a list of conditions"),
        ({"when": {"all": [HOT, {"not": HOT}]}}, "when: can never hold: it wants a condition and its opposite"),
        (
            {"when": {"all": [HOT, {"reading": "temperature_c", "unit": "°C", "below": 10, "clear": 12}]}},
            "can never hold: temperature_c would have to be above 30 and below 12",
        ),
        (
            {"when": {"all": [{"state": "door", "is": "open"}, {"state": "door", "is": ["closed", "locked"]}]}},
            "can never hold: door cannot be",
        ),
        (
            {"when": {"all": [HOT, {"schedule": "class_hours"}, {"schedule": "night"}]}},
            "can never hold: there is no such time",
        ),
        (
            {"when": {"all": [HOT, {"schedule": "class_hours"}, {"weekly": ["mon"], "from": "03:00", "to": "04:00"}]}},
            "can never hold: there is no such time",
        ),
        ({"when": {"schedule": "night"}}, "when: expected something that is watched beside the time"),
        ({"when": {"weekly": ["mon"], "from": "08:00", "to": "08:00"}}, "between them lies nothing"),
        ({**LIFE, "for": "5s"}, "for: expected none: life safety does not wait"),
        ({**LIFE, "when": {"all": [HOT, {"schedule": "night"}]}}, "life safety has no schedule"),
        ({**LIFE, "severity": "minor"}, "severity: expected critical"),
        ({"life_safety": True, "severity": "critical"}, "category: expected panic, fire or intrusion"),
        ({"when": {"heartbeats_missed": 4}}, "rule: heartbeats_missed belongs to heartbeat_lost"),
        ({"when": {"any": [HOT, {"heartbeats_missed": 4}]}}, "heartbeats_missed stands alone"),
        ({"when": {"any": [HOT, {"alarm": "smoke"}]}}, "an alarm is the whole condition"),
        ({"when": {"all": [HOT, {"alarm": "smoke"}]}}, "an alarm is the whole condition"),
        ({"when": {"alarm": "intrusion"}, "for": "10s"}, "for: expected none: a reported alarm is told at once"),
        ({**LIFE, "rule": "high_temperature", "life_safety": False}, "life_safety: expected true"),
        ({**LIFE, "rule": "smoke_alarm"}, "when: expected alarm: smoke"),
        (
            {**LIFE, "rule": "smoke_alarm", "when": {"alarm": "smoke"}, "watch": {"sites": ["s001"]}},
            "watch: expected none: an alarm of life safety is heard from any device",
        ),
        ({"rule": "clock_off"}, "when: expected clock_off_by"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    assert re.search(reason, refused({**RIGHT, **change})), refused({**RIGHT, **change})


def test_a_right_one_is_taken() -> None:
    assert read_said(RIGHT).name == "try"


def test_all_faults_are_told_at_once_by_line() -> None:
    text = (
        "rule: try\ntitle: {zh: 试, en: Try}\ncategory: device\nseverity: awful\nwhen:\n  all:\n"
        "    - {reading: temperature_c, unit: K, above: 700, clear: 30}\n    - {event: tampr}\n"
    )
    with pytest.raises(RuleRefused) as error:
        read_text(text, "try.yaml")
    assert [problem.partition(": expected")[0] for problem in error.value.problems] == [
        "try.yaml:4: severity",
        "try.yaml:8: when.all[2].event",
    ]
    with pytest.raises(RuleRefused) as error:
        read_text(text.replace("awful", "minor").replace("tampr", "tamper"), "try.yaml")
    assert [problem.split(": ")[:2] for problem in error.value.problems] == [
        ["try.yaml:7", "when.all[1].above"],
        ["try.yaml:7", "when.all[1].unit"],
    ]


@pytest.mark.parametrize(
    "text", ["", "[", "rule: a\nrule: b\n", "x: &a 1\n", "--- 1\n--- 2\n", "when: !!python/x {}\n"]
)
def test_what_is_no_document_is_refused_too(text: str) -> None:
    with pytest.raises(RuleRefused):
        read_text(text, "x.yaml")


# -- what ships -------------------------------------------------------------------------------------------------------


def test_what_ships_is_named_as_its_file_and_has_words() -> None:
    assert set(shipped()) <= set(RULE_WORDS)
    for name, document in shipped().items():
        assert document.name == name
        title = document.header.title
        assert (title.zh, title.en) == RULE_WORDS[name]
        assert document.header.about is not None


def test_every_kind_of_alarm_has_a_rule_that_ships() -> None:
    kinds = [leaf.alarm for one in alarm_documents(shipped().values()) for leaf in form.leaves_of(one.when)
             if isinstance(leaf, form.AlarmReported)]  # fmt: skip
    assert sorted(kinds) == sorted(AlarmKind)


@pytest.mark.parametrize("name", sorted(texts()))
def test_what_ships_is_read_alike_from_text_and_from_what_is_kept(name: str) -> None:
    document = shipped()[name]
    jsonschema.Draft202012Validator(schema()).validate(document.said)
    assert read_said(document.said) == document


@pytest.mark.parametrize("name", ["one_key_alarm", "smoke_alarm", "high_temperature", "gas_concentration"])
def test_life_safety_cannot_be_switched_off(name: str) -> None:
    with pytest.raises(RuleRefused, match="cannot be switched off"):
        enabled(shipped()[name], False)


_LEL = {"reading": "gas_lel_pct", "unit": "%LEL", "above": 10, "clear": 5}
_CO = {"reading": "co_ppm", "unit": "ppm", "above": 100, "clear": 50}


def test_life_safety_that_ships_may_be_tuned_and_told_of_more() -> None:
    ships = shipped()["gas_concentration"].said
    more = {"event": "tamper"}
    read_said({**ships, "when": {"any": [_LEL, more, _CO]}})


@pytest.mark.parametrize(
    "when",
    [_LEL, {"all": [_LEL, _CO]}, {"offline_for": "7d"}, {"any": [_LEL, {"all": [_CO, {"event": "tamper"}]}]}],
)
def test_life_safety_that_ships_leaves_out_no_quantity(when: dict[str, object]) -> None:
    ships = shipped()["gas_concentration"].said
    with pytest.raises(RuleRefused, match="gas_concentration ships with it"):
        read_said({**ships, "when": when})


def test_what_others_rest_on_cannot_be_switched_off() -> None:
    with pytest.raises(RuleRefused, match="tune it instead"):
        enabled(shipped()["heartbeat_lost"], False)


def test_windows_are_no_longer_than_what_is_kept() -> None:
    day = 86_400.0
    assert RETENTION_DAYS["reading"] * day >= checking.MOST_CHANGE_S
    assert RETENTION_DAYS["event"] * day >= checking.MOST_COUNT_S
    assert RETENTION_DAYS["heartbeat"] * day >= checking.MOST_SILENT_S


def test_the_schema_refuses_an_unknown_field() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    assert not list(validator.iter_errors(RIGHT))
    assert list(validator.iter_errors({**RIGHT, "x": 1}))
    assert list(validator.iter_errors({**RIGHT, "when": {**HOT, "x": 1}}))


# -- random ones ------------------------------------------------------------------------------------------------------

_NUMBER = st.sampled_from([-100.0, 0.0, 4.0, 15.0, 20.0, 40.0, 57.0, 99.0, 1000.0])
_SPAN = st.sampled_from(["0s", "10s", "1m", "2h", "40d"])
_LEAF = st.one_of(
    st.fixed_dictionaries(
        {"reading": st.sampled_from(["temperature_c", "humidity_pct"]), "unit": st.sampled_from(["°C", "%RH"])},
        optional={"above": _NUMBER, "below": _NUMBER, "clear": _NUMBER, "tell_again_by": _NUMBER},
    ),
    st.fixed_dictionaries(
        {"change_of": st.just("temperature_c"), "unit": st.just("°C"), "at_least": _NUMBER, "within": _SPAN},
        optional={"rises_per_min": _NUMBER, "falls_per_min": _NUMBER, "clear_per_min": _NUMBER},
    ),
    st.fixed_dictionaries({"event": st.sampled_from(list(EventKind))}),
    st.fixed_dictionaries(
        {"count_of": st.sampled_from(["tamper", "low_battery"])},
        optional={"at_least": st.integers(0, 3), "fewer_than": st.integers(0, 3), "within": _SPAN,
                  "per": st.sampled_from(["day", "school_day"])},
    ),
    st.fixed_dictionaries({"state": st.just("door"), "is": st.sampled_from(["open", True, ["open", 1]])}),
    st.fixed_dictionaries({"offline_for": _SPAN}),
    st.fixed_dictionaries({"battery_below": _NUMBER, "clear": _NUMBER}),
    st.fixed_dictionaries({"schedule": st.sampled_from(form.SCHEDULES)}),
    st.fixed_dictionaries({"alarm": st.sampled_from(["smoke", "intrusion"])}),
)  # fmt: skip
_CONDITION = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=5,
)
_DOCUMENT = st.fixed_dictionaries(
    {
        "rule": st.just("try"),
        "title": st.just({"zh": "试", "en": "Try"}),
        "category": st.sampled_from(["device", "fire"]),
        "severity": st.sampled_from(["critical", "minor"]),
        "when": _CONDITION,
    },
    optional={
        "for": _SPAN,
        "clear_for": _SPAN,
        "key": st.sampled_from(["device", "place", "site"]),
        "life_safety": st.booleans(),
        "watch": st.fixed_dictionaries({}, optional={"kinds": st.lists(st.sampled_from(["temperature", "camera"]))}),
    },
)


@settings(max_examples=300, deadline=None)
@given(_DOCUMENT)
def test_a_random_rule_is_refused_with_a_reason_or_runs(said: dict[str, Any]) -> None:
    try:
        document = read_said(said)
    except RuleRefused as refusal:
        problems = refusal.problems
    else:
        _runs(document, said)
        return
    assert problems
    assert all(problems)


def _runs(document: form.RuleDocument, said: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema()).validate(said)
    engine = Engine(bulk_rules({**shipped(), "try": document}))
    engine.enrol([device(number) for number in range(1, 4)], at(0))
    for second in range(0, 200, 7):
        number = 1 + second % 3
        engine.observe(reading(second, 10.0 + second % 60, of=device(number)))
        engine.observe(event(second + 0.5, EventKind.TAMPER, second % 2 == 0, of=device(number)))
        engine.observe(heartbeat(second + 1, of=device(number), battery_pct=second % 30))
        engine.observe(state_report(second + 2, of=device(number)))
        engine.tick(at(second + 3))
        engine.changes()
    engine.tick(at(90_000))


def test_every_kind_of_school_has_hours() -> None:
    for bells in BELLS.values():
        assert bells.arrival < bells.lessons < bells.leaving <= bells.leaving_to
