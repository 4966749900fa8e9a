"""Rows of the sites that somebody may see, and no others: a condition of the query, never of the page."""

from __future__ import annotations

from typing import LiteralString

from domain.access import Sites

#: With ``%(sites)s`` from `listed`; the table has a column site_id of its own, or is joined with one that has.
WITHIN: LiteralString = "(%(sites)s::text[] IS NULL OR site_id = ANY(%(sites)s))"


def listed(sites: Sites) -> list[str] | None:
    """As a parameter: None = every site, an empty list = none."""
    return None if sites is None else sorted(sites)
