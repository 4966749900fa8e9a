"""``campuswatch duty``: the roster in and out of files, who is on duty, test messages, plans and templates."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from campuswatch.commands.devices import LANGUAGE, actor_name
from campuswatch.session import Session
from domain.clock import SystemClock
from storage.pool import Connection, connect, wrapped_errors


@click.group()
def duty() -> None:
    """People and rosters: import, export, who is on duty, audit, test messages; plans and templates."""


@asynccontextmanager
async def _connected(session: Session) -> AsyncIterator[Connection]:
    async with await connect(session.dsn(), name="duty") as conn, wrapped_errors():
        yield conn


def _zone(session: Session) -> ZoneInfo:
    return ZoneInfo(session.settings().zone)


@duty.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything; change nothing.")
@LANGUAGE
@click.pass_obj
def import_command(session: Session, file: Path, dry_run: bool, language: str) -> None:
    """Import people, shifts and patterns from FILE (.xlsx or .csv), all or nothing.

    Exit code 0: imported (or would be); 1: refused, and nothing was changed.
    """
    from devices.duty_sheets import import_roster

    async def work() -> int:
        async with _connected(session) as conn:
            plan = await import_roster(
                conn, file, zone=_zone(session), actor=actor_name(), at=SystemClock().now(), dry_run=dry_run
            )
        for fault in plan.faults:
            click.echo(fault.text(language), err=True)
        if plan.faults:
            refused = f"{len(plan.faults)} faults; nothing was changed"
            click.echo(refused if language == "en" else f"{len(plan.faults)} 处错误，未做任何更改", err=True)
            return 1
        counts = len(plan.people), len(plan.shifts), len(plan.patterns)
        if language == "en":
            click.echo("{} people, {} shifts, {} patterns".format(*counts) + (" (dry run)" if dry_run else ""))
        else:
            click.echo("人员 {}，值班 {}，规律 {}".format(*counts) + ("（试运行）" if dry_run else ""))
        return 0

    sys.exit(asyncio.run(work()))


@duty.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@LANGUAGE
@click.pass_obj
def export_command(session: Session, file: Path, language: str) -> None:
    """Export the roster to FILE (.xlsx), as import takes it. Addresses are secrets and are left out."""
    from devices.duty_sheets import export_roster

    async def work() -> None:
        async with _connected(session) as conn:
            counts = await export_roster(conn, file, zone=_zone(session), at=SystemClock().now(), language=language)
        click.echo("\n".join(f"{title}: {count}" for title, count in counts.items()))

    asyncio.run(work())


@duty.command("who")
@click.option("--site", "site_id", default="", help="A site beside the bureau.")
@click.option("--at", "moment", help="By the district's clock, such as '2026-10-01 09:00'.  [default: now]")
@LANGUAGE
@click.pass_obj
def who_command(session: Session, site_id: str, moment: str | None, language: str) -> None:
    """Say who is on duty."""
    from alerting.roster_audit import ROLE_WORDS
    from domain.duty import DutyRole
    from storage.duty import load_roster

    zone = _zone(session)
    try:
        at = SystemClock().now() if moment is None else datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.BadParameter(f"{moment!r} is no time; expected such as '2026-10-01 09:00'") from error
    at = at if at.tzinfo else at.replace(tzinfo=zone)

    async def work() -> None:
        async with _connected(session) as conn:
            roster = await load_roster(conn, at, at, zone=zone, site_ids=[site_id])
        for place in dict.fromkeys((site_id, "")):
            for role in DutyRole:
                names = ", ".join(one.person.name for one in roster.who(at, place, role)) or "-"
                click.echo(f"{place or 'bureau'}\t{ROLE_WORDS[role][language == 'en']}\t{names}")

    asyncio.run(work())


@duty.command("audit")
@LANGUAGE
@click.pass_obj
def audit_command(session: Session, language: str) -> None:
    """Name gaps, people who cannot be reached and contacts that failed their test. Exit code 1: there are some."""
    from campuswatch.roster_watch import faults_of

    async def work() -> int:
        async with _connected(session) as conn:
            faults = await faults_of(conn, now=SystemClock().now(), zone=_zone(session))
        for fault in faults:
            click.echo(f"{fault.site_id or 'bureau'}\t{fault.en if language == 'en' else fault.zh}")
        return 1 if faults else 0

    sys.exit(asyncio.run(work()))


@duty.command("people")
@click.pass_obj
def people_command(session: Session) -> None:
    """List people with the numbers of their contacts. Addresses are shown nowhere."""
    from storage.duty import all_people

    async def work() -> None:
        async with _connected(session) as conn:
            people = await all_people(conn)
        for person in people:
            ways = " ".join(
                f"{contact.contact_no}:{contact.channel.value}"
                f"{'' if contact.test_ok is None else '(ok)' if contact.test_ok else '(failed)'}"
                for contact in person.contacts
            )
            click.echo(f"{person.person_id}\t{person.name}\t{person.site_id or 'bureau'}\t{ways or '-'}")

    asyncio.run(work())


@duty.command("test")
@click.argument("contacts", type=click.IntRange(min=1), nargs=-1, required=True, metavar="CONTACT...")
@click.pass_obj
def test_command(session: Session, contacts: tuple[int, ...]) -> None:
    """Send a test message over each CONTACT (a number of `duty people`) and keep how it went.

    Exit code 1: one of them failed.
    """
    from alerting.desk import Desk
    from alerting.directory import Directory
    from campuswatch.gazetteer import RegistryGazetteer
    from campuswatch.responder import ResponderDesk
    from campuswatch.roles.people import open_people
    from campuswatch.roles.surroundings import surroundings
    from storage.pool import open_pool

    async def work() -> int:
        around = surroundings(session.completed())
        failed = 0
        async with open_pool(session.dsn(), name="duty") as pool:
            desk = Desk(gazetteer=RegistryGazetteer(), link_ids=(), zone=around.zone)
            async with open_people(around, Directory(pool, around.clock, public_url=None)) as channels:
                responder = ResponderDesk(pool, desk, around.clock, channels=channels)
                for number in contacts:
                    error = await responder.test_contact(number, actor=actor_name())
                    click.echo(f"{number}: {error or 'ok'}")
                    failed += bool(error)
        return 1 if failed else 0

    sys.exit(asyncio.run(work()))


@duty.command("preview")
@LANGUAGE
def preview_command(language: str) -> None:
    """Show every template of a message, filled in with an example."""
    from alerting.templates import previews

    for name, words in previews(language).items():
        click.echo(f"[{name}]\n{words.title}\n{words.text}\n")


@duty.command("plan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--note", default="", help="Why.")
@click.pass_obj
def plan_command(session: Session, file: Path | None, note: str) -> None:
    """Print the plan of the graded response as JSON; with FILE make that the plan from now on."""
    from domain.response import checked
    from storage.audit_trail import append
    from storage.responses import add_plan, load_plan, newest_plan_version, plan_of

    written = None if file is None else file.read_bytes()

    async def work() -> None:
        async with _connected(session) as conn:
            if written is None:
                plan = (await load_plan(conn, await newest_plan_version(conn))).plan
                click.echo(msgspec.json.format(msgspec.json.encode(plan)).decode())
                return
            try:
                document = msgspec.json.decode(written)
            except msgspec.DecodeError as error:
                raise click.ClickException(f"{file}: not JSON: {error}") from error
            plan, now = checked(plan_of(document)), SystemClock().now()
            async with conn.transaction():
                version = await add_plan(conn, plan, at=now, by=actor_name(), note=note)
                await append(conn, at=now, actor=actor_name(), action="response_plan.made", subject=str(version))
            click.echo(f"version {version}")

    asyncio.run(work())
