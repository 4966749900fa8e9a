"""``campuswatch sim run``: scenarios in virtual time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import click

from campuswatch.commands.sim.live import Live, live_options
from campuswatch.commands.sim.report_file import STANDARD_OUTPUT, report_option, write_report
from campuswatch.commands.sim.run_report import RunReport
from domain.errors import CampuswatchError
from simulators.alarm_lines import Language
from simulators.errors import SimulatorError
from simulators.scenarios.script import Script


@click.command()
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All scenarios that ship.")
@click.option("--timeline", is_flag=True, help="Show all that happened, not only what went wrong.")
@report_option("Write verdicts, failures and happenings to a file;")
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

    Live, one scenario at a time: incidents that are open at its sites have to be closed before it begins.

    Ends with 1 when something that was wanted did not happen, or something else did, or the run could not be done; with
    2 when a scenario is wrong; with 130 when Ctrl-C ended a live run, of which there is no verdict.
    """
    from simulators.scenarios.reading import library, load

    chosen = [entry.name for entry in library()] if everything else list(names)
    if not chosen:
        raise click.UsageError("name a scenario, a file, or --all; `campuswatch sim list` says what there is")
    if everything and live:
        raise click.UsageError(
            "--all is for virtual time: some of the scenarios that ship reach into the control room, and one live run "
            "leaves incidents open that have to be closed before the next; name the scenario for --live"
        )
    try:
        scripts = [load(name) for name in chosen]
    except SimulatorError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    report = RunReport(Language(lang), timeline=timeline, aside=json_file == STANDARD_OUTPUT)
    try:
        _run_all(scripts, live, report, verbose=verbose)
    except CampuswatchError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if json_file is not None:
            write_report(json_file, report.json())
    if report.exit_code:
        sys.exit(report.exit_code)


def _run_all(scripts: Sequence[Script], live: Live | None, report: RunReport, *, verbose: bool) -> None:
    from campuswatch.rehearsal import hush, rehearse
    from campuswatch.rehearsal.stage import open_stage
    from simulators.live import refuse_unfit
    from simulators.scenarios.played import Played

    if not verbose:
        hush()
    if live:
        for script in scripts:
            refuse_unfit(script)
    with ExitStack() as stack:
        stage = None if live else stack.enter_context(open_stage())
        for script in scripts:
            started = perf_counter()
            if stage is None:
                assert live is not None
                played = live.play(script)
            else:
                with stage.settings() as settings:
                    played = Played(script, rehearse(script, settings), None)
            report.tell(played, perf_counter() - started)
            if played.stopped_s is not None:
                return
