"""Ledger pages for tests, written line by line as people read them."""

from __future__ import annotations

from storage.ledger import LedgerPage


def page(*lines: tuple[int, ...]) -> LedgerPage:
    """``lines``: site_no, received, stored, rejected, duplicate, and written (0 where left out)."""
    return LedgerPage(*map(list, zip(*(((*line, 0))[:6] for line in lines), strict=True)))
