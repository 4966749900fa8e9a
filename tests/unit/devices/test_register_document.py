"""The page about the registry describes every sheet and column, as the importer has them."""

from __future__ import annotations

from pathlib import Path

from devices.register.document import tables
from devices.register.forms import FORMS

PAGE = Path(__file__).parents[3] / "docs" / "registry.md"


def test_the_page_has_every_sheet_column_by_column() -> None:
    assert tables() in PAGE.read_text(encoding="utf-8")


def test_headings_of_a_sheet_are_told_apart() -> None:
    for form in FORMS:
        titles = [title.casefold() for column in form.columns for title in column.titles]
        assert len(titles) == len(set(titles)), form.title.zh
    names = [name for form in FORMS for name in form.names]
    assert len(names) == len(set(names))
