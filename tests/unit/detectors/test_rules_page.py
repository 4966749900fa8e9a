"""docs/rules.md is what people write rules by: what stands there is read, and all that there is stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detectors.documents import form
from detectors.documents.reading import read_text
from detectors.documents.shipped import shipped
from domain.metric import METRICS

TEXT = (Path(__file__).parents[3] / "docs" / "rules.md").read_text("utf-8")
HEAD = "rule: try\ntitle: {zh: 试, en: Try}\ncategory: device\nseverity: minor\n"
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
INLINE = re.findall(r"^\| `(\{.+?\})` \|", TEXT, re.MULTILINE)


def test_the_first_rule_is_right() -> None:
    assert read_text(BLOCKS[0], "server_room.yaml").name == "server_room_warm"


def test_the_tree_is_right() -> None:
    assert read_text(HEAD + BLOCKS[1], "tree.yaml").header.rule == "try"


@pytest.mark.parametrize("condition", INLINE)
def test_each_condition_of_the_table_is_right(condition: str) -> None:
    beside = "- {event: tamper}" if "schedule" in condition or "weekly" in condition else ""
    when = f"when:\n  all:\n    - {condition}\n" + (f"    {beside}\n" if beside else "")
    read_text(HEAD + when, "x.yaml")


def test_every_condition_quantity_and_rule_is_told() -> None:
    assert len(INLINE) >= 11
    for head in (*form.LEAVES, *form.BRANCHES):
        assert f"{head}:" in TEXT
    for name in (*METRICS, *shipped(), *form.SCHEDULES):
        assert re.search(rf"\b{name}\b", TEXT), name
    for name, field in form.Header.model_fields.items():
        assert f"| `{field.alias or name}` |" in TEXT
