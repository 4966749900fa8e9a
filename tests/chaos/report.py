"""The tables in docs/reliability.md, between two markers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.run import Outcome
from tests.chaos.table import markdown

BEGIN, END = "<!-- chaos: made by the command -->", "<!-- chaos: end -->"


def write_report(file: Path, outcomes: Sequence[Outcome], command: str) -> None:
    """Replace what stands between the markers. :raises ValueError: ``file`` has no such place."""
    text = file.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no place for the tables: {BEGIN} ... {END}")
    tables = "\n\n".join(_part(outcome) for outcome in outcomes)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    file.write_text(f"{before}{BEGIN}\n\n`{command}` on {day}:\n\n{tables}\n\n{END}{after}", "utf-8")


def _part(outcome: Outcome) -> str:
    verdict = "passed" if outcome.passed else "FAILED"
    head = (
        f"Seed {outcome.seed}: {verdict}; {outcome.seconds:.0f} s in all, settled {outcome.settled_s:.0f} s after the"
        " last fault."
    )
    faults = "".join(f"\n- {fault}" for fault in outcome.account.faults)
    return "\n\n".join(part for part in (head, markdown(outcome.account), faults.lstrip("\n")) if part)
