"""A document as YAML, as people would write it. What is written is read as the same (`detectors.documents.reading`)."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from detectors.documents.form import Header

#: In which order its fields stand.
_ORDER = [*(field.alias or name for name, field in Header.model_fields.items()), "when"]


def text_of(said: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.version = None
    yaml.width, yaml.allow_unicode = 110, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    known = {name: _quoted(said[name]) for name in _ORDER if name in said}
    yaml.dump({**known, **{name: _quoted(value) for name, value in said.items() if name not in known}}, text)
    return text.getvalue()


def _quoted(value: Any) -> Any:
    """Texts that would be read as something else are quoted: `08:00` is one, `true` another."""
    match value:
        case dict():
            return {key: _quoted(inner) for key, inner in value.items()}
        case list():
            return [_quoted(inner) for inner in value]
        case str() if value.lower() in ("true", "false", "null", "", "~") or value[:1] in "0123456789.+-":
            return DoubleQuotedScalarString(value)
        case _:
            return value
