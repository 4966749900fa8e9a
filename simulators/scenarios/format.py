"""The format of a scenario, as pydantic models: what the reader holds a file to, and where its JSON Schema comes from.

The descriptions are part of the schema, and what a problem says was expected.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from domain.device import DeviceKind
from domain.duty import DutyRole
from domain.early_warning import WarningLevel
from domain.finding import Severity
from domain.maintenance import LONGEST_SHELVING, LONGEST_WINDOW, NEVER_HELD
from domain.metric import METRICS
from domain.observation import AlarmKind, EventKind
from domain.school_calendar import DayKind
from domain.target import Standing
from domain.target_words import CAUSE_WORDS
from domain.vocabulary import RULE_WORDS
from simulators.district import DISTRICT_SITES
from simulators.far_ends import LinkName, Mode, Person
from simulators.orders import MOST_TIMES
from simulators.scenarios.happening import CHANGES, DUTY, OPERATOR, HappeningKind
from simulators.scenarios.script import TESTED_S, Process, RegistryOp, ReportStep
from simulators.scenarios.wording import At, Duration, Limit, Offset, Scalar, Start, expected, one_of

RULES = tuple(RULE_WORDS)
LINKS = (LinkName.POLICE.value, LinkName.EDUCATION.value)
GUARD_ACTS = (
    RegistryOp.LEAVES,
    RegistryOp.RETURNS,
    RegistryOp.CERTIFICATE_ENDS,
    RegistryOp.CERTIFICATE_RENEWED,
    RegistryOp.CHECKS_IN,
)
BARRIER_ACTS = (RegistryOp.REMOVED, RegistryOp.INSTALLED, RegistryOp.PASSES, RegistryOp.FAILS, RegistryOp.LAPSES)
#: Those that ship; what they ask for is data (docs/targets.md).
TARGETS = ("guard_staffing", "closed_campus", "networking", "guard_posts")
MOST_STEPS = 5000
LONGEST_S = 31 * 86_400.0
LONGEST_TESTED_S = 400 * 86_400.0

Text = Annotated[str, Field(strict=True, max_length=1000)]
Identifier = Annotated[str, Field(strict=True, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
Flag = Annotated[bool, Field(strict=True)]
Celsius = Annotated[float, Field(strict=True, ge=-60, le=600)]
Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
Rule = Annotated[str, *one_of(RULES)]

Site = Annotated[Identifier, Field(description="a site such as s001")]
Device = Annotated[Identifier, Field(description="a device such as s001-smk-14")]
LinkId = Annotated[str, *one_of(LINKS)]
Test = Annotated[Flag, Field(description="whether it is marked as a test (测试)")]
Drill = Annotated[Flag, Field(description="whether it is marked as a drill (演练)")]


class Part(BaseModel):
    """A mapping of a scenario. ``shorthand`` names the field that a single word stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    shorthand: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, value: Any) -> Any:
        if not cls.shorthand:
            return value
        if value is None:
            return {}
        return {cls._meant(value): value} if isinstance(value, str) else value

    @classmethod
    def _meant(cls, word: str) -> str:
        return cls.shorthand

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        short = cls._short_schema()
        return schema if short is None else {"anyOf": [schema, short]}

    @classmethod
    def _short_schema(cls) -> JsonSchemaValue | None:
        """Of what may stand there instead of the mapping."""
        if not cls.shorthand:
            return None
        return {"type": ["string", "null"], "description": f"a {cls.shorthand}, or nothing for the usual one"}


class Words(Part):
    """A text in Chinese and English."""

    zh: Text
    en: Text

    @model_validator(mode="before")
    @classmethod
    def _one_for_both(cls, value: Any) -> Any:
        return {"zh": value, "en": value} if isinstance(value, str) else value

    @classmethod
    def _short_schema(cls) -> JsonSchemaValue:
        return {"type": "string", "maxLength": 1000, "description": "the same in both languages"}


# -- actions ----------------------------------------------------------------------------------------------------------


class Target(Part):
    """Whom an action is for. Without a ``device`` it is the site's first one that fits, without a site s001."""

    shorthand = "device"

    site: Site | None = None
    device: Device | None = None

    @classmethod
    def _meant(cls, word: str) -> str:
        return "device" if "-" in word else "site"


class Press(Target):
    """Somebody presses a one-key alarm (一键报警)."""

    test: Test = False
    drill: Drill = False
    links: Annotated[list[LinkId], Field(description="of a drill: only these links hear of it")] | None = None

    @model_validator(mode="after")
    def _of_a_drill(self) -> Self:
        if self.links is not None and not self.drill:
            raise expected("links only with drill: true; a real alarm goes to all of them")
        return self


class Ignite(Press):
    """A fire at a smoke detector: it alarms, smoke rises, and the temperature sensor of the same place gets hot."""

    to: Annotated[Celsius, Field(description="°C at the end")] = 180.0
    over: Annotated[Duration, Field(description="how long it takes to get so hot")] = 120.0


class Extinguish(Target):
    """Fires are out: the smoke alarms of the site, or of the device, end; sensors cool down in two minutes."""


class Heat(Target):
    """A temperature sensor gets warmer and stays so, without smoke."""

    to: Annotated[Celsius, Field(description="°C at the end")] = 85.0
    over: Annotated[Duration, Field(description="how long it takes to get so warm")] = 120.0


class Drift(Target):
    """The readings of a temperature sensor go wrong little by little."""

    to: Annotated[Celsius, Field(description="°C that it shows at the end")]
    over: Annotated[Duration, Field(description="how long it takes to get so wrong")]


class Cut(Target):
    """A device, a site or all sites of a township fall silent, as after a power cut."""

    township: Annotated[Text, Field(min_length=1, description="a township such as 锦河街道 or Jinhe")] | None = None


class Restore(Cut):
    """They speak again, and whatever burned or drifted is as before."""


class Alarm(Press):
    """A device reports an alarm, or with ``active: false`` its end."""

    kind: Annotated[str, *one_of(AlarmKind), Field(description="what is reported")]
    active: Annotated[Flag, Field(description="false: it is over")] = True


class Event(Target):
    """A device reports an event, or with ``active: false`` its end."""

    kind: Annotated[str, *one_of(EventKind), Field(description="what is reported")]
    active: Annotated[Flag, Field(description="false: it is over")] = True


class State(Target):
    """A device reports how it stands."""

    state: Annotated[dict[str, Any], Field(min_length=1, description="fields such as {door: open}")]


class Reading(Target):
    """A device says once what it measures. Without a ``device`` it is the site's first one that measures it."""

    metric: Annotated[str, *one_of(METRICS), Field(description="what is measured")]
    value: Annotated[float, Field(strict=True, description="how much, in the unit of the metric")]
    unit: Annotated[str, *one_of(dict.fromkeys(one.unit for one in METRICS.values())), Field(description="its unit")]

    @field_validator("value")
    @classmethod
    def _plausible(cls, value: float, info: ValidationInfo) -> float:
        metric = METRICS.get(info.data.get("metric", ""))
        if metric is not None and not metric.low <= value <= metric.high:
            raise expected(f"{metric.low:g} to {metric.high:g} {metric.unit}; beyond that no sensor is believed")
        return value

    @field_validator("unit")
    @classmethod
    def _its_own(cls, unit: str, info: ValidationInfo) -> str:
        metric = METRICS.get(info.data.get("metric", ""))
        if metric is not None and unit != metric.unit:
            raise expected(f"{metric.unit}, the unit of {metric.name}", [metric.unit])
        return unit


class Repeat(Target):
    """What the device reported last is sent again, byte for byte."""

    times: Annotated[int, Field(strict=True, ge=1, le=MOST_TIMES, description="how often")]
    over: Annotated[Duration, Field(description="in how long a time")]


class Clock(Target):
    """The device's clock is off from now on."""

    off: Annotated[Offset, Field(description="how far it is ahead, such as 90s, or behind, such as -2h; 0s = right")]


class Battery(Target):
    """The device's battery stands so from now on."""

    percent: Annotated[Percent, Field(description="how full it is, 0 to 100")]


class Link(Part):
    """The far end behaves so from now on, or for so long."""

    link: Annotated[str, *one_of(LinkName), Field(description="which far end")]
    mode: Annotated[str, *one_of(Mode), Field(description="how it behaves")]
    seconds: Annotated[float, Field(strict=True, ge=0, le=3600, description="how long slow and hang take")] = 5.0
    person: Annotated[str, *one_of(Person), Field(description="what the person there does with an alarm")] = "silent"
    person_after: Annotated[
        float, Field(strict=True, ge=0, le=3600, description="so many seconds after its receipt")
    ] = 20.0
    lasts: Duration | None = Field(default=None, alias="for", description="then it is well again")


class Guard(Part):
    """Something about a guard changes in the registry. Without ``guard`` it is the site's first one."""

    site: Site | None = None
    guard: Annotated[Identifier, Field(description="a guard such as s001-g01")] | None = None
    act: Annotated[str, *one_of(GUARD_ACTS), Field(description="what changes; leaves and certificate_ends: yesterday")]


class Barrier(Part):
    """Something about a hard barrier changes in the registry. Without ``barrier`` it is the one of the main gate."""

    site: Site | None = None
    barrier: Annotated[Identifier, Field(description="a barrier such as bar-1")] | None = None
    act: Annotated[
        str, *one_of(BARRIER_ACTS), Field(description="what changes; passes, fails and lapses are about its inspection")
    ]


class Post(Part):
    """Somebody reports who stands at a guard post (护学岗), or the guards stop reporting it, as they do on any other
    day. Without ``post`` it is the site's first one.
    """

    site: Site | None = None
    post: Annotated[Identifier, Field(description="a post such as post-1")] | None = None
    present: Annotated[int, Field(strict=True, ge=0, le=1000, description="how many stand there")] | None = None
    reported: Annotated[bool, Field(strict=True, description="false: nobody reports it from now on")] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.present is None) is (self.reported is None):
            raise expected("either present, how many stand there, or reported, whether the guards report it")
        return self


class Enrolment(Part):
    """The school has so many pupils from now on."""

    site: Site | None = None
    pupils: Annotated[int, Field(strict=True, ge=0, le=100_000, description="how many pupils")]
    boarders: Annotated[int, Field(strict=True, ge=0, le=100_000, description="how many of them board")] = 0


class Operate(Part):
    """An operator does it to the oldest incident of the rule that allows it, of this site and device or of any."""

    shorthand = "incident"

    incident: Annotated[Rule, Field(description="the incident's rule")]
    site: Site | None = None
    device: Device | None = None
    actor: Annotated[Text, Field(min_length=1, description="who does it")] = "值班员"
    note: Annotated[Text, Field(description="what is noted down with it")] = ""


class Maintenance(Part):
    """A maintenance window from now on: what it covers opens no incident, and what still stands at its end is raised
    then. Life safety goes through it.
    """

    site: Site | None = None
    device: Device | None = None
    rule: Annotated[Rule, Field(description="of this rule alone")] | None = None
    kind: Annotated[str, *one_of(DeviceKind), Field(description="of this kind of device alone")] | None = None
    lasts: Annotated[Duration, Field(alias="for", description="how long, at most 31d")]
    actor: Annotated[Text, Field(min_length=1, description="who does it")] = "值班员"
    reason: Annotated[Text, Field(min_length=1, description="why")] = "维护保养"

    @model_validator(mode="after")
    def _some_scope(self) -> Self:
        if not (self.site or self.device or self.rule or self.kind):
            raise expected("a site, a device, a rule or a kind of device")
        if self.rule in NEVER_HELD:
            raise expected(f"another rule: {self.rule} is life safety and is never held back")
        if self.lasts > LONGEST_WINDOW.total_seconds():
            raise expected(f"at most {LONGEST_WINDOW.days}d")
        return self


class OnRoster(Part):
    """Somebody on the roster, from now on or by the days of the calendar."""

    shorthand = "person"

    person: Annotated[Text, Field(min_length=1, description="a name")]
    role: Annotated[str, *one_of(DutyRole), Field(description="what for")] = "leader"
    site: Annotated[Site, Field(description="of this site; without it of the bureau")] | None = None
    days: Annotated[list[Annotated[str, *one_of(DayKind)]], Field(description="on these days of the calendar")] = []
    since: Limit | None = Field(default=None, alias="from", description="from when on; without it from now on")
    until: Annotated[Limit, Field(description="until when; without it beyond the end")] | None = None
    reachable: Annotated[Flag, Field(description="false: has no telephone")] = True


class Roster(Part):
    """The roster is this one from now on, and nothing else."""

    people: Annotated[list[OnRoster], Field(min_length=1, max_length=1000, description="who is on it")]


class Swap(Part):
    """Two people change shifts: for each the one that runs now or comes next."""

    first: Annotated[Text, Field(min_length=1, description="a name of the roster")]
    second: Annotated[Text, Field(min_length=1, description="another one")]


class StandIn(Part):
    """Somebody stands in for somebody else, or for everybody, for so long."""

    person: Annotated[Text, Field(min_length=1, description="a name of the roster")]
    instead_of: Annotated[Text, Field(description="for whom; without it for everybody on duty")] = ""
    lasts: Annotated[Duration, Field(alias="for", description="how long")]
    role: Annotated[str, *one_of(DutyRole), Field(description="what for")] = "leader"
    site: Annotated[Site, Field(description="of this site; without it of the bureau")] | None = None


class AnswerLink(Part):
    """Whoever was told answers by the link of his message."""

    incident: Annotated[Rule, Field(description="the incident's rule")]
    by: Annotated[Text, Field(min_length=1, description="who was told")]
    site: Site | None = None
    device: Device | None = None


class Reporting(Part):
    """Somebody reports the oldest incident of the rule up the line, or starts or waives its two-hour clock."""

    incident: Annotated[Rule, Field(description="the incident's rule")]
    does: Annotated[str, *one_of(ReportStep), Field(description="what is done")]
    actor: Annotated[Text, Field(min_length=1, description="who does it")] = "值班员"


class Issue(Part):
    """The bureau issues an early warning to all sites."""

    shorthand = "level"

    level: Annotated[str, *one_of(WarningLevel), Field(description="its colour")]
    lasts: Annotated[Duration, Field(alias="for", description="how long it is valid")] = 6 * 3600.0


class Shelve(Part):
    """An operator shelves the oldest incident of the rule for so long: out of the queue, and back by itself."""

    incident: Annotated[Rule, Field(description="the incident's rule")]
    site: Site | None = None
    device: Device | None = None
    lasts: Annotated[Duration, Field(alias="for", description="how long, at most 24h")]
    actor: Annotated[Text, Field(min_length=1, description="who does it")] = "值班员"
    reason: Annotated[Text, Field(min_length=1, description="why")] = "等待处理"

    @model_validator(mode="after")
    def _ends_soon(self) -> Self:
        if self.lasts > LONGEST_SHELVING.total_seconds():
            raise expected("at most 24h")
        return self


# -- what is wanted ---------------------------------------------------------------------------------------------------


class Want(Part):
    """Something that the control room shall do, in time. One of incident, change, receipt, notice, failure, target."""

    incident: Annotated[Rule, Field(description="an incident of this rule is opened")] | None = None
    change: Annotated[str, *one_of(CHANGES), Field(description="an incident goes on")] | None = None
    receipt: Annotated[str, *one_of(LINKS), Field(description="the link's receipt is here")] | None = None
    notice: Annotated[str, *one_of((DUTY,)), Field(description="the duty leader is told")] | None = None
    failure: (
        Annotated[str, *one_of((*LINKS, DUTY, OPERATOR)), Field(description="could not be told, or not do it")] | None
    ) = None
    target: Annotated[str, *one_of(TARGETS), Field(description="a site stands otherwise to this target")] | None = None
    standing: Annotated[str, *one_of(Standing), Field(description="how it stands to the target")] | None = None
    cause: Annotated[str, *one_of(CAUSE_WORDS), Field(description="what keeps it from the target")] | None = None
    proof: (
        Annotated[dict[str, Scalar], Field(min_length=1, max_length=20, description="fields of what was found")] | None
    ) = None
    of: Annotated[Rule, Field(description="the rule of the incident that it belongs to")] | None = None
    site: Site | None = None
    device: Device | None = None
    severity: Annotated[str, *one_of(Severity), Field(description="of the incident")] | None = None
    test: Test = False
    drill: Drill = False
    to: Annotated[Text, Field(min_length=1, description="who is told")] | None = None
    times: Annotated[int, Field(strict=True, ge=1, le=MOST_TIMES, description="how often")] = 1
    not_before: Annotated[Limit, Field(description="the earliest that is right")] | None = None
    by: Annotated[Limit, Field(description="the latest that is right: so long after the action, or a time of day")]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind.value for kind in HappeningKind if getattr(self, kind.value) is not None]
        if len(kinds) != 1:
            raise expected(
                f"one of {', '.join(HappeningKind)}" + (f"; here are {' and '.join(kinds)}" if kinds else "")
            )
        if self.target is None and (self.standing is not None or self.cause is not None):
            raise expected("standing and cause only with target")
        if self.target is not None and self.of is not None:
            raise expected("no of here: a target belongs to no incident")
        if self.proof is not None and not set(kinds) <= {"incident", "change", "target"}:
            raise expected("proof only with incident, change and target")
        if self.of is not None and self.incident is not None:
            raise expected("no of here: incident names the rule already")
        return self


#: What a quiet can be about.
MATTERS = tuple(dict.fromkeys((*HappeningKind, *CHANGES, *LINKS, DUTY, *RULES)))
Matter = Annotated[str, *one_of(MATTERS)]


class Quiet(Part):
    """Nothing happens but what was wanted, from the last action on."""

    until: Annotated[Limit, Field(description="until when: so long after the action, or a time of day")]
    only: list[Matter] = Field(default=[], description="what it is about, instead of everything")
    but: list[Matter] = Field(default=[], alias="except", description="what may happen all the same")
    site: Annotated[Site, Field(description="the one site that it is about")] | None = None


# -- the scenario -----------------------------------------------------------------------------------------------------


class Step(Part):
    """One action at a time, or one thing that is wanted after it."""

    at: Annotated[At, Field(description="when; without it at the same time as the step before")] | None = None

    press: Press | None = None
    ignite: Ignite | None = None
    extinguish: Extinguish | None = None
    heat: Heat | None = None
    drift: Drift | None = None
    cut: Cut | None = None
    restore: Restore | None = None
    alarm: Alarm | None = None
    event: Event | None = None
    state: State | None = None
    reading: Reading | None = None
    repeat: Repeat | None = None
    clock: Clock | None = None
    battery: Battery | None = None
    link: Link | None = None
    guard: Guard | None = None
    barrier: Barrier | None = None
    post: Post | None = None
    enrolment: Enrolment | None = None
    enable: Annotated[str, *one_of(TARGETS), Field(description="this target counts from now on")] | None = None
    disable: Annotated[str, *one_of(TARGETS), Field(description="this target counts no more")] | None = None
    acknowledge: Operate | None = None
    reset: Operate | None = None
    close: Operate | None = None
    maintenance: Maintenance | None = None
    shelve: Shelve | None = None
    report: Reporting | None = None
    warn: Issue | None = None
    read: Annotated[Site, Field(description="this site has read the newest early warning")] | None = None
    restart: Annotated[str, *one_of(Process), Field(description="this process dies and comes back")] | None = None
    database: Annotated[str, *one_of(("away", "back")), Field(description="the database goes or comes")] | None = None
    duty: Annotated[str, *one_of(("leader", "nobody")), Field(description="who is on duty")] | None = None
    roster: Roster | None = None
    swap: Swap | None = None
    stand_in: StandIn | None = None
    take: AnswerLink | None = None
    decline: AnswerLink | None = None
    want: Want | None = None
    quiet: Quiet | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        """«press:» with nothing behind it is an action; what it needs and is not there is missing."""
        if not isinstance(value, dict):
            return value
        return {key: {} if said is None and key != "at" else said for key, said in value.items()}

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        given = [name for name in sorted(self.model_fields_set) if name != "at"]
        if len(given) != 1:
            raise expected(f"one action, want or quiet a step; here {_listed(given)}")
        if self.at is not None and given[0] in ("want", "quiet"):
            raise expected(f"no at here: a {given[0]} begins with the action before it")
        return self


class Limits(Part):
    """What one device and one site may say in this scenario, instead of what the settings allow."""

    device_rate_per_s: Annotated[float, Field(strict=True, ge=0.1, le=100_000, description="of a device")] | None = None
    device_burst: Annotated[int, Field(strict=True, ge=10, le=10_000_000, description="its reserve")] | None = None
    site_rate_per_s: Annotated[float, Field(strict=True, ge=1, le=1_000_000, description="of a site")] | None = None
    site_burst: Annotated[int, Field(strict=True, ge=100, le=1_000_000_000, description="its reserve")] | None = None


class Header(Part):
    """What a scenario is about, and where and when it plays."""

    title: Annotated[Words, Field(description="what it is called, in zh and en")]
    about: Annotated[Words, Field(description="what happens and what it shows, in zh and en")]
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31, description="another seed, another district")] = 1
    sites: Annotated[int, Field(strict=True, ge=1, le=DISTRICT_SITES, description="the first so many sites")] = 1
    devices: Annotated[list[Device], Field(min_length=1, description="only these devices are there")] | None = None
    start: Annotated[Start, Field(description="when it begins, by China's clock")]
    lasts: Annotated[Duration, Field(description="how long it lasts, at most 31d")]
    supervised: Annotated[
        bool, Field(strict=True, description="links are sent heartbeats and test alarms; costs time in long scenarios")
    ] = False
    tested: Annotated[Duration, Field(description="so long ago each one-key alarm was tested")] = TESTED_S
    limits: Annotated[Limits, Field(description="what a device and a site may say, in this scenario")] = Limits()


class Scenario(Header):
    """A scenario: a short script of what happens in a district, and of what the control room shall make of it."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=MOST_STEPS, description="what happens, in its order")]


def _listed(names: list[str]) -> str:
    return f"are {', '.join(names)}" if names else "is none"
