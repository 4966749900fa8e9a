"""``campuswatch audit``: who did what, and whether anybody touched the record of it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from campuswatch.audit_heads import heads_file, kept_heads
from campuswatch.session import Session
from domain.audit import AuditFault, AuditHead, ChainedEntry, Verifier
from domain.errors import AuditBroken
from storage.audit_trail import AuditFilter, audit_entries, audit_head, chained_entries
from storage.pool import Connection, connect, wrapped_errors

T = TypeVar("T")

#: Faults that are named one by one.
MOST_NAMED = 100
_HEAD = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")


class _Head(click.ParamType[AuditHead]):
    """``position:hash``, as `campuswatch audit head` prints it."""

    name = "position:hash"

    def convert(self, value: str | AuditHead, param: click.Parameter | None, ctx: click.Context | None) -> AuditHead:
        if isinstance(value, AuditHead):
            return value
        match = _HEAD.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no head; expected a position, a colon and 64 hexadecimal digits")
        return AuditHead(position=int(match[1]), hash=match[2])


@click.group()
def audit() -> None:
    """The audit trail: list, verify, export."""


@audit.command("list")
@click.option("--actor", help="Of one person or part of the system.")
@click.option("--action", help="One action (incident.acknowledged), or all of a noun (incident.).")
@click.option("--subject", help="Of what it was done to.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_obj
def list_command(session: Session, actor: str | None, action: str | None, subject: str | None, limit: int) -> None:
    """List entries, the newest first: number, time, who, from where, what, to what, detail."""
    only = AuditFilter(actor=actor, action=action, subject=subject)
    zone = ZoneInfo(session.settings().zone)
    for one in _ask(session, lambda conn: audit_entries(conn, only=only, limit=limit)):
        detail = msgspec.json.encode(one.detail).decode()
        at = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        click.echo(f"{one.entry_no}\t{at}\t{one.actor}\t{one.origin}\t{one.action}\t{one.subject}\t{detail}")


@audit.command("head")
@click.pass_obj
def head_command(session: Session) -> None:
    """Print the head of the chain. Keep it where this machine's administrators cannot reach it."""
    head = _ask(session, audit_head)
    click.echo("nothing was written yet" if head is None else f"{head.position}:{head.hash}")


@audit.command("verify")
@click.option("--head", "heads", type=_Head(), multiple=True, help="A head that you kept. May be given several times.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify an export instead of the database.",
)
@click.pass_obj
def verify_command(session: Session, heads: tuple[AuditHead, ...], file: Path | None) -> None:
    """Compute every digest and hash anew and hold the chain against the heads that were kept on this machine.

    Exit code 0: whole; 1: something was changed, and it says what.
    """
    anchors = [*(kept.head for kept in kept_heads(heads_file(session.settings()))), *heads]
    verifier, faults = Verifier(), list[AuditFault]()
    wanted = {anchor.position for anchor in anchors}
    found: dict[int, str] = {}

    def take(entry: ChainedEntry) -> None:
        faults.extend(verifier.step(entry))
        if entry.position in wanted:
            found[entry.position] = entry.hash.hex()

    if file is None:

        async def read(conn: Connection) -> None:
            async for entry in chained_entries(conn):
                take(entry)

        _ask(session, read)
    else:
        _read_export(file, take)
    for anchor in anchors:
        faults.extend(verifier.hold_against(anchor, found.get(anchor.position)))
    for fault in faults[:MOST_NAMED]:
        click.echo(f"{fault.kind.value}: {fault.words}")
    if len(faults) > MOST_NAMED:
        click.echo(f"and {len(faults) - MOST_NAMED} more")
    click.echo(
        f"{verifier.entries} entries, {len(anchors)} kept heads, {len(faults)} faults;"
        f" head {verifier.head.position}:{verifier.head.hash}"
    )
    sys.exit(1 if faults else 0)


@audit.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.pass_obj
def export_command(session: Session, file: Path) -> None:
    """Write the whole trail to FILE, one JSON object a line, with digests and hashes: enough to verify it elsewhere."""

    async def write(conn: Connection) -> int:
        count = 0
        with file.open("wb") as lines:
            async for entry in chained_entries(conn):
                lines.write(msgspec.json.encode(entry) + b"\n")
                count += 1
        return count

    count = _ask(session, write)
    click.echo(f"{count} entries in {file}")


def _read_export(file: Path, take: Callable[[ChainedEntry], None]) -> None:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                entry = msgspec.json.decode(line, type=ChainedEntry)
            except msgspec.MsgspecError as error:
                raise AuditBroken(f"{file}: line {number} is no entry: {error}") from error
            take(entry)


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="audit") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
