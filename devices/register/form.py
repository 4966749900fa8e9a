"""What a sheet holds: its columns, the key of its rows, and what has to hold between the cells of a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.headings import fold, match_headings
from devices.records import HEADINGS_WITHIN, Fault, Record, Sheet, titles_of
from devices.register.cells import Kind
from devices.tables import CellFault, Table, Words, column_name


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """``titles`` are its headings: the Chinese and the English one of an export, then others that are taken as well.
    ``default`` is what an empty cell means.
    """

    field: str
    titles: tuple[str, ...]
    kind: Kind
    meaning: Words
    required: bool = False
    default: Any = None


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a row may refer to: what is registered and what the same workbook brings, by its keys."""

    zone: ZoneInfo
    sites: Collection[str]
    devices: Collection[tuple[str, str]]
    guards: Mapping[str, Any]
    gates: Collection[tuple[str, str]]
    doubtful: set[tuple[str, ...]]  # keys of rows at fault: whoever refers to them is not at fault as well


def _nothing(record: Record, values: dict[str, Any], around: Around) -> None:
    pass


class Form(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """``names`` of the sheet as ``titles`` of a column. ``check`` refuses what does not fit together, and may complete
    the values of a row before ``fact`` is made of them.
    """

    names: tuple[str, ...]
    fact: type[Any]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    check: Callable[[Record, dict[str, Any], Around], None] = _nothing

    @property
    def title(self) -> Words:
        return Words(*self.names[:2])

    @property
    def headings(self) -> dict[str, tuple[str, ...]]:
        return {column.field: column.titles for column in self.columns}

    def key_of(self, fact: Any) -> tuple[Any, ...]:
        return tuple(getattr(fact, field) for field in self.key)

    def goes_by(self, sheet: str) -> bool:
        return fold(sheet) in {fold(name) for name in self.names}

    def recognise(self, table: Table, faults: list[Fault], ignored: list[str]) -> Sheet | None:
        """The headings of a sheet that has this form's name; without them the sheet is at fault."""
        if not table.rows:
            return None
        for row in table.rows[:HEADINGS_WITHIN]:
            cells = ["" if isinstance(cell, CellFault) else cell for cell in row.cells]
            columns = match_headings(cells, self.headings)
            if set(columns.values()) >= {column.field for column in self.columns if column.field in self.key[:1]}:
                ignored.extend(
                    f"{table.name} {column_name(number)}({cell.strip()})"
                    for number, cell in enumerate(cells)
                    if cell.strip() and number not in columns
                )
                titles = titles_of(table.name, row.line, cells, columns, faults)
                for column in self.columns:
                    titles.setdefault(column.field, f"({column.titles[0]} {column.titles[1]})")
                return Sheet(table, row.line, columns, titles)
        wanted = Words(
            "、".join(one.titles[0] for one in self.columns), ", ".join(one.titles[1] for one in self.columns)
        )
        why = Words(f"没有找到表头;应有:{wanted.zh}", f"no headings found; expected {wanted.en}")
        faults.append(Fault(table.name, table.rows[0].line, "A", why))
        return None

    def take(
        self, record: Record, known: Mapping[tuple[Any, ...], Any], around: Around, missing: set[str]
    ) -> Any | None:
        """The fact of a row, None where the row has faults. A column that is not there leaves what is known as it is;
        what is new needs all required ones, and ``missing`` remembers which were complained about.
        """
        values = {
            column.field: column.kind.read(record, column.field, required=column.required)
            for column in self.columns
            if record.has(column.field)
        }
        old = known.get(tuple(values.get(field) for field in self.key)) if record.sound else None
        for column in self.columns:
            if not record.has(column.field):
                if old is not None:
                    values[column.field] = getattr(old, column.field)
                    continue
                if column.required:
                    if column.field not in missing:
                        record.refuse(column.field, "缺少这一列", "the column is missing")
                    missing.add(column.field)
                    record.sound = False
            if values.get(column.field) is None:
                values[column.field] = column.default
        if record.sound:
            self.check(record, values, around)
        return self.fact(**values) if record.sound else None
