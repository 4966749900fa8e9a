"""``campuswatch patrol``: where cameras' pictures come from, how the patrol gets on, availability, rounds."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import click

from campuswatch.commands.options import DAY, LANGUAGE, asked
from campuswatch.commands.patrol_rounds import report, rounds
from domain.camera import Truth
from domain.camera_words import TRUTH_WORDS, fault_words
from domain.errors import ImportRefused, SealBroken, UnknownDevice
from storage.pool import Connection


@click.group()
def patrol() -> None:
    """Network patrol of cameras (网上巡查): sources of pictures, progress, faults, availability."""


@patrol.group()
def sources() -> None:
    """Where cameras' pictures come from, and with which credentials."""


@sources.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check, and change nothing.")
@click.option("--secret-lost", is_flag=True, help="Passwords of another secret are there; go on all the same.")
@click.pass_context
def import_(ctx: click.Context, file: Path, dry_run: bool, secret_lost: bool) -> None:
    """Set sources from a CSV FILE with the columns site_id, device_id, way, url, username, password.

    way: snapshot (a JPEG over http or https), stream (rtsp), push (over MQTT, without url), or empty: not patrolled.
    An empty password leaves the one that is known. All of the file is taken, or nothing. Passwords are sealed with
    patrol.secret, or with the secret in the data directory: it has to be that of the patrol role.
    """
    from campuswatch.camera_seal import camera_seal
    from devices.camera_sources import read_sources
    from storage.cameras import load_cameras, put_source

    rows = read_sources(file.read_bytes())
    seal = camera_seal(ctx.obj.settings())
    at = datetime.now(UTC)

    async def work(conn: Connection) -> int:
        changed, faults = 0, []
        async with conn.transaction(force_rollback=dry_run):
            if not secret_lost and (shut := (await load_cameras(conn, seal)).shut):
                raise ImportRefused(
                    f"{len(shut)} passwords were sealed with another secret than this one: set patrol.secret or data as"
                    " the patrol role has them, or say --secret-lost"
                )
            for row in rows:
                try:
                    changed += await put_source(
                        conn, row.site_id, row.device_id, row.source, seal=seal, actor="cli", at=at
                    )
                except (UnknownDevice, SealBroken) as error:
                    faults.append(f"row {row.line}: {error}")
            if faults:
                raise ImportRefused("nothing was taken:\n" + "\n".join(faults[:50]))
        return changed

    changed = asked(ctx, work)
    click.echo(f"{len(rows)} rows, {changed} {'would change' if dry_run else 'changed'}")


@sources.command("export")
@click.pass_context
def export(ctx: click.Context) -> None:
    """Print the sources as CSV, without passwords."""
    from storage.cameras import list_sources

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["site_id", "device_id", "way", "url", "username", "password"])
    for site_id, device_id, source in asked(ctx, list_sources):
        writer.writerow([site_id, device_id, source.way.value, source.url, source.username, ""])
    click.echo(out.getvalue(), nl=False)


@patrol.command()
@LANGUAGE
@click.pass_context
def status(ctx: click.Context, language: str) -> None:
    """How the patrol gets on, and the cameras whose picture is not good. Exit code 1: there are some."""
    from storage.camera_views import patrol_progress, troubled_cameras

    plan = ctx.obj.settings().patrol
    now = datetime.now(UTC)

    async def ask(conn: Connection) -> Any:
        cycle = timedelta(seconds=plan.cycle_s)
        return await patrol_progress(conn, now=now, cycle=cycle), await troubled_cameras(conn)

    progress, troubled = asked(ctx, ask)
    words = (
        "本周期已巡 {covered}/{cameras}，存疑 {doubtful}，故障 {faulty}",
        "{covered}/{cameras} looked at within the cycle, {doubtful} doubtful, {faulty} faulty",
    )
    click.echo(
        words[language == "en"].format(
            covered=progress.covered, cameras=progress.cameras, doubtful=progress.doubtful, faulty=progress.faulty
        )
    )
    for one in troubled:
        word = fault_words(one.told)[language == "en"]
        click.echo(f"{one.site_id}/{one.device_id}\t{word}")
    if troubled:
        ctx.exit(1)


@patrol.command()
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, included.")
@click.option(
    "--by", type=click.Choice(["district", "township", "site", "camera"]), default="district", show_default=True
)
@click.option("--site", help="Of one site.")
@click.option("--days", is_flag=True, help="Each day by itself.")
@LANGUAGE
@click.pass_context
def availability(
    ctx: click.Context, first: datetime, last: datetime, by: str, site: str | None, days: bool, language: str
) -> None:
    """Availability over whole days: how long each truth held, of the time in which it is known, maintenance apart."""
    from storage.availability import By
    from storage.availability import availability as of_cameras
    from storage.camera_days import by_day, summed

    zone = ZoneInfo(ctx.obj.settings().zone)
    since = datetime.combine(first.date(), time(), zone)
    until = min(datetime.combine(last.date() + timedelta(days=1), time(), zone), datetime.now(UTC))
    if until <= since:
        raise click.UsageError("--to has to be on or after --from, and --from in the past")

    async def ask(conn: Connection) -> Any:
        if by == "camera":
            return await of_cameras(conn, [since, until], by="camera", site_id=site)
        found = await by_day(conn, since, until, zone, by=cast(By, by), site_id=site)
        return found if days else summed(found)

    for one in asked(ctx, ask):
        name = TRUTH_WORDS[Truth(one.truth)][language == "en"]
        rate = "      —" if one.rate is None else f"{100 * one.rate:6.2f}%"
        day = f"{one.since.astimezone(zone).date()}  " if days else ""
        hours = "  ".join(f"{seconds / 3600:.1f} h" for seconds in (one.no_s, one.unknown_s, one.planned_s))
        click.echo(f"{day}{rate}  {name}  {one.group}  {hours}")


@patrol.command()
@click.option("--all", "all_", is_flag=True, help="Those that were struck off as well.")
@click.option("--site", help="Of one site.")
@LANGUAGE
@click.pass_context
def hazards(ctx: click.Context, all_: bool, site: str | None, language: str) -> None:
    """Cameras that sites have to mend, with their deadlines. Exit code 1: one is overdue."""
    from storage.patrol_rounds import hazards as known

    zone, now = ZoneInfo(ctx.obj.settings().zone), datetime.now(UTC)
    found = asked(ctx, lambda conn: known(conn, site_id=site, only_open=not all_))
    overdue = False
    for one in found:
        late = one.cleared_at is None and one.struck_at is None and one.due_at <= now
        overdue = overdue or late
        due = one.due_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        word = fault_words(one.fault)[language == "en"]
        marks = ("超期", "overdue") if late else ("", "")
        click.echo(f"{one.hazard_no}\t{one.site_id}/{one.device_id}\t{word}\t{due}\t{marks[language == 'en']}".rstrip())
    if overdue:
        ctx.exit(1)


patrol.add_command(rounds)
patrol.add_command(report)
