"""``campuswatch patrol rounds``: begin a round, see how it stands, take its results away as a file."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import click
import msgspec

from campuswatch.commands.options import DAY, LANGUAGE, asked
from domain.camera_words import fault_words
from domain.patrol_round import ItemVerdict, RoundKind
from storage.patrol_rounds import RoundView
from storage.pool import Connection

_KINDS = {
    RoundKind.SAMPLE: ("随机抽查", "by lot"),
    RoundKind.DOUBTFUL: ("存疑优先", "doubtful first"),
    RoundKind.SITE: ("整校巡查", "of a site"),
}
_VERDICTS = {
    ItemVerdict.CONFIRMED: ("故障属实", "it is so"),
    ItemVerdict.REJECTED: ("误报", "no fault"),
    ItemVerdict.GOOD: ("正常", "good"),
    ItemVerdict.MISSED: ("漏检", "missed"),
    ItemVerdict.UNSEEN: ("无法判断", "cannot be told"),
    ItemVerdict.REMOVED: ("移出本轮", "taken out"),
}
_OPEN = ("待判", "open")


@click.group()
def rounds() -> None:
    """Rounds of the patrol officer (巡查轮次). They are worked through in the browser, page 巡检."""


@rounds.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@LANGUAGE
@click.pass_context
def list_(ctx: click.Context, limit: int, language: str) -> None:
    """Rounds, the newest first."""
    from storage.patrol_rounds import list_rounds

    zone = ZoneInfo(ctx.obj.settings().zone)
    for one in asked(ctx, lambda conn: list_rounds(conn, before=None, limit=limit)):
        click.echo(_line(one, zone, language))


@rounds.command()
@click.argument("number", type=click.IntRange(1))
@LANGUAGE
@click.pass_context
def show(ctx: click.Context, number: int, language: str) -> None:
    """Items of round NUMBER in their order, and what was said of each. Exit code 1: some wait to be judged."""
    from storage.patrol_rounds import get_round, items_of

    async def ask(conn: Connection) -> Any:
        return await get_round(conn, number), await items_of(conn, number)

    about, items = asked(ctx, ask)
    english = language == "en"
    click.echo(_line(about, ZoneInfo(ctx.obj.settings().zone), language))
    for one in items:
        diagnosis = fault_words(one.fault)[english] if one.fault else "—"
        said = _OPEN[english] if one.verdict is None else _VERDICTS[one.verdict][english]
        found = fault_words(one.found)[english] if one.found else ""
        cells = (
            str(one.place),
            f"{one.site_id}/{one.device_id}",
            diagnosis,
            said,
            found,
            one.judged_by or "",
            one.note,
        )
        click.echo("\t".join(cells).rstrip())
    if about.judged < about.items and about.ended_at is None:
        ctx.exit(1)


@rounds.command()
@click.option(
    "--kind",
    type=click.Choice([one.value for one in RoundKind]),
    default=RoundKind.DOUBTFUL.value,
    show_default=True,
    help="By lot, diagnosed and doubtful ones first, or all of a site.",
)
@click.option("--site", default="", help="Of one site; needed for --kind site.")
@click.option("--size", type=click.IntRange(1, 500), default=50, show_default=True, help="Cameras at most.")
@click.option("--actor", default=getpass.getuser, show_default="your account here", help="Who begins it.")
@LANGUAGE
@click.pass_context
def begin(ctx: click.Context, kind: str, site: str, size: int, actor: str, language: str) -> None:
    """Begin a round of what stands now, and print it."""
    from storage.patrol_rounds import get_round, start_round

    async def work(conn: Connection) -> RoundView:
        now = datetime.now(UTC)
        number = await start_round(
            conn, RoundKind(kind), site_id=site, size=size, actor=actor, at=now, origin="command line"
        )
        return await get_round(conn, number)

    click.echo(_line(asked(ctx, work), ZoneInfo(ctx.obj.settings().zone), language))


@rounds.command("report")
@click.argument("number", type=click.IntRange(1))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@LANGUAGE
@click.pass_context
def report_of_round(ctx: click.Context, number: int, file: Path, language: str) -> None:
    """Write what came of round NUMBER to FILE (.xlsx, .pdf or .json)."""
    from dashboards.patrol.report import of_round

    now = datetime.now(UTC)
    write(ctx, file, lambda conn: of_round(conn, number, now=now), language)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, included.")
@LANGUAGE
@click.pass_context
def report(ctx: click.Context, file: Path, first: datetime, last: datetime, language: str) -> None:
    """Write what came of rounds over whole days to FILE (.xlsx, .pdf or .json)."""
    from dashboards.patrol.report import of_period

    zone, now = ZoneInfo(ctx.obj.settings().zone), datetime.now(UTC)
    since = datetime.combine(first.date(), time(), zone)
    until = datetime.combine(last.date() + timedelta(days=1), time(), zone)
    if until <= since:
        raise click.UsageError("--to has to be on or after --from")
    write(ctx, file, lambda conn: of_period(conn, since=since, until=until, now=now), language)


def write(ctx: click.Context, file: Path, ask: Callable[[Connection], Any], language: str) -> None:
    from dashboards.compliance.words import Language
    from dashboards.patrol.paper import paper
    from dashboards.patrol.workbook import workbook

    writers: dict[str, Callable[..., bytes]] = {
        ".xlsx": workbook,
        ".pdf": paper,
        ".json": lambda found, **_: msgspec.json.format(msgspec.json.encode(found)),
    }
    chosen = writers.get(file.suffix.lower())
    if chosen is None:
        raise click.UsageError(f"{file.name}: expected .xlsx, .pdf or .json")
    zone = ZoneInfo(ctx.obj.settings().zone)
    file.write_bytes(chosen(asked(ctx, ask), language=cast(Language, language), zone=zone))
    click.echo(str(file))


def _line(one: RoundView, zone: ZoneInfo, language: str) -> str:
    english = language == "en"
    begun = one.started_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    where = one.site_id or ("all sites" if english else "全部学校")
    state = "" if one.ended_at is None else ("ended" if english else "已结束")
    judged = f"{one.judged}/{one.items}"
    cells = (str(one.round_no), begun, _KINDS[one.kind][english], where, one.started_by, judged, state)
    return "\t".join(cells).rstrip()
