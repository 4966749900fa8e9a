"""What the web role offers beside incidents: what concerns other agencies and the bureau."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.desk import LinkDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Liaison:
    links: LinkDesk
