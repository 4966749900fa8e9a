"""The ledger, and the journals of the lanes."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from dashboards.schemas import EXAMPLE_AT, PageReply, Reply


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
                    "hour": EXAMPLE_AT.replace(minute=0).isoformat(),
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
