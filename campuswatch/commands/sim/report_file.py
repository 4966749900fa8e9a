"""``--json FILE``: refused before anything starts where it cannot be written, because a run may have taken hours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

STANDARD_OUTPUT = Path("-")


def report_option(text: str) -> Callable[[F], F]:
    """``--json``, as the command's ``json_file``: a file that can be written, or ``-`` for standard output."""
    return click.option(
        "--json",
        "json_file",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        callback=_writable,
        help=f"{text} - for standard output.",
    )


def _writable(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    if path is None or path == STANDARD_OUTPUT:
        return path
    new = not path.exists()
    try:
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be written: {error.strerror}", ctx, param) from error
    return path


def write_report(path: Path, content: str) -> None:
    """:raises click.ClickException: it cannot be written any more."""
    if path == STANDARD_OUTPUT:
        click.echo(content)
        return
    try:
        path.write_text(content + "\n", "utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
