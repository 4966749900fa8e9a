"""``campuswatch quarantine``: what was put aside, and taking it in after all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from campuswatch.commands.devices import actor_name
from campuswatch.session import Session
from domain.quarantine import Reason
from domain.replay import ReplayReport
from storage.pool import Connection, connect, wrapped_errors
from storage.quarantine import QuarantineFilter, quarantined, quarantined_message

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

#: Bytes of a payload that ``show`` prints: all that is ever kept.
_WHOLE = 64 * 1024
#: Alarms that a replay names one by one.
_ALARMS_NAMED = 50


class Moment(click.ParamType[datetime]):
    """A date, or a date and time, by the district's clock unless an offset is given."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; expected 2026-11-22, '2026-11-22 08:00' or 2026-11-22T08:00+08:00")


def _filtered(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--reason", type=click.Choice([reason.value for reason in Reason]), help="Of one reason."),
            click.option("--site", help="Of one site, as the topic names it."),
            click.option("--device", help="Of one device, as the topic names it (a maker's address is one too)."),
            click.option("--since", type=Moment(), help="Received at this time or later."),
            click.option("--until", type=Moment(), help="Received before this time."),
        )
    ):
        command = option(command)
    return command


@click.group()
def quarantine() -> None:
    """Messages that were put aside: list, look at, replay."""


@quarantine.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def list_command(session: Session, /, limit: int, **chosen: Any) -> None:
    """List messages, the newest first: number, receipt, reason, topic, what was wrong.

    A number in brackets was replayed already.
    """
    only = _chosen(session, chosen)
    found = _ask(session, lambda conn: quarantined(conn, limit=limit, only=only))
    zone = ZoneInfo(session.settings().zone)
    for one in found:
        number = f"({one.quarantine_no})" if one.replayed_at else str(one.quarantine_no)
        received = f"{one.received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        click.echo(f"{number}\t{received}\t{one.reason.value}\t{one.topic}\t{one.detail}")
    if not found:
        click.echo("nothing found", err=True)


@quarantine.command("show")
@click.argument("number", type=click.IntRange(min=1))
@click.pass_obj
def show_command(session: Session, number: int) -> None:
    """Show message NUMBER with its payload."""
    one = _ask(session, lambda conn: quarantined_message(conn, number, shown=_WHOLE))
    if one is None:
        raise click.ClickException(f"no message {number} in the quarantine; `campuswatch quarantine list` shows which")
    zone = ZoneInfo(session.settings().zone)
    replayed = f"{one.replayed_at.astimezone(zone).isoformat()}" if one.replayed_at else "no"
    size = f"{one.size} bytes" + (", of which 64 KiB were kept: it cannot be replayed" if one.cut else "")
    for name, value in (
        ("received", one.received_at.astimezone(zone).isoformat()),
        ("topic", one.topic),
        ("reason", one.reason.value),
        ("detail", one.detail),
        ("size", size),
        ("replayed", replayed),
    ):
        click.echo(f"{name + ':':<10}{value}")
    click.echo(one.payload)


@quarantine.command("replay")
@_filtered
@click.option("--dry-run", is_flag=True, help="Say what would become of them; change nothing.")
@click.pass_obj
def replay_command(session: Session, /, dry_run: bool, **chosen: Any) -> None:
    """Take messages in after all: after devices were registered, a profile was mended, a bound was changed.

    Each is decoded once more with the registry, profiles and bounds of now, and stored under the time it names. That
    raises no alarm and calls nobody: alarms among them are listed here, for you to look into. What is still refused
    stays where it is. Doing it twice does no harm.

    Exit code 0: done, whatever became of them; 1: it could not be done.
    """
    only = _chosen(session, chosen)
    report = _ask(session, lambda conn: _replay(session, conn, only, dry_run))
    click.echo("\n".join(_lines(report, ZoneInfo(session.settings().zone))))
    if dry_run:
        click.echo("Dry run: nothing was changed.")


async def _replay(session: Session, conn: Connection, only: QuarantineFilter, dry_run: bool) -> ReplayReport:
    from campuswatch.replay import open_replay

    replay = await open_replay(conn, session.settings())
    total, actor = ReplayReport(next=0), actor_name()
    while total.next is not None:
        total.add(await replay.step(conn, only, after=total.next, dry_run=dry_run, actor=actor, now=datetime.now(UTC)))
    return total


def _lines(report: ReplayReport, zone: ZoneInfo) -> list[str]:
    lines = [
        f"messages: {report.examined}, replayed {report.replayed}, still refused {sum(report.refused.values())}, "
        f"not whole {report.cut}",
        f"observations: stored {report.stored}, there already {report.duplicate}",
    ]
    lines += [f"  still refused as {reason}: {count}" for reason, count in sorted(report.refused.items())]
    if report.cut:
        lines.append("  not whole: of a message over 64 KiB only the beginning is kept, and that cannot be replayed")
    if report.alarms:
        lines.append(f"alarms among them: {len(report.alarms)}. Nobody was called; look into them:")
        for one in report.alarms[:_ALARMS_NAMED]:
            mark = " (test)" if one.test else " (drill)" if one.drill else ""
            at = one.at.astimezone(zone)
            lines.append(f"  {at:%Y-%m-%d %H:%M:%S}  {one.site_id}/{one.device_id}  {one.alarm}{mark}")
        if len(report.alarms) > _ALARMS_NAMED:
            lines.append(f"  and {len(report.alarms) - _ALARMS_NAMED} more")
    return lines


def _chosen(session: Session, chosen: dict[str, Any]) -> QuarantineFilter:
    zone = ZoneInfo(session.settings().zone)

    def aware(at: datetime | None) -> datetime | None:
        return at.replace(tzinfo=zone) if at is not None and at.tzinfo is None else at

    return QuarantineFilter(
        reason=Reason(chosen["reason"]) if chosen["reason"] else None,
        site_id=chosen["site"],
        device_id=chosen["device"],
        since=aware(chosen["since"]),
        until=aware(chosen["until"]),
    )


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="quarantine") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
