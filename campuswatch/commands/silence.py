"""``campuswatch silence``: maintenance windows, and what they hold back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import click

from alerting.casework import Casework
from alerting.desk import Desk
from campuswatch.commands.devices import actor_name
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.session import Session
from domain.device import DeviceKind
from domain.maintenance import MaintenanceWindow, Scope
from storage.pool import Connection, connect, wrapped_errors
from storage.windows import held_findings, windows

T = TypeVar("T")


@click.group()
def silence() -> None:
    """Maintenance windows: what is worked on opens no incident, but for life safety."""


@silence.command("open")
@click.option("--site", default="", help="Of one site.")
@click.option("--device", default="", help="Of one device; needs --site.")
@click.option("--rule", default="", help="Of one rule.")
@click.option("--kind", type=click.Choice([kind.value for kind in DeviceKind]), help="Of one kind of device.")
@click.option("--hours", type=click.FloatRange(min=0.01, max=744), required=True, help="How long, from now on.")
@click.option("--reason", required=True, help="Why.")
@click.pass_obj
def open_command(
    session: Session, site: str, device: str, rule: str, kind: str | None, hours: float, reason: str
) -> None:
    """Open a window. What still stands at its end is raised then. Life safety goes through it."""
    scope = Scope(site_id=site, device_id=device, rule=rule, device_kind=DeviceKind(kind) if kind else None)
    now = datetime.now(UTC)

    async def work(conn: Connection) -> MaintenanceWindow:
        return await _casework(session).open_window(
            conn,
            scope,
            starts_at=now,
            ends_at=now + timedelta(hours=hours),
            reason=reason,
            actor=actor_name(),
            now=now,
        )

    click.echo(_line(_ask(session, work), _zone(session)))


@silence.command("end")
@click.argument("number", type=click.IntRange(min=1))
@click.pass_obj
def end_command(session: Session, number: int) -> None:
    """End window NUMBER before its time; what it holds and still stands is raised at once."""
    now = datetime.now(UTC)
    window = _ask(session, lambda conn: _casework(session).end_window(conn, number, actor=actor_name(), now=now))
    click.echo(_line(window, _zone(session)))


@silence.command("list")
@click.option("--state", type=click.Choice(["active", "planned", "over", "all"]), default="active", show_default=True)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def list_command(session: Session, state: str, limit: int) -> None:
    """List windows, the newest first: number, from, until, what it covers, author, reason."""
    now = datetime.now(UTC)
    for window in _ask(session, lambda conn: windows(conn, which=state, now=now, limit=limit)):
        click.echo(_line(window, _zone(session)))


@silence.command("held")
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def held_command(session: Session, number: int | None, limit: int) -> None:
    """List what windows hold back, or window NUMBER: window, first time, rule, device, how often, how it stands."""
    zone = _zone(session)
    for one in _ask(session, lambda conn: held_findings(conn, window_no=number, state=None, before=None, limit=limit)):
        at = f"{one.first_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        click.echo(f"{one.window_no}\t{at}\t{one.rule}\t{one.site_id}/{one.device_id}\t{one.times}\t{one.state.value}")


def _casework(session: Session) -> Casework:
    return Casework(Desk(gazetteer=RegistryGazetteer(), link_ids=(), zone=_zone(session)))


def _zone(session: Session) -> ZoneInfo:
    return ZoneInfo(session.settings().zone)


def _line(window: MaintenanceWindow, zone: ZoneInfo) -> str:
    scope = window.scope
    covers = " ".join(
        filter(
            None,
            (
                "/".join(filter(None, (scope.site_id, scope.device_id))),
                scope.rule,
                scope.device_kind.value if scope.device_kind else "",
            ),
        )
    )
    since, until = (
        f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (window.starts_at, window.ended_at or window.ends_at)
    )
    return f"{window.window_no}\t{since}\t{until}\t{covers}\t{window.author}\t{window.reason}"


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="silence") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
