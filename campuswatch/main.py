"""The command line. Each command imports what it needs, so that a role's process carries nothing else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from campuswatch.session import Session
from campuswatch.version import installed_version
from domain.errors import CampuswatchError, StorageUnavailable


class Program(click.Group):
    """Ends with our errors' own words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CampuswatchError as error:
            raise click.ClickException(f"{error}{_where(ctx, error)}") from error


def _where(ctx: click.Context, error: CampuswatchError) -> str:
    """Which database was looked for, where nobody has named one."""
    session = ctx.obj
    if not isinstance(error, StorageUnavailable) or not isinstance(session, Session):
        return ""
    if session.settings().database.url is not None:
        return ""
    return (
        f"\nNo database is named in the settings, so that of a demo in {session.data()} was looked for. "
        "For a demo with `--data DIRECTORY`: export CAMPUSWATCH_DATA=DIRECTORY"
    )


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(installed_version(), prog_name="campuswatch")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file. Without it: the file named by CAMPUSWATCH_SETTINGS, or ./campuswatch.toml.",
)
@click.pass_context
def program(ctx: click.Context, settings_file: Path | None) -> None:
    """School-safety control room of a district: alarms, sensors, cameras and guards of all sites on one wall.

    Start with `campuswatch demo`. It needs no hardware, no database, no broker, no internet and no root.
    """
    ctx.obj = Session(settings_file)


@program.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Of the wall.  [default: 8000]")
@click.option("--mqtt-port", type=click.IntRange(1, 65_535), default=1883, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where data is kept between runs.")
@click.option("--sites", type=click.IntRange(1, 184), default=184, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another district.")
@click.option("--no-simulator", is_flag=True, help="Bring your own devices: no simulated sites, no simulated links.")
@click.option(
    "--no-fleet", is_flag=True, help="The simulated sites are silent until `campuswatch sim` lets them speak."
)
@click.option("--no-cameras", is_flag=True, help="No pictures of simulated cameras.")
@click.option("--duration", type=click.FloatRange(min=1), help="Stop after so many seconds.")
@click.pass_obj
def demo(
    session: Session,
    port: int | None,
    mqtt_port: int,
    data: Path | None,
    sites: int,
    seed: int,
    no_simulator: bool,
    no_fleet: bool,
    no_cameras: bool,
    duration: float | None,
) -> None:
    """Run everything on this machine: broker, database, all roles, and a simulated district. Ctrl-C ends it."""
    from campuswatch.demo import Demo

    plan = Demo(
        settings=session.settings(),
        settings_file=session.file,
        port=port,
        mqtt_port=mqtt_port,
        data=data,
        sites=sites,
        seed=seed,
        simulate=not no_simulator,
        fleet=not no_fleet,
        cameras=not no_cameras,
        duration_s=duration,
    )
    sys.exit(asyncio.run(plan.run()))


@program.command()
@click.option("--role", type=click.Choice(["alarm", "bulk", "alerting", "web", "patrol"]), required=True)
@click.pass_obj
def run(session: Session, role: str) -> None:
    """Run one role. A whole installation is one process of each, on one machine or several.

    Without a database or broker in the settings it joins the demo that runs on this machine.
    """
    from campuswatch.journal import open_journal
    from campuswatch.roles import METRICS_OFFSET, Role
    from campuswatch.roles.surroundings import run_role

    settings = session.completed()
    open_journal(level=settings.log.level, form=settings.log.format, role=role)
    offset = METRICS_OFFSET.get(Role(role))
    run_role(role, settings, metrics_port=None if offset is None else settings.metrics.port + offset)


@program.command()
@click.pass_obj
def migrate(session: Session) -> None:
    """Bring the database to the newest schema. Safe to run again, and while roles are running."""
    from storage.hypertables import timescale_level
    from storage.migrations import migrate as bring_up
    from storage.pool import connect

    async def work() -> None:
        dsn = session.dsn()
        applied = await bring_up(dsn)
        conn = await connect(dsn, name="migrate")
        try:
            level = await timescale_level(conn)
        finally:
            await conn.close()
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do: the schema is the newest")
        click.echo(f"TimescaleDB: {level.value}")

    asyncio.run(work())


@program.command()
@click.pass_obj
def doctor(session: Session) -> None:
    """Check settings, database, broker, links, clocks and roster; say how to mend what is wrong."""
    from campuswatch.doctor import examine

    sys.exit(asyncio.run(examine(session)))


@program.command()
def secret() -> None:
    """Make a secret for a link to police or education. Give it to the other side over a safe way."""
    from campuswatch.secrets import webhook_secret

    click.echo(webhook_secret())


@program.command("prepare-demo", hidden=True)
@click.option("--sites", type=int, required=True)
@click.option("--seed", type=int, required=True)
@click.option("--phone", default="")
@click.option("--snapshots", default="", help="Where simulated cameras answer.")
@click.option("--streams", default="")
@click.pass_obj
def prepare_demo(session: Session, sites: int, seed: int, phone: str, snapshots: str, streams: str) -> None:
    """Migrate, import the simulated district, put a leader on duty, make accounts. Used by `demo`, in a process that
    then ends.
    """
    from campuswatch.camera_seal import camera_seal
    from campuswatch.demo_accounts import make_accounts
    from campuswatch.demo_cameras import give_cameras
    from campuswatch.demo_district import prepare

    async def work() -> None:
        await prepare(session.dsn(), sites=sites, seed=seed, phone=phone)
        if snapshots:
            seal = camera_seal(session.settings())
            await give_cameras(session.dsn(), sites, seal=seal, snapshots=snapshots, streams=streams)
        await make_accounts(session.dsn(), session.data())

    asyncio.run(work())


def main() -> None:
    from campuswatch.commands.audit import audit
    from campuswatch.commands.devices import devices
    from campuswatch.commands.duty import duty
    from campuswatch.commands.links import links
    from campuswatch.commands.patrol import patrol
    from campuswatch.commands.quarantine import quarantine
    from campuswatch.commands.registry import registry
    from campuswatch.commands.retention import retention
    from campuswatch.commands.rules import rules
    from campuswatch.commands.silence import silence
    from campuswatch.commands.sim import sim
    from campuswatch.commands.targets import targets
    from campuswatch.commands.users import users

    program.add_command(audit)
    program.add_command(devices)
    program.add_command(duty)
    program.add_command(patrol)
    program.add_command(links)
    program.add_command(quarantine)
    program.add_command(registry)
    program.add_command(retention)
    program.add_command(rules)
    program.add_command(silence)
    program.add_command(sim)
    program.add_command(targets)
    program.add_command(users)
    program()
