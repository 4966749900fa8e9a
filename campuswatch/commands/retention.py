"""``campuswatch retention``: how long records are kept, and what is past its time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from campuswatch.commands.devices import actor_name
from campuswatch.session import Session
from storage.pool import connect, wrapped_errors
from storage.retention import due
from storage.retention import sweep as remove


@click.group()
def retention() -> None:
    """How long records are kept ([retention] of the settings). The alerting role removes by itself what is older."""


@retention.command("show")
@click.pass_obj
def show_command(session: Session) -> None:
    """How many days each kind is kept (0 = for good)."""
    for kept, days in session.settings().retention.days().items():
        click.echo(f"{kept.value}\t{days}")


@retention.command("sweep")
@click.option("--dry-run", is_flag=True, help="Say how many rows would go, and remove nothing.")
@click.pass_obj
def sweep_command(session: Session, dry_run: bool) -> None:
    """Remove everything that is past its time now, batch by batch."""
    days, now = session.settings().retention.days(), datetime.now(UTC)

    async def run() -> dict[str, int]:
        async with await connect(session.dsn(), name="retention") as conn, wrapped_errors():
            if dry_run:
                return await due(conn, days, now=now)
            return await remove(conn, days, now=now, actor=actor_name(), most=1_000_000)

    for table, count in asyncio.run(run()).items():
        click.echo(f"{table}\t{count}")
