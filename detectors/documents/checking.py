"""What can never work, though its form is right: found before a rule is used, each with a reason.

A rule that can never hold is worse than none: people rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, TypeAlias

from detectors.documents.form import (
    NATIVE,
    TIMES,
    AlarmReported,
    AllOf,
    AnyOf,
    AreaSilent,
    Battery,
    Change,
    Chattering,
    ClockOffBy,
    ComesAndGoes,
    Condition,
    Count,
    EventStands,
    HeartbeatsMissed,
    Leaf,
    Not,
    RuleDocument,
    Schedule,
    Silent,
    SiteSilent,
    StateIs,
    Threshold,
    Weekly,
    leaves_of,
)
from detectors.documents.words import duration_text
from detectors.hours import Hours, moments
from domain.bells import BELLS
from domain.device import DeviceKind
from domain.finding import Category, Severity
from domain.metric import METRICS
from domain.observation import EventKind
from domain.vocabulary import RULE_WORDS

Way: TypeAlias = Sequence[str | int]
Fault: TypeAlias = tuple[Way, str]

_DAY_S = 86_400.0
#: The longest windows. Readings are remembered one by one, so theirs is short; silence cannot be looked up for longer
#: than heartbeats are kept (`storage.hypertables`: 8 days), events for longer than anybody waits for a rule.
MOST_CHANGE_S, MOST_COUNT_S, MOST_SILENT_S, MOST_DWELL_S = 3600.0, 31 * _DAY_S, 7 * _DAY_S, 7 * _DAY_S
#: Later than this nobody may be told that a site is silent: a quarter of an hour after it was found.
MOST_SITE_SILENT_S = 900.0
#: What only code can work out, and is about sites.
_OF_SITES = ("chattering_site", "site_silent", "area_silent")
LEAST_CHANGE_S = 10.0

_TALKERS = frozenset({DeviceKind.GATEWAY})
_ANY = frozenset(DeviceKind)
_DOORS = frozenset({DeviceKind.ACCESS_CONTROL, DeviceKind.INTRUSION_ZONE, DeviceKind.BARRIER})
_WARM = frozenset({DeviceKind.TEMPERATURE, DeviceKind.SMOKE, DeviceKind.GAS})
#: Who says what. What is not here may be said by anybody; a gateway speaks for whatever is wired to it.
SAYS: Final[Mapping[str, frozenset[DeviceKind]]] = {
    "temperature_c": _WARM | {DeviceKind.SWITCH, DeviceKind.RECORDER},
    "humidity_pct": _WARM,
    "smoke_obscuration_db_m": frozenset({DeviceKind.SMOKE}),
    "gas_lel_pct": frozenset({DeviceKind.GAS}),
    "co_ppm": frozenset({DeviceKind.GAS, DeviceKind.SMOKE}),
    "illuminance_lx": _WARM | _DOORS,
    "pressure_hpa": _WARM,
    EventKind.PATROL_CHECKED: frozenset({DeviceKind.PATROL_POINT}),
    EventKind.ACCESS_GRANTED: _DOORS,
    EventKind.ACCESS_DENIED: _DOORS,
    EventKind.DOOR_FORCED: _DOORS,
    EventKind.DOOR_HELD: _DOORS,
    EventKind.PICTURE_FAULT: frozenset({DeviceKind.CAMERA, DeviceKind.RECORDER}),
    EventKind.RECEIPT: _ANY,
}


def faults(document: RuleDocument, ways: Mapping[int, Way], *, ships: bool = False) -> list[Fault]:
    """All of them. ``ways``: how one gets to each condition, by its id; ``ships``: nothing that ships is above it."""
    found: list[Fault] = []
    for leaf in leaves_of(document.when):
        way = ways[id(leaf)]
        found += [((*way, field), what) for field, what in _of_leaf(leaf)]
        if (never := _never_said(leaf, document.header.watch.kinds)) is not None:
            found.append((way, never))
    for condition in _conditions(document.when):
        if isinstance(condition, AllOf):
            found += [(ways[id(condition)], what) for what in _never_together(condition, document.header.key)]
    found += _of_place(document, ways)
    if not found:
        found += _of_dwell(document)
        found += _of_life_safety(document, ways)
        if not ships:
            found += _of_name(document)
    return found


def faults_of_disabling(document: RuleDocument) -> list[str]:
    if document.header.life_safety:
        return [f"{document.name}: a rule of life safety cannot be switched off"]
    if isinstance(document.when, NATIVE):
        return [f"{document.name}: cannot be switched off, for other parts rest on what it knows; tune it instead"]
    return []


def _conditions(condition: Condition) -> Iterator[Condition]:
    yield condition
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _conditions(part)
        case Not(part):
            yield from _conditions(part)
        case _:
            pass


# -- one condition ----------------------------------------------------------------------------------------------------


def _of_leaf(leaf: Leaf) -> Iterator[tuple[str, str]]:
    match leaf:
        case Threshold():
            yield from _of_threshold(leaf)
        case Change():
            yield from _of_change(leaf)
        case Battery():
            if leaf.unit != "%":
                yield "unit", f"expected %; got {leaf.unit}"
            if not 0.0 < leaf.battery_below < 100.0:
                yield "battery_below", f"expected more than 0 and less than 100 %; got {leaf.battery_below:g}"
            elif not leaf.battery_below < leaf.clear <= 100.0:
                yield "clear", f"expected more than battery_below ({leaf.battery_below:g}) and at most 100 %"
        case Count():
            yield from _of_count(leaf)
        case Silent():
            yield from _window("offline_for", leaf.offline_for, MOST_SILENT_S, least_s=1.0)
        case StateIs():
            if isinstance(leaf.value, list) and not leaf.value:
                yield "is", "expected at least one value"
        case Weekly():
            if leaf.since == leaf.until:
                yield "to", "expected another time than from: between them lies nothing"
        case HeartbeatsMissed():
            pass
        case ClockOffBy():
            if leaf.clear >= leaf.clock_off_by:
                yield "clear", f"expected less than clock_off_by ({duration_text(leaf.clock_off_by)})"
            if leaf.clear < 10.0:
                yield "clear", "expected at least 10s: less than 5s is what a message takes on its way"
        case Chattering():
            yield from _window("clear_after", leaf.clear_after, _DAY_S, least_s=10.0)
            yield from _window("tell_again", leaf.tell_again, _DAY_S, least_s=10.0)
        case SiteSilent():
            yield from _within("site_silent_for", leaf.site_silent_for, 0.0, MOST_SITE_SILENT_S)
            yield from _within("doubt_at_most", leaf.doubt_at_most, 30.0, MOST_SITE_SILENT_S)
        case AreaSilent():
            yield from _within("sites_silent_within", leaf.sites_silent_within, 30.0, 3600.0)
            yield from _within("tell_again", leaf.tell_again, 10.0, _DAY_S)
        case ComesAndGoes():
            for often in leaf.comes_and_goes:
                yield from _within("comes_and_goes", often.within, 1.0, _DAY_S)
            yield from _within("calm", leaf.calm, 60.0, _DAY_S)
            yield from _within("tell_again", leaf.tell_again, 10.0, _DAY_S)
        case _:
            pass


def _of_threshold(leaf: Threshold) -> Iterator[tuple[str, str]]:
    metric = METRICS[leaf.reading]
    yield from _unit(leaf.reading, leaf.unit)
    if (leaf.above is None) == (leaf.below is None):
        yield "above", "expected one of above and below"
        return
    field, bound = ("above", leaf.above) if leaf.above is not None else ("below", leaf.below)
    assert bound is not None
    if not metric.low <= bound <= metric.high:
        yield field, f"can never hold: {metric.name} lies between {metric.low:g} and {metric.high:g} {metric.unit}"
    elif bound == (metric.low if leaf.above is not None else metric.high):
        yield field, f"holds always: {metric.name} lies between {metric.low:g} and {metric.high:g} {metric.unit}"
    if not metric.low <= leaf.clear <= metric.high:
        yield "clear", f"can never be reached: {metric.name} lies between {metric.low:g} and {metric.high:g}"
    elif leaf.above is not None and leaf.clear >= leaf.above:
        yield "clear", f"expected less than above ({leaf.above:g}): the hysteresis is the wrong way round"
    elif leaf.below is not None and leaf.clear <= leaf.below:
        yield "clear", f"expected more than below ({leaf.below:g}): the hysteresis is the wrong way round"


def _of_change(leaf: Change) -> Iterator[tuple[str, str]]:
    metric = METRICS[leaf.change_of]
    yield from _unit(leaf.change_of, leaf.unit)
    yield from _window("within", leaf.within, MOST_CHANGE_S, least_s=LEAST_CHANGE_S)
    if (leaf.rises_per_min is None) == (leaf.falls_per_min is None):
        yield "rises_per_min", "expected one of rises_per_min and falls_per_min"
        return
    rate = leaf.rises_per_min or leaf.falls_per_min or 0.0
    if leaf.clear_per_min >= rate:
        yield "clear_per_min", f"expected less than {rate:g}: the hysteresis is the wrong way round"
    if leaf.at_least > metric.high - metric.low:
        yield "at_least", f"can never hold: {metric.name} spans {metric.high - metric.low:g} {metric.unit}"


def _of_count(leaf: Count) -> Iterator[tuple[str, str]]:
    if (leaf.at_least is None) == (leaf.fewer_than is None):
        yield "at_least", "expected one of at_least and fewer_than"
    if (leaf.within is None) == (leaf.per is None):
        yield "within", "expected one of within and per"
    if leaf.per is not None and leaf.at_least is not None:
        yield "per", "expected within: at_least is told at once, not at midnight"
    if leaf.within is not None:
        yield from _window("within", leaf.within, MOST_COUNT_S, least_s=1.0)


def _window(field: str, seconds: float, most_s: float, *, least_s: float) -> Iterator[tuple[str, str]]:
    if seconds < least_s:
        yield field, f"expected at least {duration_text(least_s)}; got {duration_text(seconds)}"
    elif seconds > most_s:
        yield field, f"expected at most {duration_text(most_s)}: what is older is not kept for it"


def _within(field: str, seconds: float, least_s: float, most_s: float) -> Iterator[tuple[str, str]]:
    if not least_s <= seconds <= most_s:
        between = f"from {duration_text(least_s)} to {duration_text(most_s)}"
        yield field, f"expected {between}; got {duration_text(seconds)}"


def _unit(name: str, unit: str) -> Iterator[tuple[str, str]]:
    if unit != METRICS[name].unit:
        yield "unit", f"expected {METRICS[name].unit}, the unit of {name}; got {unit}"


def _never_said(leaf: Leaf, kinds: Iterable[str] | None) -> str | None:
    """None of the watched kinds of device ever says this."""
    if kinds is None:
        return None
    match leaf:
        case Threshold(reading=word) | Change(change_of=word) | EventStands(event=word) | Count(count_of=word):
            speakers = SAYS.get(word, _ANY) | _TALKERS
        case _:
            return None
    if any(DeviceKind(kind) in speakers for kind in kinds):
        return None
    who = ", ".join(sorted(kind.value for kind in speakers))
    return f"can never hold: {word} is said by {who}, not by {', '.join(kinds)}"


# -- several together -------------------------------------------------------------------------------------------------


def _never_together(condition: AllOf, key: str) -> Iterator[str]:
    parts = condition.parts
    for part in parts:
        if Not(part) in parts:
            yield "can never hold: it wants a condition and its opposite"
            return
    if key == "device":
        yield from _bounds_that_exclude(parts)
        states = [part for part in parts if isinstance(part, StateIs)]
        for place, one in enumerate(states):
            for other in states[place + 1 :]:
                if one.state == other.state and not any(value in _values(other) for value in _values(one)):
                    yield f"can never hold: {one.state} cannot be {_values(one)} and {_values(other)} at once"
    times = [part for part in parts if isinstance(part, TIMES)]
    opposite = [part.part for part in parts if isinstance(part, Not) and isinstance(part.part, TIMES)]
    if len(times) + len(opposite) > 1 and not _some_moment(times, opposite):
        yield "can never hold: there is no such time, at no kind of school"


def _bounds_that_exclude(parts: Sequence[Condition]) -> Iterator[str]:
    for metric in METRICS:
        of_metric = [part for part in parts if isinstance(part, Threshold) and part.reading == metric]
        # While one of them still holds on its way back, the other may begin: so it is the clear values that count.
        lowest = [part.clear for part in of_metric if part.above is not None]
        highest = [part.clear for part in of_metric if part.below is not None]
        if lowest and highest and max(lowest) >= min(highest):
            yield f"can never hold: {metric} would have to be above {max(lowest):g} and below {min(highest):g} at once"


def _values(state: StateIs) -> list[object]:
    return list(state.value) if isinstance(state.value, list) else [state.value]


def _some_moment(times: Sequence[Schedule | Weekly], opposite: Sequence[Schedule | Weekly]) -> bool:
    """Whether there is a quarter of an hour of two weeks and a holiday at which all of ``times`` hold, somewhere."""
    first = date(2026, 9, 21)  # school days, a made-up day, a weekend, a public holiday
    days = [first + timedelta(days=number) for number in range(18)]
    return any(
        all(one.holds(at) for one in wanted) and not any(one.holds(at) for one in unwanted)
        for bells in BELLS.values()
        for wanted, unwanted in (([Hours(one, bells) for one in times], [Hours(one, bells) for one in opposite]),)
        for day in days
        for at in moments(day)
    )


def _of_place(document: RuleDocument, ways: Mapping[int, Way]) -> Iterator[Fault]:
    """Conditions that stand only in certain places."""
    when, leaves = document.when, leaves_of(document.when)
    for leaf in leaves:
        if isinstance(leaf, NATIVE):
            if leaf is not when:
                yield ways[id(leaf)], f"{leaf.head} stands alone, not inside all, any or not"
            elif document.name not in leaf.rules:
                yield ("rule",), f"{leaf.head} belongs to {' and '.join(leaf.rules)}; expected that name"
            elif isinstance(leaf, Chattering) and document.name != f"chattering_{leaf.over_its_share}":
                yield (*ways[id(leaf)], "over_its_share"), f"expected {document.name.removeprefix('chattering_')}"
        elif isinstance(leaf, AlarmReported):
            beside = when.parts if isinstance(when, AllOf) else (when,)
            fits = all(
                part is leaf or isinstance(part.part if isinstance(part, Not) else part, TIMES) for part in beside
            )
            if leaf not in beside or not fits:
                yield ways[id(leaf)], "an alarm is the whole condition, or stands in all beside schedules"
            elif document.header.key != "device":
                yield ("key",), "expected device: each device's alarm is told by itself"
    if all(isinstance(leaf, TIMES) for leaf in leaves):
        yield ("when",), "expected something that is watched beside the time"
    if isinstance(when, NATIVE):
        header = document.header
        if header.watch.model_fields_set:
            yield ("watch",), f"expected none: {when.head} watches all devices"
        if header.key != ("site" if document.name in _OF_SITES else "device"):
            yield ("key",), "expected the key that ships"
        if header.dwell or header.clear_dwell:
            yield ("for",), f"expected none: {when.head} has times of its own"
        if header.life_safety:
            yield ("life_safety",), f"expected false: {when.head} is no danger to life"
        if isinstance(when, ComesAndGoes) and (header.category, header.severity) != (Category.DEVICE, Severity.MINOR):
            yield ("severity",), "expected what ships: it is told as grave, and to whom, as the trouble itself"


def _of_dwell(document: RuleDocument) -> Iterator[Fault]:
    header = document.header
    for field, dwell_s in (("for", header.dwell), ("clear_for", header.clear_dwell)):
        if dwell_s > MOST_DWELL_S:
            yield (field,), f"expected at most {duration_text(MOST_DWELL_S)}"
    if any(isinstance(leaf, AlarmReported) for leaf in leaves_of(document.when)):
        if header.dwell or header.clear_dwell:
            yield ("for",), "expected none: a reported alarm is told at once"
        return
    match document.when:
        case Count(at_least=int(), within=float() as window_s) | Change(within=window_s):
            if header.dwell >= window_s:
                yield ("for",), f"can never hold so long: the window is {duration_text(window_s)}"
        case _:
            pass


def _of_life_safety(document: RuleDocument, ways: Mapping[int, Way]) -> Iterator[Fault]:
    header = document.header
    if not header.life_safety:
        return
    if header.dwell:
        yield ("for",), "expected none: life safety does not wait"
    for leaf in leaves_of(document.when):
        if isinstance(leaf, TIMES):
            yield ways[id(leaf)], "life safety has no schedule: it holds at any time"
    if header.severity != Severity.CRITICAL:
        yield ("severity",), "expected critical: life safety is nothing less"
    if header.category not in (Category.PANIC, Category.FIRE, Category.INTRUSION):
        yield ("category",), "expected panic, fire or intrusion: otherwise nobody would be called"
    alarm = document.when
    if isinstance(alarm, AlarmReported):
        if header.watch.model_fields_set:
            yield ("watch",), "expected none: an alarm of life safety is heard from any device"
        if alarm.unless:
            yield ("when", "unless"), "expected none: an alarm of life safety is always told"


def _of_name(document: RuleDocument) -> Iterator[Fault]:
    from detectors.documents.shipped import shipped

    known = shipped().get(document.name)
    if known is None:
        if document.name in RULE_WORDS:
            yield ("rule",), f"{document.name} is a name that the program uses itself; expected another"
        return
    if known.header.life_safety:
        yield from _of_shipped_life_safety(document, known)
    if isinstance(known.when, NATIVE) and type(known.when) is not type(document.when):
        yield ("when",), f"expected {known.when.head}: other parts rest on what {document.name} knows"
    alarms = [leaf for leaf in leaves_of(known.when) if isinstance(leaf, AlarmReported)]
    if alarms and [leaf.alarm for leaf in leaves_of(document.when) if isinstance(leaf, AlarmReported)] != [
        leaf.alarm for leaf in alarms
    ]:
        yield ("when",), f"expected alarm: {alarms[0].alarm}, which {document.name} ships with"


def _of_shipped_life_safety(document: RuleDocument, known: RuleDocument) -> Iterator[Fault]:
    """It may be tuned, and made to tell more; a quantity that it ships with is not left out, nor tied to another."""
    if not document.header.life_safety:
        yield ("life_safety",), f"expected true: {document.name} ships as a rule of life safety"
    when = document.when
    each = when.parts if isinstance(when, AnyOf) else (when,)
    for leaf in leaves_of(known.when):
        if isinstance(leaf, Threshold) and not any(
            isinstance(one, Threshold) and one.reading == leaf.reading and (one.above is None) == (leaf.above is None)
            for one in each
        ):
            side = "below" if leaf.above is None else "above"
            yield ("when",), f"expected {leaf.reading} {side} a bound, alone or in any: {document.name} ships with it"
