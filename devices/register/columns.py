"""What sheets have in common: the column that names the site, codes, and checks between cells."""

from __future__ import annotations

from typing import Any

from devices.records import Record
from devices.register.cells import Code
from devices.register.form import Around, Column
from devices.tables import Words

SHORT_ID = Code(Words("1 到 32 个字母、数字或连字符", "1 to 32 of A-Z a-z 0-9 -"), r"[A-Za-z0-9-]{1,32}")
ANY_CODE = Code(Words("不超过 64 个字符的编号", "a number or id of at most 64 characters"))

SITE = Column(
    field="site_id",
    titles=("学校编号", "site_id", "站点编号", "校区编号", "site"),
    kind=Code(Words("已登记的学校编号", "the id of a registered site")),
    required=True,
    meaning=Words("学校,与「学校」表中的编号一致", "the site, by its id of the sheet of sites"),
)


def check_site(record: Record, values: dict[str, Any], around: Around) -> None:
    if values["site_id"] not in around.sites:
        text = values["site_id"][:40]
        record.refuse("site_id", f"没有编号为 {text} 的学校", f"no such site: {text}")


def not_before(record: Record, values: dict[str, Any], later: str, earlier: str) -> None:
    """Of two dates of a row that are both given."""
    if values[later] is not None and values[earlier] is not None and values[later] < values[earlier]:
        record.refuse(later, f"早于{values[earlier]}", f"before {values[earlier]}")
