"""What an import in a process of its own is told, and what it answers (`campuswatch.import_process`). Apart from
that, so that the web role does not load what reads workbooks.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    dsn: str
    file: str
    profiles: str | None
    zone: str
    actor: str
    origin: str
    at: datetime
    dry_run: bool


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a sheet changes, or would."""

    zh: str
    en: str
    added: int
    changed: int
    unchanged: int


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """A cell at fault; ``line`` 0 = the file as a whole."""

    sheet: str
    line: int
    column: str
    zh: str
    en: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``faults`` says how many there are; ``wrong`` has the first of them. ``error``: nothing to do with the file."""

    sheets: list[Sheet] = []
    ignored: list[str] = []
    faults: int = 0
    wrong: list[Wrong] = []
    error: str = ""
