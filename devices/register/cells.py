"""What a cell of the register's workbook can hold: how each kind is read, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

import msgspec

from devices.headings import fold
from devices.records import Record
from devices.tables import Words

Written = str | int | float | date | None

#: The year in which the dates of Excel begin, and become right.
_EXCEL_FROM = date(1901, 1, 1)


class Writing(msgspec.Struct, frozen=True):
    """In which language, and in which zone times are told."""

    language: str
    zone: ZoneInfo


class Kind(Protocol):
    """``expects`` says what people have to write. `read` answers None where the cell is empty or at fault."""

    @property
    def expects(self) -> Words: ...

    def read(self, record: Record, field: str, *, required: bool) -> Any: ...

    def write(self, value: Any, writing: Writing) -> Written: ...


class Text(msgspec.Struct, frozen=True):
    expects: ClassVar[Words] = Words("文字,不超过 200 字", "text of at most 200 characters")

    def read(self, record: Record, field: str, *, required: bool) -> str | None:
        return record.text(field, required=required) or None

    def write(self, value: str, writing: Writing) -> Written:
        return value


class Code(msgspec.Struct, frozen=True):
    """An id or a number that is not reckoned with. ``pattern`` is what it has to be."""

    expects: Words
    pattern: str = r".{1,64}"

    def read(self, record: Record, field: str, *, required: bool) -> str | None:
        text = record.code(field, required=required)
        if text and re.fullmatch(self.pattern, text) is None:
            record.refuse(
                field,
                f"应为{self.expects.zh},得到 {text[:40]}",
                f"expected {self.expects.en}, got {text[:40]}",
            )
            return None
        return text or None

    def write(self, value: str, writing: Writing) -> Written:
        return value


class Whole(msgspec.Struct, frozen=True):
    low: int
    high: int

    @property
    def expects(self) -> Words:
        return Words(f"{self.low} 到 {self.high} 的整数", f"a whole number from {self.low} to {self.high}")

    def read(self, record: Record, field: str, *, required: bool) -> int | None:
        if required:
            record.code(field, required=True)
        return record.whole_or_none(field, self.low, self.high)

    def write(self, value: int, writing: Writing) -> Written:
        return value


class Flag(msgspec.Struct, frozen=True):
    expects: ClassVar[Words] = Words("是 或 否", "yes or no")

    def read(self, record: Record, field: str, *, required: bool) -> bool | None:
        return record.flag_or_none(field)

    def write(self, value: bool, writing: Writing) -> Written:
        return (Words("是", "yes") if value else Words("否", "no")).text(writing.language)


class Day(msgspec.Struct, frozen=True):
    expects: ClassVar[Words] = Words("日期(Excel 日期或 2026-03-01)", "a date (of Excel, or 2026-03-01)")

    def read(self, record: Record, field: str, *, required: bool) -> date | None:
        return record.day(field, required=required)

    def write(self, value: date | None, writing: Writing) -> Written:
        return value.isoformat() if value is not None and value < _EXCEL_FROM else value


class Moment(msgspec.Struct, frozen=True):
    """A date and a time of the district's zone."""

    expects: ClassVar[Words] = Words("日期和时间,如 2026-03-01 07:00", "a date and a time such as 2026-03-01 07:00")

    def read(self, record: Record, field: str, *, required: bool) -> datetime | time | None:
        return record.moment(field, required=required)

    def write(self, value: datetime, writing: Writing) -> Written:
        local = value.astimezone(writing.zone)
        return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")


class Clock(msgspec.Struct, frozen=True):
    """A time of day, kept as minutes after midnight."""

    expects: ClassVar[Words] = Words("时间,如 07:30", "a time such as 07:30")

    def read(self, record: Record, field: str, *, required: bool) -> int | None:
        found = record.clock(field, required=required)
        return None if found is None else found.hour * 60 + found.minute

    def write(self, value: int | None, writing: Writing) -> Written:
        return None if value is None else f"{value // 60:02d}:{value % 60:02d}"


class Choice(msgspec.Struct, frozen=True):
    """One of a few words."""

    words: Mapping[Any, Words]  # by members of a StrEnum

    @property
    def expects(self) -> Words:
        return Words("、".join(word.zh for word in self.words.values()), ", ".join(map(str, self.words)))

    def read(self, record: Record, field: str, *, required: bool) -> Any:
        text = record.code(field, required=required)
        if not text:
            return None
        for kind, words in self.words.items():
            if fold(text) in (fold(kind.value), fold(words.zh), fold(words.en)):
                return kind
        record.refuse(
            field,
            f"没有「{text[:40]}」;可用:{self.expects.zh}",
            f"no such thing: {text[:40]}; there are {self.expects.en}",
        )
        return None

    def write(self, value: StrEnum, writing: Writing) -> Written:
        return self.words[value].zh if writing.language == "zh" else value.value


class Contacts(msgspec.Struct, frozen=True):
    """Addresses of channels (Apprise URLs), by blanks or line ends."""

    expects: ClassVar[Words] = Words("通知地址(Apprise URL),空格分隔", "Apprise URLs, by blanks")

    def read(self, record: Record, field: str, *, required: bool) -> tuple[str, ...] | None:
        found = tuple(record.text(field, required=required).split())
        for number, url in enumerate(found, start=1):
            if re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+", url) is None:
                # The text itself may be half a secret: it is not repeated.
                record.refuse(field, f"第 {number} 个不是通知地址(scheme://…)", f"no. {number} is no URL (scheme://…)")
        return found or None

    def write(self, value: tuple[str, ...], writing: Writing) -> Written:
        return " ".join(value)


def within(starts: datetime, ends: datetime | time) -> datetime:
    """The end of what begins at ``starts`` and ends at a time of day: the next one."""
    if isinstance(ends, datetime):
        return ends
    found = datetime.combine(starts.date(), ends)
    return found if found > starts else found + timedelta(days=1)
