"""``campuswatch sim list``, ``check`` and ``schema``: which scenarios there are, and whether one's own is right."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from simulators.errors import SimulatorError
from simulators.message import CHINA_TIME


@click.command("list")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
def list_(lang: str) -> None:
    """Name the scenarios that ship, with what they are about.

    \b
      campuswatch sim list --lang en
    """
    from simulators.scenarios.reading import library

    found = library()
    width = max((len(entry.name) for entry in found), default=0)
    for entry in found:
        title, about = (entry.title.zh, entry.about.zh) if lang == "zh" else (entry.title.en, entry.about.en)
        click.echo(f"{entry.name:{width}}  {title}")
        click.echo(f"{'':{width}}  {about.strip()}")


@click.command()
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True)
def check(scenarios: tuple[str, ...]) -> None:
    """Read scenarios without running them; name every fault with its line.

    SCENARIO is a file, or the name of one that ships. Faults are told in English. Exit code 2: there is one.

    \b
      campuswatch sim check my-scenario.yaml
    """
    from simulators.scenarios.reading import load
    from simulators.scenarios.times import spoken

    wrong = False
    for name in scenarios:
        try:
            script = load(name)
        except SimulatorError as error:
            click.echo(str(error), err=True)
            wrong = True
            continue
        start = datetime.fromtimestamp(script.start_s, CHINA_TIME)
        click.echo(
            f"{script.name}: {_counted(len(script.steps), 'step')}, {_counted(len(script.wants), 'want')}, "
            f"{_counted(len(script.quiets), 'quiet time')}, from {start:%Y-%m-%d %H:%M:%S} for "
            f"{spoken(script.ends_s - script.start_s, english=True)}, "
            f"{_counted(len(script.district.sites), 'site')}, seed {script.seed}"
        )
    if wrong:
        raise click.exceptions.Exit(2)


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
def schema(out: Path | None) -> None:
    """The JSON Schema of scenarios, for an editor that checks while one writes.

    \b
      campuswatch sim schema --out scenario.schema.json
    """
    from simulators.scenarios.reading import schema as schema_of

    text = json.dumps(schema_of(), ensure_ascii=False, indent=2)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", "utf-8")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
