"""What the web role offers beside incidents: what concerns other agencies, the bureau and the sites."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.desk import LinkDesk, ReportDesk, WarningDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Liaison:
    links: LinkDesk
    reports: ReportDesk
    warnings: WarningDesk
