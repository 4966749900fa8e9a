"""LISTEN and NOTIFY: how roles wake each other. A notice is a hint; whoever misses one finds out by polling."""

from __future__ import annotations

from enum import StrEnum

from psycopg import sql

from storage.pool import Connection


class NoticeChannel(StrEnum):
    FINDING = "campuswatch_finding"  # bulk lane -> alerting
    DELIVERY = "campuswatch_delivery"  # somebody queued a delivery -> alerting
    INCIDENT = "campuswatch_incident"  # an incident changed (payload: incident_id) -> web
    ENDED = "campuswatch_incident_ended"  # a person reset or closed one (payload: incident_id) -> alarm lane
    RESPONSE = "campuswatch_response"  # an incident wants an answer of people, now -> alerting
    REGISTRY = "campuswatch_registry"  # sites or devices changed -> lanes
    PREMISES = "campuswatch_premises"  # guards, gates, posts, calendar (payload: site_id, "" = any) -> targets
    CLOCK = "campuswatch_clock"  # it is known how far off a device's clock is -> alarm lane
    WINDOW = "campuswatch_window"  # a maintenance window or a shelving began or ended -> alerting
    RULES = "campuswatch_rules"  # a rule has a new version -> lanes
    DEVICE = "campuswatch_device"  # devices went online or offline -> web
    LINK = "campuswatch_link"  # a link was heard, or was not (payload: link_id) -> web, targets
    REPORT = "campuswatch_report"  # a two-hour clock or a report changed -> alerting, web
    WARNING = "campuswatch_warning"  # an early warning was issued, read or cancelled -> alerting, web
    CONDITION = "campuswatch_condition"  # doors or barriers stand otherwise -> keeper of the targets
    TARGET = "campuswatch_target"  # a target has a new version (payload: target_id) -> keeper of the targets
    PATROL = "campuswatch_patrol"  # people taught the patrol something -> patrol
    ACCOUNT = "campuswatch_account"  # an account, session or token changed (payload: account_id) -> web
    COMPLIANCE = "campuswatch_compliance"  # a site stands otherwise to a target -> web


async def notify(conn: Connection, channel: NoticeChannel, payload: str = "") -> None:
    """Tell the listeners when the current transaction commits."""
    await conn.execute("SELECT pg_notify(%s, %s)", (channel.value, payload))


async def listen(conn: Connection, *channels: NoticeChannel) -> None:
    for channel in channels:
        await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel.value)))
