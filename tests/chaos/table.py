"""The one table: for the terminal, for the document, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from tests.chaos.account import Account, Row

COLUMNS = (
    "fault", "times", "sent", "acked", "stored", "rejected", "duplicate", "lost", "broker lost",
    "alarms", "delivered", "again", "twice", "missing", "p50 s", "p99 s", "max s",
)  # fmt: skip


def lines(account: Account) -> list[list[str]]:
    """The rows as text, the total last."""
    return [_line(row) for row in (*account.rows, account.total)]


def text(account: Account) -> str:
    grid = [list(COLUMNS), *lines(account)]
    widths = [max(len(line[place]) for line in grid) for place in range(len(COLUMNS))]
    drawn = [
        "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in grid)
    ]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([drawn[0], rule, *drawn[1:-1], rule, drawn[-1]])


def markdown(account: Account) -> str:
    head = f"| {' | '.join(COLUMNS)} |"
    rule = "|---" + "|--:" * (len(COLUMNS) - 1) + "|"
    return "\n".join([head, rule, *(f"| {' | '.join(line)} |" for line in lines(account))])


def figures(account: Account) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(row, name) for name in Row.__slots__ if name != "latencies_s"},
            **dict(zip(("p50_s", "p99_s", "max_s"), spread(row.latencies_s), strict=True)),
        }
        for row in (*account.rows, account.total)
    ]


def spread(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """p50, p99 and the longest."""
    if not values:
        return None, None, None
    if len(values) == 1:
        return values[0], values[0], values[0]
    cuts = quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98], max(values)


def _line(row: Row) -> list[str]:
    counts = [f"{getattr(row, name):,}" for name in Row.__slots__ if name not in ("fault", "latencies_s")]
    return [row.fault, *counts, *("-" if value is None else f"{value:.3f}" for value in spread(row.latencies_s))]
