"""``campuswatch rules``: what the control room concludes, as documents; in, out, and tried on what happened."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from campuswatch.commands.devices import LANGUAGE, actor_name
from campuswatch.commands.quarantine import Moment
from campuswatch.session import Session
from detectors.documents.form import RuleDocument
from domain.errors import RuleRefused
from storage.pool import Connection, connect, wrapped_errors
from storage.rules import RuleVersion

T = TypeVar("T")

REASON = click.option("--reason", required=True, help="Why, for whoever asks later.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def rules() -> None:
    """Rules as documents: list, look at, check, change, try on what happened. docs/rules.md says how to write one."""


@rules.command("list")
@LANGUAGE
@AS_JSON
@click.pass_obj
def list_command(session: Session, language: str, as_json: bool) -> None:
    """List the rules in force: name, version (0 = as it ships), severity, title."""
    from campuswatch.rulekeeper import all_rules

    found = _ask(session, all_rules)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for one in found:
        title = one.document["title"]
        off = "" if one.enabled else "\toff"
        click.echo(f"{one.rule}\t{one.version}\t{one.document['severity']}\t{title[language]}{off}")


@rules.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=0), help="Another than the one that counts.")
@click.pass_obj
def show_command(session: Session, name: str, version: int | None) -> None:
    """Show rule NAME as a document, with its versions as comments: ready to be changed and imported."""
    from campuswatch.rulekeeper import all_versions

    versions = _ask(session, lambda conn: all_versions(conn, name))
    chosen = next((one for one in versions if version in (None, one.version)), None)
    if chosen is None:
        raise click.ClickException(f"{name} has no version {version}; there are 0 to {versions[0].version}")
    zone = ZoneInfo(session.settings().zone)
    for one in versions:
        mark = "->" if one is chosen else "  "
        when = "ships" if one.at is None else f"{one.at.astimezone(zone):%Y-%m-%d %H:%M} {one.author}: {one.reason}"
        click.echo(f"# {mark} version {one.version}{'' if one.enabled else ' (off)'}  {when}")
    click.echo(_text(chosen), nl=False)


@rules.command("check")
@click.argument("files", type=click.Path(dir_okay=False, path_type=Path), nargs=-1, required=True)
def check_command(files: tuple[Path, ...]) -> None:
    """Check FILES; name every fault with its line and what was expected.

    Exit code 0: all are right; 1: some are not.
    """
    wrong = False
    for file in files:
        try:
            document = _read(file)
        except RuleRefused as error:
            wrong = True
            click.echo(str(error), err=True)
        else:
            click.echo(f"{file}: {document.name} is right")
    sys.exit(1 if wrong else 0)


@rules.command("import")
@click.argument("files", type=click.Path(dir_okay=False, path_type=Path), nargs=-1, required=True)
@REASON
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; change nothing.")
@click.pass_obj
def import_command(session: Session, files: tuple[Path, ...], reason: str, dry_run: bool) -> None:
    """Put the rules of FILES into force, all or none. What is as it was gets no new version."""
    documents = [(file, _read(file)) for file in files]
    told = _ask(session, lambda conn: _import(conn, documents, reason, dry_run))
    click.echo("\n".join(told))
    if dry_run:
        click.echo("Dry run: nothing was changed.")


async def _import(
    conn: Connection, documents: list[tuple[Path, RuleDocument]], reason: str, dry_run: bool
) -> list[str]:
    from campuswatch.rulekeeper import all_rules, change, strangers_of
    from detectors.documents.reading import located

    told: list[str] = []
    wrong = [
        problem
        for file, document in documents
        if (strange := await strangers_of(conn, document))
        for problem in located(file.read_text("utf-8-sig"), str(file), strange)
    ]
    if wrong:
        raise RuleRefused(wrong)
    async with conn.transaction():
        newest = {one.rule: one for one in await all_rules(conn)}
        for _, document in documents:
            before = newest.get(document.name)
            said = msgspec.json.decode(msgspec.json.encode(document.said))
            if before is not None and before.enabled and before.document == said:
                told.append(f"{document.name}: as it was, version {before.version}")
                continue
            version = 0 if before is None else before.version
            if not dry_run:
                await change(conn, document, expected=version, author=actor_name(), reason=reason, at=datetime.now(UTC))
            told.append(f"{document.name}: {'new' if before is None else 'changed'}, version {version + 1}")
    return told


@rules.command("export")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.pass_obj
def export_command(session: Session, directory: Path, names: tuple[str, ...]) -> None:
    """Write the rules in force, or those of NAMES, into DIRECTORY, a file each."""
    from campuswatch.rulekeeper import all_rules

    found = [one for one in _ask(session, all_rules) if not names or one.rule in names]
    if missing := set(names) - {one.rule for one in found}:
        raise click.ClickException(f"no rule is called {', '.join(sorted(missing))}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for one in found:
            (directory / f"{one.rule}.yaml").write_text(_text(one), "utf-8")
    except OSError as error:
        raise click.ClickException(f"{directory}: {error.strerror}") from error
    click.echo(f"{len(found)} rules in {directory}")


@rules.command("disable")
@click.argument("name")
@REASON
@click.pass_obj
def disable_command(session: Session, name: str, reason: str) -> None:
    """Switch rule NAME off. What it had raised ends. Life safety cannot be switched off."""
    click.echo(_ask(session, lambda conn: _switch(conn, name, reason, on=False)))


@rules.command("enable")
@click.argument("name")
@REASON
@click.pass_obj
def enable_command(session: Session, name: str, reason: str) -> None:
    """Switch rule NAME on again."""
    click.echo(_ask(session, lambda conn: _switch(conn, name, reason, on=True)))


async def _switch(conn: Connection, name: str, reason: str, *, on: bool) -> str:
    from campuswatch.rulebook import document_of
    from campuswatch.rulekeeper import all_versions, change
    from detectors.documents.reading import enabled

    newest = (await all_versions(conn, name))[0]
    document = enabled(document_of(msgspec.structs.replace(newest, enabled=True)), on)
    written = await change(
        conn, document, expected=newest.version, author=actor_name(), reason=reason, at=datetime.now(UTC)
    )
    return f"{name}: {'on' if on else 'off'}, version {written.version}"


@rules.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a rule, for an editor that helps while you write."""
    from detectors.documents.schema import schema

    click.echo(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())


@rules.command("try")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "since", type=Moment(), required=True, help="What was received from this time on.")
@click.option("--to", "until", type=Moment(), help="Up to this time.  [default: now]")
@click.option("--site", "site_id", help="At one site alone.")
@AS_JSON
@click.pass_obj
def try_command(
    session: Session, file: Path, since: datetime, until: datetime | None, site_id: str | None, as_json: bool
) -> None:
    """Play what happened through the rule of FILE: what it would have raised, beside what was raised under its name.

    Changes nothing. FILE may also be the name of a rule in force.
    """
    from campuswatch.backtest import Backtest, told

    zone = ZoneInfo(session.settings().zone)
    begins, ends = (_aware(at, zone) for at in (since, until or datetime.now(UTC)))
    if begins >= ends:
        raise click.BadParameter("--to must be later than --from")
    document = _read(file) if file.suffix in (".yaml", ".yml", ".json") else _in_force(session, str(file))
    backtest = Backtest(session.dsn(), document, since=begins, until=ends, site_id=site_id, zone=zone)
    progress = sys.stderr.isatty() and not as_json
    result = backtest.run(on_progress=_show_progress if progress else None)
    if progress:
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        click.echo("\n".join(told(result, zone)))


def _show_progress(part: float, observations: int) -> None:
    click.echo(f"\r{part:4.0%}  {observations:,} observations", nl=False, err=True)


def _aware(at: datetime, zone: ZoneInfo) -> datetime:
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def _in_force(session: Session, name: str) -> RuleDocument:
    from campuswatch.rulebook import document_of
    from campuswatch.rulekeeper import all_versions

    return document_of(_ask(session, lambda conn: all_versions(conn, name))[0])


def _read(file: Path) -> RuleDocument:
    from detectors.documents.reading import read_text

    try:
        return read_text(file.read_text("utf-8-sig"), str(file))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RuleRefused([f"{file}:1: expected text in UTF-8"]) from error


def _text(version: RuleVersion) -> str:
    """As YAML; one that ships with its comments."""
    from detectors.documents.shipped import texts
    from detectors.documents.writing import text_of

    return texts()[version.rule] if version.version == 0 else text_of(version.document)


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="rules") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
