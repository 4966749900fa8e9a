"""Reading a scenario: from a file, or one of those that ship, to a `Script` that can be run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from simulators.scenarios.compiling import compiled
from simulators.scenarios.format import Scenario
from simulators.scenarios.problems import Problem, ScenarioInvalid, UnknownScenario, nearest
from simulators.scenarios.script import Script, Words
from simulators.scenarios.shape import header_of, steps_of
from simulators.scenarios.slips import explained
from simulators.scenarios.source import Unreadable, parse, read_text

LIBRARY = Path(__file__).parent / "library"
ENDINGS = (".yaml", ".yml")


class Entry(NamedTuple):
    """A scenario of the library."""

    name: str
    title: Words
    about: Words


def load(path_or_name: str | Path) -> Script:
    """The script of a file, or of a shipped scenario by its name.

    :raises ScenarioInvalid: it is wrong; all problems at once.
    :raises UnknownScenario: nothing is called so.
    """
    path, name = Path(path_or_name), str(path_or_name)
    if name in _names():
        path = LIBRARY / f"{name}.yaml"
    elif path.suffix not in ENDINGS and not path.is_file():
        raise UnknownScenario(
            f"no scenario is called {name!r}{nearest(name, _names())}\n"
            "`campuswatch sim list` names those that ship; a file of your own ends with .yaml"
        )
    try:
        text = read_text(path)
    except Unreadable as error:
        raise ScenarioInvalid(error.problems) from error
    return loads(text, path.stem, file=path.name if path.parent == LIBRARY else name)


def loads(text: str, name: str, *, file: str) -> Script:
    """The script of ``text``; ``file`` is what problems call it.

    :raises ScenarioInvalid: it is wrong; all problems at once.
    """
    try:
        root, problems = parse(text, file)
    except Unreadable as error:
        raise ScenarioInvalid(explained(error.problems, text, file, readable=False)) from error
    if not isinstance(root.value, dict):
        no_mapping = Problem(file, root.line, "", "expected a mapping: title, about, start, lasts, steps")
        raise ScenarioInvalid(explained([no_mapping], text, file, readable=False))
    header, wrong_header = header_of(root, file)
    steps, wrong_steps = steps_of(root, file)
    problems += [*wrong_header, *wrong_steps]
    if header is not None:
        script, wrong = compiled(name, header, steps, root, file)
        problems += wrong
        if not problems:
            return script
    raise ScenarioInvalid(explained(problems, text, file, readable=True))


def library() -> list[Entry]:
    """What ships, by name."""
    return [Entry(name, script.title, script.about) for name in _names() for script in (load(name),)]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a scenario."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(by_alias=True),
    }


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.yaml")))
