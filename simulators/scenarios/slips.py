"""Slips of the hand that YAML tells in words nobody understands: full-width punctuation, a tab.

They are looked for in a file that is wrong only: in a text of a right one they may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel

from simulators.scenarios import format as form
from simulators.scenarios.problems import Problem

_MEANT = {"：": "': '", "，": "', '", "｛": "'{'", "｝": "'}'"}
_NAMES = {"：": "colon", "，": "comma", "｛": "brace", "｝": "brace"}


def explained(problems: Sequence[Problem], text: str, file: str, *, readable: bool) -> list[Problem]:
    """The same problems, with slips instead of what a slip on the same line led to; instead of all of them where the
    text was not ``readable`` at all.
    """
    found = list(_slips(text, file))
    if not found:
        return list(problems)
    explained_lines = {slip.line for slip in found}
    return [*found, *(one for one in problems if readable and one.line not in explained_lines)]


def _slips(text: str, file: str) -> Iterator[Problem]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        if "\t" in line[: len(line) - len(line.lstrip())]:
            yield Problem(file, number, "", "indent with spaces; there is a tab")
        elif slip := _FULL_WIDTH.search(line):
            sign = next(group for group in slip.groups() if group)
            yield Problem(file, number, "", f"full-width {sign} is no {_NAMES[sign]} here; write {_MEANT[sign]}")


def _keys(models: Iterable[type[BaseModel]]) -> Iterator[str]:
    for model in models:
        for name, field in model.model_fields.items():
            yield field.alias or name


_KEY = "|".join(
    sorted({*_keys((form.Scenario, form.Words, *form.Part.__subclasses__(), *form.Target.__subclasses__()))})
)
#: After a key, before the next one, or where a mapping begins or ends.
_FULL_WIDTH = re.compile(
    rf"(?:^\s*(?:-\s+)?|[{{,，｛]\s*)(?:{_KEY})\s*(：)"
    rf"|(，)\s*(?:{_KEY})\s*[:：]"
    rf"|(?:{_KEY})\s*:\s*(｛)"
    rf"|[^\s]+(｝)\s*$"
)
