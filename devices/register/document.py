"""The workbook's columns as a page of documentation has them."""

from __future__ import annotations

from devices.register.form import Form
from devices.register.forms import FORMS


def tables() -> str:
    """A heading and a table for each sheet, as Markdown."""
    return "\n".join(_table(form) for form in FORMS)


def _table(form: Form) -> str:
    lines = [
        f"### {form.title.zh} `{form.title.en}`",
        "",
        "| column 列 | also | holds | meaning 说明 |",
        "|---|---|---|---|",
    ]
    for column in form.columns:
        zh, en, *others = column.titles
        star = " **\\***" if column.required else ""
        expects = column.kind.expects
        lines.append(
            f"| {zh} `{en}`{star} | {'、'.join(others)} | {expects.zh} ({expects.en}) "
            f"| {column.meaning.zh} ({column.meaning.en}) |"
        )
    return "\n".join([*lines, ""])
