"""The text of a scenario: read from a file, and as a tree that knows its lines (`domain.markup`)."""

from __future__ import annotations

import os
from pathlib import Path

from domain.markup import MOST_BYTES as MOST_BYTES
from domain.markup import Node as Node
from domain.markup import Unreadable as Unreadable
from domain.markup import parse as parse
from simulators.scenarios.problems import Problem


def read_text(path: Path) -> str:
    """The text of a file of at most `MOST_BYTES`.

    :raises Unreadable: no such file, no text, or too much of it.
    """
    try:
        with path.open("rb") as file:
            # Not asked for its size: what is no plain file has none.
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(Problem(str(path), 1, "", f"cannot be read: {os.strerror(error.errno or 0)}")) from error
    if len(content) > MOST_BYTES:
        limit = f"a scenario of at most {MOST_BYTES // 1000} kB; this file is larger"
        raise Unreadable(Problem(str(path), 1, "", f"expected {limit}"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(Problem(str(path), line, "", "expected text in UTF-8")) from error
