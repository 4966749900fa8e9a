"""The rules that ship: version 0 of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from detectors.documents.form import RuleDocument
from detectors.documents.reading import read_text

LIBRARY = Path(__file__).parent / "library"


@cache
def texts() -> Mapping[str, str]:
    """Name → the text of its file."""
    return {path.stem: path.read_text("utf-8") for path in sorted(LIBRARY.glob("*.yaml"))}


@cache
def shipped() -> Mapping[str, RuleDocument]:
    """By name."""
    return {name: read_text(text, f"{name}.yaml", ships=True) for name, text in texts().items()}
