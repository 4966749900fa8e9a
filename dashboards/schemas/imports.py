"""Files of the registry, and what came of them."""

from __future__ import annotations

from pydantic import Field

from dashboards.schemas import Reply


class ImportedSheetReply(Reply):
    """A sheet by its two names."""

    zh: str
    en: str
    added: int
    changed: int
    unchanged: int


class WrongCellReply(Reply):
    sheet: str = Field(description="Empty: of a CSV.")
    line: int = Field(description="As the program that wrote the file counts; 0 = the file as a whole.")
    column: str = Field(description="Letter and heading.")
    zh: str
    en: str


class ImportedReply(Reply):
    applied: bool = Field(description="False: a dry run, or there are faults. Then nothing was changed.")
    sheets: list[ImportedSheetReply]
    ignored: list[str] = Field(description="Sheets and columns that nothing is known about.")
    faults: int
    wrong: list[WrongCellReply] = Field(description="The first 500 of the faults.")
