"""The frames of the stream."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from dashboards.schemas import Reply
from dashboards.schemas.incidents import IncidentReply
from dashboards.schemas.ledger import JournalReply, LedgerStatusReply
from dashboards.schemas.wall import IngestReply, LinkReply, SiteTileReply, TotalsReply, WallReply


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
