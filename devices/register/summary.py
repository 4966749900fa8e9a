"""What is registered of a site, as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from devices.register.cells import Writing
from devices.register.form import Form
from devices.register.people import GUARDS, OFFICERS, POSTS
from devices.register.places import BARRIERS, GATES
from devices.register.times import BELLS
from devices.tables import Words
from domain.privacy import masked
from storage import guard_posts, guards, premises, safety_officers, school_calendar
from storage.facts import list_site_facts
from storage.pool import Connection
from storage.sites import get_site
from storage.versions import load

_UTC = ZoneInfo("UTC")  # nothing here tells a time of day with a date


async def site_lines(conn: Connection, site_id: str, *, at: datetime | None, language: str) -> list[str]:
    """:raises UnknownSite: no such site."""
    site = (await get_site(conn, site_id)).site
    lines = [f"{site.site_id} {site.name if language == 'zh' else site.name_en or site.name}"]
    for facts in await list_site_facts(conn, at=at, site_id=site_id):
        pupils = "?" if facts.pupils is None else str(facts.pupils)
        key = Words(",反恐重点单位", ", key site of counter-terrorism") if facts.key_site else Words("", "")
        about = Words(
            f"学生 {pupils},住宿生 {facts.boarders}{key.zh}", f"{pupils} pupils, {facts.boarders} boarders{key.en}"
        )
        lines.append(about.text(language))
    for form, found in (
        (GUARDS, await load(conn, guards.GUARDS, at=at, site_id=site_id)),
        (POSTS, await load(conn, guard_posts.POSTS, at=at, site_id=site_id)),
        (GATES, await load(conn, premises.GATES, at=at, site_id=site_id)),
        (BARRIERS, await load(conn, premises.BARRIERS, at=at, site_id=site_id)),
        (OFFICERS, await load(conn, safety_officers.OFFICERS, at=at, site_id=site_id)),
        (BELLS, await load(conn, school_calendar.BELLS, at=at, site_id=site_id)),
    ):
        lines.extend(_table(form, [one.fact for one in found], language))
    return lines


def _table(form: Form, facts: Sequence[Any], language: str) -> list[str]:
    if not facts:
        return [f"{form.title.text(language)}: 0"]
    columns = [column for column in form.columns if column.field not in ("site_id", "contacts")]
    writing = Writing(language, _UTC)
    lines = [f"{form.title.text(language)}: {len(facts)}"]
    lines.append("\t".join(column.titles[language == "en"] for column in columns))
    for fact in facts:
        cells = []
        for column in columns:
            value = column.kind.write(getattr(fact, column.field), writing)
            text = "" if value is None else str(value)
            cells.append(masked(text) if column.field == "phone" else text)
        lines.append("\t".join(cells))
    return lines
