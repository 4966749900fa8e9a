"""The ledger's words: what came in and cannot be accounted for."""

from __future__ import annotations

from datetime import datetime

import msgspec


class LedgerDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One site in one hour (of receipt) whose books do not balance; ``site_no`` 0 = no known site.

    In observations: ``received`` is not ``stored`` + ``rejected`` + ``duplicate``. In rows: the ledger has ``booked``
    them as written and the audit ``found`` another number in the tables. ``sites`` is how many of them this stands for.
    """

    hour: datetime
    site_no: int
    site_id: str
    received: int
    stored: int
    rejected: int
    duplicate: int
    booked: int
    found: int
    sites: int = 1

    @property
    def unaccounted(self) -> int:
        return self.received - self.stored - self.rejected - self.duplicate

    @property
    def missing_rows(self) -> int:
        return self.booked - self.found
