"""``campuswatch targets``: how sites stand to the 100% targets, tests that are due, and reports as files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import click

from campuswatch.commands.options import DAY, LANGUAGE, asked
from dashboards.compliance.words import Language, percent
from domain.target import Standing
from domain.target_words import STANDING_WORDS
from storage.compliance_views import By
from storage.pool import Connection


@click.group()
def targets() -> None:
    """The three 100% targets: who meets them, who does not and why, what is due, and reports."""


@targets.command()
@click.argument("site", required=False)
@click.option("--at", type=click.DateTime(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"]), help="A past moment, district time.")
@LANGUAGE
@click.pass_context
def status(ctx: click.Context, site: str | None, at: datetime | None, language: str) -> None:
    """Rates of the targets and the sites that do not meet one, with their causes; or all that is known of SITE.

    Exit code 0: all sites of which it is known are compliant; 1: some are not.
    """
    from storage.compliance_views import rates_at, standings_at

    zone = ZoneInfo(ctx.obj.settings().zone)
    moment = datetime.now(UTC) if at is None else at.replace(tzinfo=zone)

    async def ask(conn: Connection) -> Any:
        return await rates_at(conn, moment), await standings_at(conn, moment, site_id=site)

    rates, standings = asked(ctx, ask)
    chinese = language == "zh"
    names = {one.target_id: one.name_zh if chinese else one.name_en for one in rates}
    if site is None:
        for one in rates:
            counts = (("compliant", one.compliant), ("dropped", one.dropped), ("unknown", one.unknown))
            told = "  ".join(f"{STANDING_WORDS[Standing(word)][not chinese]} {count}" for word, count in counts)
            click.echo(f"{percent(one.rate):>8}  {names[one.target_id]}  ({told})")
    for standing in standings:
        if site is None and standing.standing in (Standing.COMPLIANT, Standing.EXEMPT):
            continue
        since = standing.since.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        word = STANDING_WORDS[standing.standing][not chinese]
        name = standing.name if chinese else standing.name_en or standing.name
        click.echo(f"{standing.site_id}  {name}  {names.get(standing.target_id, standing.target_id)}  {word}  {since}")
        for cause in standing.causes:
            click.echo(f"    {cause[language]}")
    if any(one.standing is Standing.DROPPED for one in standings):
        ctx.exit(1)


@targets.command()
@click.option("--within", "within_days", type=click.IntRange(0, 400), default=7, show_default=True, help="Days ahead.")
@click.option("--site", help="Of one site.")
@LANGUAGE
@click.pass_context
def due(ctx: click.Context, within_days: int, site: str | None, language: str) -> None:
    """Self-tests that are due: press the one-key alarm with its test mark; the receipts are the proof."""
    from campuswatch.targets.assessor import due_tests

    zone, now = ZoneInfo(ctx.obj.settings().zone), datetime.now(UTC)

    async def ask(conn: Connection) -> Any:
        return await due_tests(conn, now, due_before=now + timedelta(days=within_days), site_id=site)

    found = asked(ctx, ask)
    for one in found:
        late = ("逾期" if language == "zh" else "overdue") if one.due_at <= now else ""
        when = one.due_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        click.echo("\t".join((when, one.site_id, one.device_id, one.place, one.link_id, late)).rstrip())
    if not found:
        click.echo("没有待做的联网测试。" if language == "zh" else "No test is due.", err=True)


@targets.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, included.")
@click.option("--by", type=click.Choice(["district", "township", "site"]), default="township", show_default=True)
@LANGUAGE
@click.pass_context
def report(ctx: click.Context, file: Path, first: datetime, last: datetime, by: str, language: str) -> None:
    """Write the report on whole days to FILE (.xlsx, .pdf or .json)."""
    import msgspec

    from dashboards.compliance.paper import paper
    from dashboards.compliance.report import Report, gather
    from dashboards.compliance.workbook import workbook

    zone, now = ZoneInfo(ctx.obj.settings().zone), datetime.now(UTC)
    since = _begin(first.date(), zone)
    until = _begin(last.date() + timedelta(days=1), zone)
    if until <= since or since >= now:
        raise click.UsageError("--to has to be on or after --from, and --from in the past")
    chosen = cast(Language, language)

    def as_json(found: Report, **_: Any) -> bytes:
        return msgspec.json.format(msgspec.json.encode(found))

    writers: dict[str, Callable[..., bytes]] = {".xlsx": workbook, ".pdf": paper, ".json": as_json}
    write = writers.get(file.suffix.lower())
    if write is None:
        raise click.UsageError(f"{file.name}: expected .xlsx, .pdf or .json")
    found = asked(ctx, lambda conn: gather(conn, since=since, until=until, by=cast(By, by), now=now))
    file.write_bytes(write(found, language=chosen, zone=zone))
    click.echo(str(file))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
