"""What the routes ask of whoever imports the registry from files."""

from __future__ import annotations

from typing import Protocol

import msgspec

from dashboards.people import Who


class ImportedSheet(msgspec.Struct, frozen=True, kw_only=True):
    zh: str
    en: str
    added: int
    changed: int
    unchanged: int


class WrongCell(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` 0 = the file as a whole."""

    sheet: str
    line: int
    column: str
    zh: str
    en: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``wrong`` has the first of ``faults``."""

    applied: bool
    sheets: list[ImportedSheet]
    ignored: list[str]
    faults: int
    wrong: list[WrongCell]


class Importer(Protocol):
    async def take(self, name: str, content: bytes, *, dry_run: bool, by: Who) -> Imported:
        """Import a file, all or nothing; a dry run says what would become of it.

        :raises RegistryError: it has nothing to do with the file's cells.
        """
