"""``campuswatch devices``: the registry of sites and devices, in and out of files."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import click

from devices.exporter import What, export_file
from devices.headings import DEVICE_KIND_WORDS
from devices.importer import ImportReport, import_file
from devices.profiles.loading import load_profiles
from devices.tables import Words
from domain.errors import CampuswatchError, ImportRefused
from storage.devices import list_devices
from storage.pool import connect, wrapped_errors
from storage.registry import Changes
from storage.sites import get_site, list_sites

LANGUAGE = click.option(
    "--lang",
    "language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    show_default=True,
    envvar="CAMPUSWATCHLANGUAGE",
    help="Language of messages and headings.",
)


@click.group()
def devices() -> None:
    """Sites and devices: import, export, list."""


@devices.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; change nothing.")
@click.option(
    "--profiles",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="CAMPUSWATCH_INGEST__PROFILES",
    help="Folder with makers' profiles of your own.",
)
@LANGUAGE
@click.pass_context
def import_command(ctx: click.Context, file: Path, dry_run: bool, profiles: Path | None, language: str) -> None:
    """Import sites and devices from FILE (.xlsx or .csv), all or nothing.

    An XLSX may hold both in two sheets; a CSV holds one kind, told by its headings. Headings are Chinese or English,
    as `campuswatch devices export` writes them. What the file leaves out stays as it is.

    Exit code 0: imported (or would be); 1: refused, and nothing was changed; 2: wrong usage.
    """
    run_import(ctx.obj.dsn(), file, dry_run, language, profiles)


@devices.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--what",
    type=click.Choice([what.value for what in What]),
    default=What.DEVICES.value,
    show_default=True,
    help="What a CSV file shall hold; an XLSX holds both.",
)
@LANGUAGE
@click.pass_context
def export_command(ctx: click.Context, file: Path, what: str, language: str) -> None:
    """Export sites and devices to FILE (.xlsx or .csv), which imports back unchanged."""
    run_export(ctx.obj.dsn(), file, What(what), language)


@devices.command("list")
@click.argument("site", required=False)
@LANGUAGE
@click.pass_context
def list_command(ctx: click.Context, site: str | None, language: str) -> None:
    """List the devices of SITE, or all sites."""
    run_list(ctx.obj.dsn(), site, language)


def run_import(dsn: str, file: Path, dry_run: bool, language: str = "zh", profiles: Path | None = None) -> None:
    """:param profiles: folder of makers' profiles beside the shipped ones.
    :raises click.ClickException: refused; nothing was changed."""

    async def work() -> ImportReport:
        names = load_profiles(profiles).names
        async with await connect(dsn, name="import") as conn, wrapped_errors():
            return await import_file(
                conn,
                file,
                actor=actor_name(),
                at=datetime.now(UTC),
                dry_run=dry_run,
                language=language,
                profiles=names,
            )

    try:
        report = asyncio.run(work())
    except ImportRefused as refused:
        faults = len(str(refused).splitlines())
        closing = Words(f"共 {faults} 处错误,没有导入任何内容。", f"{faults} faults; nothing was imported.")
        raise click.ClickException(f"{refused}\n{closing.text(language)}") from refused
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    for name in report.ignored:
        click.echo(Words(f"忽略:{name}", f"ignored: {name}").text(language))
    click.echo(f"{Words('学校', 'sites').text(language)}: {counts_text(report.sites, language)}")
    click.echo(f"{Words('设备', 'devices').text(language)}: {counts_text(report.devices, language)}")
    if dry_run:
        click.echo(Words("试运行:没有改动。", "Dry run: nothing was changed.").text(language))


def run_export(dsn: str, file: Path, what: What, language: str = "zh") -> None:
    """:raises click.ClickException: the file or the database is not to be had."""

    async def work() -> tuple[int, int]:
        async with await connect(dsn, name="export") as conn, wrapped_errors():
            return await export_file(conn, file, what=what, language=language)

    try:
        sites, count = asyncio.run(work())
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    click.echo(Words(f"{file}:学校 {sites},设备 {count}", f"{file}: {sites} sites, {count} devices").text(language))


def run_list(dsn: str, site_id: str | None, language: str = "zh") -> None:
    """:raises click.ClickException: the database is not to be had."""

    async def work() -> list[tuple[str, ...]]:
        async with await connect(dsn, name="list") as conn, wrapped_errors():
            if site_id is None:
                rows = await list_sites(conn, limit=None)
                return [(row.site.site_id, row.site.name, row.site.township) for row in rows]
            await get_site(conn, site_id)
            return [
                (device.device_id, DEVICE_KIND_WORDS[device.kind].text(language), device.name, device.place)
                for device in await list_devices(conn, site_id=site_id, limit=None)
            ]

    try:
        lines = asyncio.run(work())
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    for line in lines:
        click.echo("\t".join(line))
    if not lines:
        click.echo(Words("没有登记。", "None registered.").text(language), err=True)


def counts_text(changes: Changes, language: str) -> str:
    zh = f"新增 {changes.added},修改 {changes.changed},未变 {changes.unchanged}"
    return Words(zh, f"{changes.added} added, {changes.changed} changed, {changes.unchanged} unchanged").text(language)


def actor_name() -> str:
    """Whom the audit names."""
    try:
        return f"cli:{getuser()}"
    except (OSError, KeyError):  # an account without a name, as in containers
        return "cli"
