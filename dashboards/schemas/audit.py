"""The audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from dashboards.schemas import Reply


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
