"""The JSON Schema (2020-12) of a rule, for editors and for whoever writes rules by a program."""

from __future__ import annotations

from typing import Any

from detectors.documents.form import LEAVES, Header


def schema() -> dict[str, Any]:
    header = Header.model_json_schema(by_alias=True)
    definitions = header.pop("$defs", {})
    for head, leaf in LEAVES.items():
        form = leaf.model_json_schema(by_alias=True)
        definitions |= form.pop("$defs", {})
        definitions[head] = form
    several = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}}
    branches: list[tuple[str, dict[str, Any]]] = [
        ("all", several),
        ("any", several),
        ("not", {"$ref": "#/$defs/condition"}),
    ]
    definitions["condition"] = {
        "oneOf": [
            *({"$ref": f"#/$defs/{head}"} for head in LEAVES),
            *(
                {"type": "object", "properties": {name: form}, "required": [name], "additionalProperties": False}
                for name, form in branches
            ),
        ]
    }
    header["properties"]["when"] = {"$ref": "#/$defs/condition", "description": "the condition"}
    header["required"] = [*header["required"], "when"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **header,
        "title": "A rule of campuswatch",
        "$defs": definitions,
    }
