"""The wall at one moment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from dashboards.schemas import Reply
from dashboards.schemas.ledger import JournalReply, LedgerStatusReply
from dashboards.wall import TileState
from domain.finding import Category, Severity
from domain.site import SiteKind
from storage.wall import LinkCondition


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
                    "longitude": 119.87829,
                    "latitude": 31.65102,
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
    longitude: float | None = Field(description="WGS 84, degrees; null: the registry does not know it.")
    latitude: float | None


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


class WallReply(Reply):
    """The whole wall at one moment."""

    at: datetime
    sites: list[SiteTileReply]
    totals: TotalsReply
    links: list[LinkReply]
    ingest: IngestReply
    ledger: LedgerStatusReply
    journals: list[JournalReply] = Field(description="Of the lanes on this machine.")
