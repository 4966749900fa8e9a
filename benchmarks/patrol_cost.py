from __future__ import annotations
from benchmarks.sheet import Sheet
def costs(sheet: Sheet, *, quick: bool) -> None:
    return
