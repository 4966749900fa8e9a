"""The JSON of the API as pydantic models: what comes in is checked by them, what goes out is documented by them.

What goes out is made of the msgspec structs of `storage` and `dashboards.wall`, serialised as they are; the tests hold
both to each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from dashboards.wall import TileState
from domain.delivery import DeliveryChannel, DeliveryState, Notice
from domain.device import DeviceKind
from domain.early_warning import WarningLevel
from domain.finding import Category, Severity
from domain.incident import IncidentState
from domain.maintenance import HeldState
from domain.observation import AlarmKind
from domain.quarantine import Reason
from domain.report import ClockState, ReportKind
from domain.site import SiteKind
from domain.verification import Verification
from storage.wall import LinkCondition

Item = TypeVar("Item")

_AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not hold NUL characters")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Actor = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_storable),
    Field(description="Who does it, as it will stand in the timeline.", examples=["值班员 张伟"]),
]
Workstation = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=64),
    AfterValidator(_storable),
    Field(description="Where the person sits; the client's address is written down by itself.", examples=["席位 3"]),
]
Reasoned = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_storable)
]
SiteId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", description="Site.", examples=["s001"])]
DeviceId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Device.", examples=["s001-btn-01"])]
IncidentId = Annotated[UUID, Path(description="Incident.")]


class Reply(BaseModel):
    """Anything we send: exactly the documented fields."""

    model_config = ConfigDict(extra="forbid")


class PageReply(Reply, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="For `?cursor=`; null on the last page.")


class WorstReply(Reply):
    incident_id: UUID
    category: Category
    severity: Severity


class SiteTileReply(Reply):
    """One site on the wall."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": "s001",
                    "name": "前黄实验学校",
                    "name_en": "Qianhuang Experimental School",
                    "township": "前黄镇",
                    "kind": "nine_year",
                    "state": "alarm",
                    "worst": {
                        "incident_id": "0198f3a4-6f2e-7d7a-9c39-0d4cf5b8f001",
                        "category": "panic",
                        "severity": "critical",
                    },
                    "open": 2,
                    "unacknowledged": 1,
                    "devices": 108,
                    "online": 105,
                    "offline": 1,
                    "unknown": 2,
                    "behind": 1,
                    "maintenance": 0,
                }
            ]
        },
    )

    site_id: str
    name: str
    name_en: str
    township: str
    kind: SiteKind
    state: TileState = Field(
        description="alarm: an open incident is critical; warning: major; fault: minor, or devices are offline;"
        " unknown: no device has proved alive yet; ok otherwise."
    )
    worst: WorstReply | None
    open: int
    unacknowledged: int
    devices: int
    online: int = Field(description="Devices that proved alive lately.")
    offline: int
    unknown: int = Field(description="Never heard, or behind something that is offline.")
    behind: int = Field(description="Of the unknown, those behind a dead device or silent with their whole site.")
    maintenance: int = Field(description="Maintenance windows in force at the site.")


class TotalsReply(Reply):
    sites: int
    devices: int
    online: int
    offline: int
    unknown: int
    open_incidents: int = Field(description="Also those that belong to no site.")
    unacknowledged: int
    aside: int = Field(description="Of the open ones, those handled under another, which are not in the queue.")


class LinkReply(Reply):
    link_id: str
    state: LinkCondition = Field(
        description="failing: its heartbeats are not answered, the newest delivery that came to an end failed, or one"
        " waits that was tried in vain; unknown: nothing was ever sent."
    )
    last_receipt_at: datetime | None
    queued: int


class IngestReply(Reply):
    messages_per_s: float = Field(description="Mean of the last 10 s.")
    last_received_at: datetime | None
    quarantined_1h: int


class LedgerSumsReply(Reply):
    """In observations. received = stored + rejected + duplicate + difference."""

    received: int
    stored: int
    rejected: int = Field(description="Put into quarantine, or over a limit.")
    duplicate: int = Field(description="Stored or quarantined before.")
    difference: int = Field(description="Received and not accounted for.")


class LedgerStatusReply(Reply):
    """The books at one glance."""

    day: LedgerSumsReply = Field(description="The last 24 hours, with the present one.")
    hour: LedgerSumsReply = Field(description="The present hour.")
    unaccounted: int = Field(description="Differences of the day without their sign, so that none hides another.")
    missing_rows: int = Field(description="Rows of the day by which ledger and tables differ, as the audit found.")
    audited_until: datetime | None = Field(description="The end of the newest hour that was audited.")
    spooled: dict[str, int] = Field(description="Messages in the journals by lane, as of each lane's newest commit.")


class JournalReply(Reply):
    """A lane's journal on this machine's disk."""

    lane: str
    at: datetime = Field(description="When the lane said so.")
    messages: int = Field(description="Acknowledged, and not in the database yet.")
    fill: float = Field(description="0 to 1 of what it may hold.")
    working: bool = Field(description="The lane said so just now; if not, it is not at work.")


class JournalDetailReply(JournalReply):
    """A lane's journal with what is in it."""

    size_bytes: int
    most_bytes: int
    sites: dict[str, int] = Field(description="Messages by the site that their topics name; empty: none.")


class JournalsReply(Reply):
    journals: list[JournalDetailReply]


class LedgerLineReply(LedgerSumsReply):
    """One site in one hour."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "hour": _AT.replace(minute=0).isoformat(),
                    "site_id": "s001",
                    "received": 13021,
                    "stored": 13004,
                    "rejected": 5,
                    "duplicate": 12,
                    "difference": 0,
                    "written": 17350,
                    "found": 17350,
                }
            ]
        },
    )

    hour: datetime = Field(description="Beginning of the hour in which the messages were received.")
    site_id: str = Field(description="Empty: no known site.")
    written: int | None = Field(description="Rows that tables got of it, as far as the audit counts them.")
    found: int | None = Field(description="Rows that the audit found; null: not audited yet, or of one lane alone.")


class LedgerReply(PageReply[LedgerLineReply]):
    """A page of the ledger; the totals are of all that was asked for."""

    totals: LedgerSumsReply


class WallReply(Reply):
    """The whole wall at one moment."""

    at: datetime
    sites: list[SiteTileReply]
    totals: TotalsReply
    links: list[LinkReply]
    ingest: IngestReply
    ledger: LedgerStatusReply
    journals: list[JournalReply] = Field(description="Of the lanes on this machine.")


class SiteReply(Reply):
    """A site and its tile of this moment."""

    site_id: str
    name: str
    name_en: str
    kind: SiteKind
    township: str
    address: str
    longitude: float | None = Field(description="Degrees, WGS 84.")
    latitude: float | None = Field(description="Degrees, WGS 84.")
    contact_name: str
    contact_phone: str
    pupils: int | None = Field(description="Enrolment; null: nobody said.")
    boarders: int = Field(description="Of the pupils, those who live there.")
    key_site: bool = Field(description="Key site of counter-terrorism (反恐重点单位).")
    tile: SiteTileReply


class ReadingReply(Reply):
    value: float | None
    at: datetime = Field(description="By the device's own clock.")


class DeviceReply(Reply):
    """A device and what it last said (of the last 24 hours)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": "s001",
                    "device_id": "s001-tmp-01",
                    "kind": "temperature",
                    "name": "食堂温度",
                    "place": "食堂",
                    "parent_id": "s001-gw-01",
                    "profile": "",
                    "connectivity": "online",
                    "reason": "",
                    "behind_id": "",
                    "since": _AT.isoformat(),
                    "last_seen_at": _AT.isoformat(),
                    "battery_pct": 87.5,
                    "clock_offset_s": None,
                    "readings": {"temperature_c": {"value": 21.5, "at": _AT.isoformat()}},
                    "open_incident_id": None,
                }
            ]
        },
    )

    site_id: str
    device_id: str
    kind: DeviceKind
    name: str
    place: str
    parent_id: str
    profile: str
    connectivity: Literal["online", "offline", "unknown"]
    reason: Literal["", "behind", "site", "returning"] = Field(
        description="Why the connectivity is unknown: what the device hangs on is dead (`behind`), its whole site is"
        " silent, or what it was behind is back and it has its time to report. `behind` of a device that is offline: it"
        " was dead before."
    )
    behind_id: str = Field(description="The dead device that it is behind, empty where that is not the reason.")
    since: datetime | None
    last_seen_at: datetime | None
    battery_pct: float | None
    clock_offset_s: float | None = Field(
        description="Seconds that the device's clock is ahead of ours (negative: behind); null where it is right to"
        " 5 s, or nothing is known of it."
    )
    readings: dict[str, ReadingReply] = Field(description="By metric; the unit is the end of its name.")
    open_incident_id: UUID | None


class IncidentReply(Reply):
    """An incident. States and their order: ISA-18.2 / IEC 62682."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "incident_id": "0198f3a4-6f2e-7d7a-9c39-0d4cf5b8f001",
                    "number": 1042,
                    "rule": "one_key_alarm",
                    "category": "panic",
                    "severity": "critical",
                    "life_safety": True,
                    "test": False,
                    "drill": False,
                    "site_id": "s001",
                    "site_name": "前黄实验学校",
                    "site_name_en": "Qianhuang Experimental School",
                    "device_id": "s001-btn-01",
                    "device_name": "门卫一键报警",
                    "place": "门卫室",
                    "state": "raised",
                    "raised_at": _AT.isoformat(),
                    "last_event_at": _AT.isoformat(),
                    "occurrences": 1,
                    "acknowledged_at": None,
                    "acknowledged_by": None,
                    "returned_at": None,
                    "reset_at": None,
                    "closed_at": None,
                    "detail": {},
                    "grade": None,
                    "verification": None,
                    "verification_reason": None,
                    "verified_at": None,
                    "verified_by": None,
                    "merged_into": None,
                    "shelved_until": None,
                    "shelved_by": None,
                    "shelve_reason": None,
                    "aside": False,
                }
            ]
        },
    )

    incident_id: UUID
    number: int | None = Field(description="The short one that people say aloud.")
    rule: str
    category: Category
    severity: Severity
    life_safety: bool = Field(description="Ends only through a person's acknowledgement and reset.")
    test: bool
    drill: bool
    site_id: str
    site_name: str
    site_name_en: str
    device_id: str
    device_name: str
    place: str
    state: IncidentState
    raised_at: datetime
    last_event_at: datetime
    occurrences: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    returned_at: datetime | None
    reset_at: datetime | None
    closed_at: datetime | None
    detail: dict[str, Any]
    grade: int | None = Field(description="Graded response: 1 (I, the gravest) to 4 (IV); null: not graded.")
    verification: Verification | None = Field(description="What a person found out; it ends nothing.")
    verification_reason: str | None = Field(description="A code of `/verification-reasons`.")
    verified_at: datetime | None
    verified_by: str | None
    merged_into: UUID | None = Field(description="The incident that it is handled under; it keeps a state of its own.")
    shelved_until: datetime | None = Field(description="Out of the queue until then; never life safety.")
    shelved_by: str | None
    shelve_reason: str | None
    aside: bool = Field(description="Not in the open queue: shelved, or handled under another.")


class TimelineReply(Reply):
    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]


class DeliveryReply(Reply):
    delivery_id: UUID
    channel: DeliveryChannel
    recipient: str = Field(description="Link or duty leader; of an address only the scheme is shown.")
    notice: Notice
    state: DeliveryState
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    received_at: datetime | None = Field(description="When the other side says it had it.")
    receipt_id: str | None
    last_error: str | None
    answered_at: datetime | None = Field(description="When a person at the link accepted or refused it.")
    answered_by: str | None
    answer_note: str | None


class RelatedReply(Reply):
    """An incident that is handled with another."""

    incident_id: UUID
    number: int
    rule: str
    site_id: str
    device_id: str
    state: IncidentState
    life_safety: bool


class AttachmentReply(Reply):
    """A file, without its content."""

    attachment_no: int
    incident_id: UUID
    at: datetime
    actor: str
    name: str
    media_type: str = Field(description="By its content.")
    size: int
    sha256: str


class IncidentDetailReply(IncidentReply):
    """An incident with what was done (the newest 500 entries), who was told, what is handled with it and attached."""

    timeline: list[TimelineReply]
    deliveries: list[DeliveryReply]
    related: list[RelatedReply] = Field(description="What it is merged into, and what is merged into it.")
    attachments: list[AttachmentReply]


class QuarantineReply(Reply):
    """A message that was put aside."""

    quarantine_no: int
    received_at: datetime
    topic: str
    site_id: str
    device_id: str
    reason: Reason
    detail: str
    payload: str = Field(description="As text, cut at 2 KiB; U+FFFD stands for what is no text.")
    size: int = Field(description="Bytes of the whole message.")
    cut: bool = Field(description="Only the first 64 KiB were kept: it cannot be replayed.")
    replayed_at: datetime | None


class ReplayedAlarmReply(Reply):
    """An alarm that was among the replayed messages. Nobody was called by the replay."""

    site_id: str
    device_id: str
    alarm: AlarmKind
    at: datetime = Field(description="By the device's own clock.")
    received_at: datetime
    test: bool
    drill: bool


class ReplayReply(Reply):
    """What became of the messages."""

    examined: int
    replayed: int = Field(description="Messages that can be read now.")
    stored: int = Field(description="Observations of them that are new.")
    duplicate: int = Field(description="Observations of them that were there already.")
    cut: int = Field(description="Messages of which only the first 64 KiB were kept.")
    refused: dict[Reason, int] = Field(description="Messages that are still not taken, by what is wrong with them.")
    alarms: list[ReplayedAlarmReply]
    next: int | None = Field(description="For `after`, to go on; null when that was all.")


class ReplayBody(BaseModel):
    """Which messages to decode once more; what is left out means any."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "unknown_device", "site_id": "s001", "actor": "值班员 张伟"}]}
    )

    reason: Reason | None = None
    site_id: Text | None = Field(default=None, max_length=128)
    device_id: Text | None = Field(default=None, max_length=128)
    since: AwareDatetime | None = Field(default=None, description="Received at this time or later.")
    until: AwareDatetime | None = Field(default=None, description="Received before this time.")
    after: int = Field(default=0, ge=0, le=2**63 - 1, description="`next` of the reply before.")
    limit: int = Field(default=1000, ge=1, le=1000)
    dry_run: bool = Field(default=False, description="Say what would become of them, and change nothing.")
    actor: Actor


class UnregisteredReply(Reply):
    """A device that speaks and is not registered."""

    site_id: str
    device_id: str
    channels: list[str]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


class AuditEntryReply(Reply):
    """One entry of the audit trail."""

    entry_no: int
    at: datetime
    actor: str
    origin: str = Field(description="Client address and workstation; empty: the system itself, or the command line.")
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str = Field(description="SHA-256 over the hash before it and this entry, in hexadecimal.")


class FloodReply(Reply):
    """Calls that came faster than anybody can answer them."""

    began_at: datetime
    ended_at: datetime
    calls: int


class BadActorReply(Reply):
    """A device and rule that called often."""

    rule: str
    site_id: str
    device_id: str
    calls: int
    share: float = Field(description="Of all calls of the period, 0 to 1.")


class AnswersReply(Reply):
    """Of calls that are major or worse."""

    calls: int
    acknowledged: int
    within_30_s: int
    within_60_s: int
    median_s: float | None
    share_within_30_s: float | None = Field(description="0.80 is asked for; null: none came.")
    share_within_60_s: float | None = Field(description="0.985 is asked for.")


class StandingReply(Reply):
    """Of the incidents that are open now."""

    open: int
    stale: int = Field(description="Open for more than 24 hours.")
    shelved: int
    unanswered: int


class LoadReply(Reply):
    """Load on operators by EEMUA 191."""

    since: datetime
    until: datetime
    operators: int
    calls: int = Field(description="Of all operators together.")
    mean: float = Field(description="Calls an operator in ten minutes; about one is acceptable.")
    peak: float = Field(description="The most calls an operator in a slot of ten minutes.")
    peak_at: datetime | None
    flood_share: float = Field(description="Share of the time in flood; less than 0.01 is acceptable.")
    floods: list[FloodReply]
    chattering: int = Field(description="Incidents that were reported 3 times or more within a minute.")
    bad_actors: list[BadActorReply] = Field(description="The ten that called most often.")
    answers: AnswersReply
    standing: StandingReply


class HealthReply(Reply):
    status: Literal["ok", "degraded"]
    version: str
    database: Literal["ok", "away"]
    roles: list[str] = Field(description="Roles that did something in the database in the last 60 s.")


class ActionBody(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "值班员 张伟", "note": "已电话核实"}]})

    actor: Actor
    workstation: Workstation = ""
    note: Text = Field(default="", max_length=2000)


class VerifyBody(ActionBody):
    """What a person found out. The reason is one of `/verification-reasons`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"actor": "值班员 张伟", "verification": "false", "reason": "pressed_by_mistake"}]
        }
    )

    verification: Verification
    reason: str = Field(pattern=r"^[a-z_]{1,40}$")


class SeverityBody(ActionBody):
    """Another severity, by hand."""

    severity: Severity


class MergeBody(ActionBody):
    """Which incident to handle it under."""

    into: UUID


class ShelveBody(BaseModel):
    """Until when, and why. At most 24 hours."""

    actor: Actor
    workstation: Workstation = ""
    until: AwareDatetime
    reason: Reasoned


class WindowBody(BaseModel):
    """A maintenance window. What is left out of its scope means any; at least one is named, and all must fit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "actor": "值班员 张伟",
                    "site_id": "s001",
                    "ends_at": _AT.isoformat(),
                    "reason": "更换交换机",
                }
            ]
        }
    )

    actor: Actor
    workstation: Workstation = ""
    site_id: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")
    device_id: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="With its site.")
    rule: str = Field(default="", pattern=r"^[a-z0-9_]{0,64}$", description="Never one of life safety.")
    device_kind: DeviceKind | None = None
    starts_at: AwareDatetime | None = Field(default=None, description="Left out: now.")
    ends_at: AwareDatetime = Field(description="At most 31 days later.")
    reason: Reasoned


class ScopeReply(Reply):
    site_id: str
    device_id: str
    rule: str
    device_kind: DeviceKind | None


class WindowReply(Reply):
    """A maintenance window."""

    window_no: int
    scope: ScopeReply
    starts_at: datetime
    ends_at: datetime
    reason: str
    author: str
    made_at: datetime
    ended_at: datetime | None = Field(description="When a person ended it before its time.")
    ended_by: str | None


class HeldReply(Reply):
    """A finding that a window held back: it opened no incident."""

    held_no: int
    window_no: int
    rule: str
    severity: Severity
    site_id: str
    device_id: str
    first_at: datetime
    last_at: datetime
    times: int
    state: HeldState = Field(
        description="standing: held still; cleared: over before the window; raised: stood at its end, and was raised."
    )
    settled_at: datetime | None


class VerificationReasonReply(Reply):
    """A reason code, of which verifications it may be the reason, and its words."""

    code: str
    of: list[Verification]
    zh: str
    en: str


class VerificationReasonsReply(Reply):
    reasons: list[VerificationReasonReply]


class NoteBody(BaseModel):
    """A remark for the timeline."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "值班员 张伟", "note": "民警已到场"}]})

    actor: Actor
    workstation: Workstation = ""
    note: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_storable)
    ]


class AdoptBody(BaseModel):
    """What a newly registered device is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "smoke", "name": "三楼烟感", "place": "教学楼三楼", "actor": "值班员 张伟"}]
        }
    )

    kind: DeviceKind
    name: Text = Field(default="", max_length=200)
    place: Text = Field(default="", max_length=200)
    actor: Actor


class SnapshotFrame(Reply):
    """First frame of the stream, and again when a viewer could not keep up or the database was away."""

    type: Literal["snapshot"]
    wall: WallReply
    incidents: list[IncidentReply] = Field(description="Open ones, at most 200, in the order of the queue.")


class DeltaFrame(Reply):
    """What changed. At most two a second unless an incident changed, at least one every two seconds."""

    type: Literal["delta"]
    at: datetime
    sites: list[SiteTileReply]
    totals: TotalsReply
    links: list[LinkReply]
    ingest: IngestReply
    ledger: LedgerStatusReply
    journals: list[JournalReply]
    incidents: list[IncidentReply] = Field(
        description="New, changed and ended ones, and those that moved up into the first 200 of the queue."
    )


class TroubleFrame(Reply):
    """Nothing is known of the present state. Repeated every two seconds; a snapshot ends it."""

    type: Literal["trouble"]
    at: datetime
    what: Literal["database", "server"]
    journals: list[JournalReply] = Field(description="What waits on this machine's disk meanwhile.")


class LinkStateReply(Reply):
    """One link as it is supervised."""

    link_id: str
    watched_since: datetime | None
    alive_since: datetime | None = Field(description="Null while it is silent or was not proved yet.")
    silent_since: datetime | None
    heartbeat_sent_at: datetime | None
    heartbeat_answered_at: datetime | None
    last_error: str | None
    test_sent_at: datetime | None
    test_receipted_at: datetime | None
    test_receipt_id: str | None
    queued: int = Field(description="Deliveries that wait for it.")
    oldest_queued_at: datetime | None


class AnswerData(BaseModel):
    webhook_id: str = Field(description="That of the delivery, `msg_` and 32 hex digits.")
    answer: Literal["accepted", "refused"]
    by: str = Field(default="", max_length=100, description="Who there; shown in the timeline.")
    at: datetime | None = Field(default=None, description="When; missing = now.")
    note: str = Field(default="", max_length=500)


class AnswerBody(BaseModel):
    """What the other agency sends; the signature is in the headers."""

    type: Literal["delivery.answered"] = "delivery.answered"
    data: AnswerData


class AnsweredReply(Reply):
    taken: bool
    news: bool = Field(description="False where it was known already.")


class RuleReply(Reply):
    """A version of a rule."""

    rule: str
    version: int = Field(description="0: the one that ships.")
    document: dict[str, Any]
    enabled: bool
    author: str
    reason: str
    at: datetime | None


class RulesReply(Reply):
    items: list[RuleReply]


class RuleDetailReply(RuleReply):
    versions: list[RuleReply] = Field(description="All of them, the newest first.")


class RuleCheckReply(Reply):
    rule: str


class RuleBody(BaseModel):
    """A rule, and why it is changed."""

    actor: Actor
    workstation: Workstation = ""
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_storable)
    ]
    document: dict[str, Any] = Field(description="As the JSON Schema of `/rules/schema` has it.")


class RuleSwitchBody(BaseModel):
    """Why a rule is switched off or on."""

    actor: Actor
    workstation: Workstation = ""
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_storable)
    ]


class SignBody(BaseModel):
    """Who does it."""

    actor: Actor


class ReasonBody(SignBody):
    reason: Text = Field(min_length=1, max_length=500)


class ClockBody(SignBody):
    """What a clock is started for: an incident, or a matter that ``subject`` names."""

    incident_id: UUID | None = None
    site_id: str = Field(default="", pattern=r"^[a-z0-9-]{0,32}$")
    subject: Text = Field(default="", max_length=200)
    began_at: AwareDatetime | None = Field(
        default=None, description="Missing = now; of an incident, when it was raised."
    )
    reason: Text = Field(default="", max_length=500)


class DraftBody(SignBody):
    kind: ReportKind


class EditBody(SignBody):
    text: Text = Field(min_length=1, max_length=20_000)


class ClockReply(Reply):
    """A two-hour clock."""

    clock_id: UUID
    incident_id: UUID | None
    number: int | None
    site_id: str
    subject: str
    started_at: datetime
    started_by: str
    reason: str
    due_at: datetime
    state: ClockState
    warned_minutes: int
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str


class ReportReply(Reply):
    report_id: UUID
    clock_id: UUID
    kind: ReportKind
    place: int
    state: str
    text: str
    drafted_at: datetime
    drafted_by: str
    edited_at: datetime
    edited_by: str
    approved_at: datetime | None
    approved_by: str | None
    delivery_id: UUID | None
    delivery_state: str | None
    receipted_at: datetime | None
    receipt_id: str | None


class ReportEventReply(Reply):
    at: datetime
    kind: str
    actor: str
    report_id: UUID | None
    detail: dict[str, Any]


class ClockDetailReply(ClockReply):
    reports: list[ReportReply]
    events: list[ReportEventReply]


class WarningBody(SignBody):
    """Without townships, kinds and sites it is for all."""

    kind: Text = Field(min_length=1, max_length=64)
    level: WarningLevel
    title_zh: Text = Field(min_length=1, max_length=200)
    title_en: Text = Field(default="", max_length=200)
    text_zh: Text = Field(min_length=1, max_length=4000)
    text_en: Text = Field(default="", max_length=4000)
    townships: list[Text] = Field(default=[], max_length=100)
    kinds: list[SiteKind] = Field(default=[], max_length=20)
    sites: list[Text] = Field(default=[], max_length=1000)
    valid_from: AwareDatetime | None = Field(default=None, description="Missing = now.")
    valid_until: AwareDatetime


class ReadBody(SignBody):
    site_id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")


class ReadReply(Reply):
    news: bool = Field(description="False where the site had read it before.")


class TallyReply(Reply):
    sites: int
    read: int
    unread: int
    unreachable: int = Field(description="Not read, and nobody was on duty there to tell.")
    median_s: float | None = Field(description="Half of those who read it did so within so long.")


class AudienceReply(Reply):
    townships: list[str]
    kinds: list[str]
    sites: list[str]


class WarningReply(Reply):
    warning_id: UUID
    number: int
    kind: str
    level: WarningLevel
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    audience: AudienceReply
    issued_at: datetime
    issued_by: str
    valid_from: datetime
    valid_until: datetime
    cancelled_at: datetime | None
    cancelled_by: str | None
    cancel_reason: str
    tally: TallyReply


class SiteReceiptReply(Reply):
    site_id: str
    site_name: str
    told_at: datetime | None
    reachable: bool | None
    reminders: int
    read_at: datetime | None
    read_by: str | None


class WarningDetailReply(WarningReply):
    receipts: list[SiteReceiptReply]
