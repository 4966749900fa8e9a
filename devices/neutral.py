"""Formula injection: a cell that begins like a formula is run by whoever opens the file in a spreadsheet.

An export puts an apostrophe before such text and an import takes it away again. Text that has apostrophes of its own
there gets one more, so that every text comes back as it was.
"""

from __future__ import annotations

import re

_LIKE_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")


def neutralise(text: str) -> str:
    return f"'{text}" if _LIKE_FORMULA.match(text) else text


def restore(text: str) -> str:
    return text[1:] if _NEUTRALISED.match(text) else text
