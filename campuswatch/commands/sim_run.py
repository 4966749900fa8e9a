"""``campuswatch sim run``: scenarios in virtual time."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import click
import msgspec

from campuswatch.commands.sim.live import Live, live_options
from domain.errors import CampuswatchError
from simulators.alarm_lines import Language
from simulators.errors import SimulatorError


@click.command()
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All scenarios that ship.")
@click.option("--timeline", is_flag=True, help="Show all that happened, not only what went wrong.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write happenings to a file."
)
@live_options
@click.option("--verbose", is_flag=True, help="Show the log of the roles too.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
def run(
    names: tuple[str, ...],
    everything: bool,
    timeline: bool,
    json_file: Path | None,
    live: Live | None,
    verbose: bool,
    lang: str,
) -> None:
    """Run scenarios in virtual time and say whether what was wanted happened.

    SCENARIO is the name of one that ships (`campuswatch sim list`) or a file of your own. The production code runs,
    with a clock that jumps: a night takes a second or two. Nothing needs to run beside it, and nothing leaves this
    process but for a PostgreSQL of its own in a temporary directory.

    \b
      campuswatch sim run dormitory-fire --timeline
      campuswatch sim run my-scenario.yaml
      campuswatch sim run --all

    With --live it is the control room at --wall that is tried, in real time: its broker at --mqtt-url, its links and
    telephone at --receivers, the sites in its registry, and no fleet of theirs beside ours. The demo stands so:

    \b
      campuswatch demo --sites 1 --no-fleet
      campuswatch sim run impatient-finger --live

    Ends with 1 when something that was wanted did not happen, or something else did; with 2 when a scenario is wrong.
    """
    from campuswatch.rehearsal import hush, rehearse
    from campuswatch.rehearsal.stage import open_stage
    from simulators.live import refuse_unfit
    from simulators.scenarios.judge import judge
    from simulators.scenarios.reading import library, load

    language = Language(lang)
    chosen = [entry.name for entry in library()] if everything else list(names)
    if not chosen:
        raise click.UsageError("name a scenario, a file, or --all; `campuswatch sim list` says what there is")
    try:
        scripts = [load(name) for name in chosen]
    except SimulatorError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if not verbose:
        hush()
    told: dict[str, list[object]] = {}
    failed = 0
    try:
        if live:
            for script in scripts:
                refuse_unfit(script)
        with ExitStack() as stack:
            stage = None if live else stack.enter_context(open_stage())
            for script in scripts:
                started = perf_counter()
                if stage is None:
                    assert live is not None
                    script, happenings = live.play(script)
                else:
                    with stage.settings() as settings:
                        happenings = rehearse(script, settings)
                judgement = judge(script, happenings, language=language)
                told[script.name] = msgspec.to_builtins(happenings)
                title = script.title.zh if language is Language.ZH else script.title.en
                mark = "✓" if judgement.ok else "✗"
                lasted = (script.ends_s - script.start_s) / 3600.0
                click.echo(f"{mark} {script.name}  {title}  ({lasted:.2g} h in {perf_counter() - started:.1f} s)")
                for failure in judgement.failures:
                    click.echo(str(failure))
                if timeline:
                    click.echo(judgement.timeline)
                failed += not judgement.ok
                if live and live.stopped:
                    raise click.Abort
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    if json_file is not None:
        json_file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if failed:
        sys.exit(1)
