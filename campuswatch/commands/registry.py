"""``campuswatch registry``: what the 100% targets rest on, in and out of the bureau's workbook."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from campuswatch.commands.devices import LANGUAGE, actor_name, counts_text
from campuswatch.session import Session
from campuswatch.simulated_register import example_school
from devices.profiles.loading import load_profiles
from devices.register.exporter import export_register, register_workbook
from devices.register.forms import FORMS
from devices.register.importer import RegisterReport, import_register
from devices.register.summary import site_lines
from devices.tables import Words
from domain.errors import CampuswatchError, ImportRefused
from storage.pool import connect, wrapped_errors


@click.group()
def registry() -> None:
    """Guards, shifts, posts, gates, barriers, safety officers, calendar: the registry behind the 100% targets.

    Begin with `campuswatch registry template FILE.xlsx`: a workbook with all sheets and headings. Fill it in, try it
    with `import --dry-run`, then import it. What every column means: docs/registry.md.
    """


@registry.command("template")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--example", is_flag=True, help="With the rows of a made-up school.")
@LANGUAGE
@click.pass_context
def template_command(ctx: click.Context, file: Path, example: bool, language: str) -> None:
    """Write an empty workbook to FILE (.xlsx): every sheet with its headings."""
    from devices.exporter import write_whole

    if file.suffix.lower() != ".xlsx":
        raise click.ClickException(f"{file.name}: 应为 .xlsx / expected .xlsx")
    zone = ZoneInfo(ctx.obj.settings().zone)
    sites, facts = example_school(datetime.now(zone).date()) if example else ([], {})
    write_whole(file, register_workbook(sites, facts, zone=zone, language=language, secrets=True))
    names = ", ".join(form.title.text(language) for form in FORMS)
    click.echo(Words(f"{file}:{names}", f"{file}: {names}").text(language))


@registry.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; change nothing.")
@LANGUAGE
@click.pass_context
def import_command(ctx: click.Context, file: Path, dry_run: bool, language: str) -> None:
    """Import the register from FILE (.xlsx), all or nothing.

    Sheets are known by their names (保安员 guards, 班次 shifts, 护学岗 posts, 校门 gates, 防冲撞设施 barriers, 安全干部
    safety_officers, 校历 calendar, 作息时间 bells; 学校 sites and 设备 devices as well), columns by their headings.
    Dates may be Excel's or text. A file may hold some sheets and some columns only: what it leaves out stays as it is.
    Importing the same file again changes nothing.

    Exit code 0: imported (or would be); 1: refused with every fault by sheet, line and column, and nothing was changed.
    """
    run_import(ctx.obj, file, dry_run, language)


@registry.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--secrets", is_flag=True, help="With the safety officers' contacts, which are secrets.")
@LANGUAGE
@click.pass_context
def export_command(ctx: click.Context, file: Path, secrets: bool, language: str) -> None:
    """Export the register to FILE (.xlsx), which imports back unchanged. Shifts: of the last month and the next year.

    The file holds names, dates of birth and telephone numbers in full: keep it as such.
    """
    run_export(ctx.obj, file, secrets, language)


@registry.command("show")
@click.argument("site")
@click.option("--at", "moment", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="As it was then, local time.")
@LANGUAGE
@click.pass_context
def show_command(ctx: click.Context, site: str, moment: datetime | None, language: str) -> None:
    """Show what is registered of SITE, now or at a moment of the past. Telephone numbers are masked."""
    run_show(ctx.obj, site, moment, language)


def run_import(session: Session, file: Path, dry_run: bool, language: str = "zh") -> None:
    """:raises click.ClickException: refused; nothing was changed."""
    settings = session.settings()

    async def work() -> RegisterReport:
        async with await connect(session.dsn(), name="import") as conn, wrapped_errors():
            return await import_register(
                conn,
                file,
                actor=actor_name(),
                at=datetime.now(UTC),
                zone=ZoneInfo(settings.zone),
                dry_run=dry_run,
                language=language,
                profiles=load_profiles(settings.ingest.profiles).names,
            )

    try:
        report = asyncio.run(work())
    except ImportRefused as refused:
        faults = len(str(refused).splitlines())
        closing = Words(f"共 {faults} 处错误,没有导入任何内容。", f"{faults} faults; nothing was imported.")
        raise click.ClickException(f"{refused}\n{closing.text(language)}") from refused
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    for ignored in report.ignored:
        click.echo(Words(f"忽略:{ignored}", f"ignored: {ignored}").text(language))
    for name, changes in report.changes.items():
        click.echo(f"{name.text(language)}: {counts_text(changes, language)}")
    if dry_run:
        click.echo(Words("试运行:没有改动。", "Dry run: nothing was changed.").text(language))


def run_export(session: Session, file: Path, secrets: bool, language: str = "zh") -> None:
    """:raises click.ClickException: the file or the database is not to be had."""
    zone = ZoneInfo(session.settings().zone)

    async def work() -> dict[Words, int]:
        async with await connect(session.dsn(), name="export") as conn, wrapped_errors():
            return await export_register(
                conn, file, at=datetime.now(UTC), zone=zone, language=language, secrets=secrets
            )

    try:
        counts = asyncio.run(work())
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{file}: " + ", ".join(f"{name.text(language)} {count}" for name, count in counts.items()))


def run_show(session: Session, site_id: str, moment: datetime | None, language: str = "zh") -> None:
    """:raises click.ClickException: no such site, or the database is not to be had."""
    zone = ZoneInfo(session.settings().zone)
    at = None if moment is None else moment.replace(tzinfo=zone)

    async def work() -> list[str]:
        async with await connect(session.dsn(), name="show") as conn, wrapped_errors():
            return await site_lines(conn, site_id, at=at, language=language)

    try:
        lines = asyncio.run(work())
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    for line in lines:
        click.echo(line)
