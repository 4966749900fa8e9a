"""The form of a rule's document. Field by field it is told in docs/rules.md; `detectors.documents.schema` makes a JSON
Schema of it.

A condition is a mapping, and its *head* says which one it is: ``reading: temperature_c`` is a `Threshold`, ``event:
tamper`` an `EventStands`. ``all``, ``any`` and ``not`` hold conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from detectors.documents.words import Duration, MinuteOfDay, Name, Text, one_of
from domain.device import DeviceKind
from domain.finding import Category, Severity
from domain.metric import METRICS
from domain.observation import AlarmKind, EventKind
from domain.site import SiteKind

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
MetricName = Annotated[str, *one_of(METRICS)]
Pattern = Annotated[Text, Field(description="* stands for any text")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


# -- conditions -------------------------------------------------------------------------------------------------------


class Threshold(Part):
    """A measured value is above or below a bound, until it is back at ``clear``."""

    head: ClassVar[str] = "reading"

    reading: Annotated[MetricName, Field(description="the quantity, such as temperature_c")]
    unit: Annotated[Text, Field(description="its unit, as a check on what is meant")]
    above: Annotated[Number, Field(description="it holds from this value on")] | None = None
    below: Annotated[Number, Field(description="it holds from this value down")] | None = None
    clear: Annotated[Number, Field(description="it holds no more from here on back")]
    tell_again_by: (
        Annotated[Number, Field(gt=0, description="told anew when it is worse by more than so much")] | None
    ) = None


class Change(Part):
    """A measured value rises or falls fast, until it is slower than ``clear_per_min`` over the window."""

    head: ClassVar[str] = "change_of"

    change_of: Annotated[MetricName, Field(description="the quantity")]
    unit: Annotated[Text, Field(description="its unit, as a check on what is meant")]
    rises_per_min: Annotated[Number, Field(gt=0, description="so much a minute")] | None = None
    falls_per_min: Annotated[Number, Field(gt=0, description="so much a minute")] | None = None
    at_least: Annotated[Number, Field(ge=0, description="in all, within the window")]
    within: Annotated[Duration, Field(description="the window")]
    clear_per_min: Annotated[Number, Field(ge=0, description="slower than this it holds no more")]


class Battery(Part):
    """A battery is low: by its heartbeats, by readings of battery_pct, or because the device says so."""

    head: ClassVar[str] = "battery_below"

    battery_below: Annotated[Number, Field(description="it holds from this percentage down")]
    clear: Annotated[Number, Field(description="it holds no more from here on")]
    unit: Annotated[Text, Field(description="%")] = "%"


class EventStands(Part):
    """The device reported an event and has not reported its end."""

    head: ClassVar[str] = "event"

    event: Annotated[str, *one_of(EventKind), Field(description="what is reported")]


class Count(Part):
    """Events in a sliding window, or in a day of the district: so many or more, or fewer than so many."""

    head: ClassVar[str] = "count_of"

    count_of: Annotated[str, *one_of(EventKind), Field(description="what is counted")]
    at_least: Annotated[int, Field(strict=True, ge=1, le=1000, description="it holds with so many")] | None = None
    fewer_than: Annotated[int, Field(strict=True, ge=1, le=1000, description="it holds with fewer")] | None = None
    within: Annotated[Duration, Field(description="the window")] | None = None
    per: Annotated[Literal["day", "school_day"], Field(description="judged at midnight")] | None = None


class StateIs(Part):
    """A field of what the device last said about how it stands."""

    head: ClassVar[str] = "state"

    state: Annotated[Text, Field(description="the field, such as door")]
    value: Annotated[
        bool | int | float | str | list[bool | int | float | str],
        Field(alias="is", union_mode="left_to_right", description="the value, or a list of values"),
    ]


class Silent(Part):
    """The device is offline by its own fault, for so long already. Unknown is not offline."""

    head: ClassVar[str] = "offline_for"

    offline_for: Annotated[Duration, Field(description="since it counts as offline")]


class AlarmReported(Part):
    """The device reports an alarm. Only as a whole condition, or in ``all`` beside schedules."""

    head: ClassVar[str] = "alarm"

    alarm: Annotated[str, *one_of(AlarmKind), Field(description="what is reported")]
    unless: Annotated[
        dict[Text, bool | int | float | str],
        Field(description="not where the report's own detail says so, such as {armed: false}"),
    ] = {}


SCHEDULES = ("class_hours", "arrival", "leaving", "closed_hours", "night", "school_days")


class Schedule(Part):
    """It is such a time at the site, by its bells and the school calendar."""

    head: ClassVar[str] = "schedule"

    schedule: Annotated[str, *one_of(SCHEDULES), Field(description="which time")]


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Weekly(Part):
    """It is such a time of the week, by the district's clock."""

    head: ClassVar[str] = "weekly"

    weekly: Annotated[
        list[Annotated[str, *one_of(DAYS)]], Field(min_length=1, max_length=7, description="days of the week")
    ]
    since: Annotated[MinuteOfDay, Field(alias="from", description="from this time on")] = 0
    until: Annotated[MinuteOfDay, Field(alias="to", description="until this time; before `from`: of the next day")] = (
        24 * 60
    )


class HeartbeatsMissed(Part):
    """The device is silent for so many of its heartbeat intervals. The rule heartbeat_lost alone."""

    head: ClassVar[str] = "heartbeats_missed"
    rules: ClassVar[tuple[str, ...]] = ("heartbeat_lost",)

    heartbeats_missed: Annotated[int, Field(strict=True, ge=2, le=20, description="GB/T 28181: 3")]


class ClockOffBy(Part):
    """The device's clock is off from ours. The rule clock_off alone."""

    head: ClassVar[str] = "clock_off_by"
    rules: ClassVar[tuple[str, ...]] = ("clock_off",)

    clock_off_by: Annotated[Duration, Field(description="more than this raises")]
    clear: Annotated[Duration, Field(description="less than this clears")]


class Chattering(Part):
    """A device, or a site as a whole, is over its share of messages. The rules chattering_* alone."""

    head: ClassVar[str] = "over_its_share"
    rules: ClassVar[tuple[str, ...]] = ("chattering_device", "chattering_site")

    over_its_share: Annotated[Literal["device", "site"], Field(description="who")]
    clear_after: Annotated[Duration, Field(description="within its share for so long clears")]
    tell_again: Annotated[Duration, Field(description="told anew while it lasts")]


class SiteSilent(Part):
    """The larger part of a site is silent. The rule site_silent alone."""

    head: ClassVar[str] = "site_silent_for"
    rules: ClassVar[tuple[str, ...]] = ("site_silent",)

    site_silent_for: Annotated[Duration, Field(description="so long after it was found people are told")]
    least_devices: Annotated[int, Field(strict=True, ge=2, le=100, description="fewer are no silent site")]
    doubt_at_most: Annotated[Duration, Field(description="so long a lone silent device waits for the rest of its site")]


class AreaSilent(Part):
    """Several sites are silent by one cause. The rule area_silent alone."""

    head: ClassVar[str] = "sites_silent_within"
    rules: ClassVar[tuple[str, ...]] = ("area_silent",)

    sites_silent_within: Annotated[Duration, Field(description="of each other, they have one cause")]
    tell_again: Annotated[Duration, Field(description="which are back is told at most once in so long")]


class Often(Part):
    times: Annotated[int, Field(strict=True, ge=2, le=100, description="so often")]
    within: Annotated[Duration, Field(description="in so long")]


class ComesAndGoes(Part):
    """The same trouble is raised and over again and again. The rule flapping alone."""

    head: ClassVar[str] = "comes_and_goes"
    rules: ClassVar[tuple[str, ...]] = ("flapping",)

    comes_and_goes: Annotated[list[Often], Field(min_length=1, max_length=5, description="each of them is too often")]
    silences: Annotated[int, Field(strict=True, ge=2, le=100, description="a silence so often")]
    silence_intervals: Annotated[int, Field(strict=True, ge=1, le=1000, description="in so many heartbeat intervals")]
    calm: Annotated[Duration, Field(description="not again for so long ends it")]
    tell_again: Annotated[Duration, Field(description="told anew while it lasts")]


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Leaf: TypeAlias = (
    Threshold
    | Change
    | Battery
    | EventStands
    | Count
    | StateIs
    | Silent
    | AlarmReported
    | Schedule
    | Weekly
    | HeartbeatsMissed
    | ClockOffBy
    | Chattering
    | SiteSilent
    | AreaSilent
    | ComesAndGoes
)
Condition: TypeAlias = AllOf | AnyOf | Not | Leaf

#: Conditions that only code can work out: a rule of their own each, with their parameters.
Native: TypeAlias = HeartbeatsMissed | ClockOffBy | Chattering | SiteSilent | AreaSilent | ComesAndGoes
NATIVE = (HeartbeatsMissed, ClockOffBy, Chattering, SiteSilent, AreaSilent, ComesAndGoes)
TIMES = (Schedule, Weekly)

#: By their heads.
LEAVES: dict[str, type[Part]] = {
    leaf.head: leaf
    for leaf in (
        Threshold,
        Change,
        Battery,
        EventStands,
        Count,
        StateIs,
        Silent,
        AlarmReported,
        Schedule,
        Weekly,
        *NATIVE,
    )
}
BRANCHES = ("all", "any", "not")


# -- the document -----------------------------------------------------------------------------------------------------


class Words(Part):
    zh: Text
    en: Text


class Watch(Part):
    """What the rule watches: whatever fits each of the lists that are there. Nothing = all."""

    kinds: (
        Annotated[list[Annotated[str, *one_of(DeviceKind)]], Field(min_length=1, description="kinds of device")] | None
    ) = None
    sites: Annotated[list[Text], Field(min_length=1, description="site ids")] | None = None
    site_kinds: (
        Annotated[list[Annotated[str, *one_of(SiteKind)]], Field(min_length=1, description="kinds of school")] | None
    ) = None
    townships: Annotated[list[Text], Field(min_length=1, description="townships")] | None = None
    places: Annotated[list[Pattern], Field(min_length=1, description="places, by pattern")] | None = None
    names: Annotated[list[Pattern], Field(min_length=1, description="names of devices, by pattern")] | None = None
    devices: Annotated[list[Pattern], Field(min_length=1, description="site_id/device_id, by pattern")] | None = None


class Header(Part):
    """All but the condition."""

    rule: Annotated[Name, Field(description="its name: a-z, 0-9 and _")]
    title: Annotated[Words, Field(description="what people are told, in zh and en")]
    about: Annotated[Words, Field(description="why it is so, in zh and en")] | None = None
    category: Annotated[str, *one_of(Category), Field(description="what kind of trouble; decides who is told")]
    severity: Annotated[str, *one_of(Severity), Field(description="how grave")]
    life_safety: Annotated[bool, Field(strict=True, description="never held back, ended by a person only")] = False
    watch: Annotated[Watch, Field(description="what it watches")] = Watch()
    key: Annotated[Literal["device", "place", "site"], Field(description="what one trouble is about")] = "device"
    dwell: Annotated[Duration, Field(alias="for", description="so long it has to hold before it is raised")] = 0.0
    clear_dwell: Annotated[Duration, Field(alias="clear_for", description="so long not, before it is cleared")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDocument:
    """A document that was read. ``said`` is what was written, as JSON has it. ``enabled``: not part of the document,
    but of its version.
    """

    header: Header
    when: Condition
    said: dict[str, Any]
    enabled: bool = True

    @property
    def name(self) -> str:
        return self.header.rule


def leaves_of(condition: Condition) -> list[Leaf]:
    """All conditions that hold no others, in the order of the document."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return [leaf for part in parts for leaf in leaves_of(part)]
        case Not(part):
            return leaves_of(part)
        case _:
            return [condition]
