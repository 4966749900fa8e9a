"""``python -m tests.chaos``: the whole system under fault after fault, and an account of every message."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click
import msgspec
import structlog

from tests.chaos.faults import BY_NAME, FAULTS, SHORT
from tests.chaos.plan import plan
from tests.chaos.report import write_report
from tests.chaos.run import Outcome, run
from tests.chaos.table import figures, text
from tests.servers import open_directory

#: Beside the packages, ignored by git.
_FOLDER = Path(__file__).resolve().parents[2] / ".bench" / "chaos"
#: A link that refuses is tried again once a minute; an exponential wait ends at a minute too.
_PATIENCE_S, _SHORT_PATIENCE_S = 150.0, 30.0
_SHORT_S = 48.0


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--seed", "seeds", type=int, multiple=True, help="Order, moments and victims; may be given repeatedly.")
@click.option("--duration", type=click.FloatRange(min=10), default=600.0, show_default=True, help="Seconds for each.")
@click.option("--short", is_flag=True, help=f"What the tests run: {len(SHORT)} faults in {_SHORT_S:.0f} s.")
@click.option("--fault", "names", type=click.Choice(list(BY_NAME)), multiple=True, help="Only these faults.")
@click.option("--report", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Write the tables here.")
def main(seeds: tuple[int, ...], duration: float, short: bool, names: tuple[str, ...], report: Path | None) -> None:
    """Run the whole system, inject faults and reconcile every message. Exit code 1: something was lost, missing,
    delivered twice under different ids, or a false alarm appeared.
    """
    faults = [BY_NAME[name] for name in names or (SHORT if short else [fault.name for fault in FAULTS])]
    outcomes: list[Outcome] = []
    for seed in seeds or (1,):
        click.echo(f"seed {seed}")
        folder = _FOLDER / f"seed-{seed}"
        with open_directory() as directory:
            _tell_supervisor_to(directory / "supervisor.log")
            outcome = run(
                plan(faults, seed=seed, duration_s=_SHORT_S if short else duration),
                seed=seed,
                directory=directory,
                keep_logs_in=folder,
                patience_s=_SHORT_PATIENCE_S if short else _PATIENCE_S,
                say=click.echo,
            )
        outcomes.append(outcome)
        kept = {**asdict(outcome), "rows": figures(outcome.account)}
        (folder / "account.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
        click.echo(f"\n{text(outcome.account)}")
        for fault in outcome.account.faults:
            click.echo(f"FAILED: {fault}")
        click.echo(f"({outcome.seconds:.0f} s; figures and the roles' words: {folder})\n")
    if report is not None:
        write_report(report, outcomes, f"make chaos ARGS='{' '.join(sys.argv[1:])}'")
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


def _tell_supervisor_to(file: Path) -> None:
    """What the supervisor says of roles that it starts again is no news here."""
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file.open("w", encoding="utf-8")))


if __name__ == "__main__":
    main()
