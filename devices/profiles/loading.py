"""Reading profiles: the shipped ones and an integrator's own, each held to ``profile.schema.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from devices.profiles.matching import ProfileSet
from devices.profiles.profile import Profile
from domain.errors import ProfileError

_SHIPPED = resources.files("devices.profiles")


def load_profiles(folder: Path | None = None) -> ProfileSet:
    """The shipped profiles and those of a folder (``*.yaml``), which win over shipped ones of the same name.

    :raises ProfileError: names every fault of the first file that is wrong.
    """
    profiles = {profile.profile: profile for profile in shipped_profiles()}
    if folder is not None:
        for file in sorted(folder.glob("*.yaml")):
            profile = parse_profile(file.read_text("utf-8"), file.name)
            profiles[profile.profile] = profile
    return ProfileSet(profiles.values())


def shipped_profiles() -> list[Profile]:
    files = [file for file in _SHIPPED.iterdir() if file.name.endswith(".yaml")]
    return [parse_profile(file.read_text("utf-8"), file.name) for file in sorted(files, key=lambda f: f.name)]


def parse_profile(text: str, name: str) -> Profile:
    """A profile from YAML.

    :param name: of the file, for the errors.
    :raises ProfileError: with every fault: file, line, place and what was expected.
    """
    try:
        document = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        json.dumps(document, default=str)  # refuses an alias that holds itself
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfileError(f"{name}: no YAML: {error}") from error
    errors = sorted(_validator().iter_errors(document), key=lambda error: [str(key) for key in error.absolute_path])
    faults = [(list(error.absolute_path), _expected(error)) for error in errors]
    if not faults:
        faults = list(_further_faults(document))
    if faults:
        raise ProfileError("\n".join(f"{name}{_line(tree, path)}: {_place(path)}: {what}" for path, what in faults))
    return msgspec.convert(document, Profile)


def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SHIPPED.joinpath("profile.schema.json").read_text("utf-8")))


def _further_faults(document: dict[str, Any]) -> Iterator[tuple[list[str | int], str]]:
    """What the schema cannot say."""
    for place, message in enumerate(document["messages"]):
        levels = Counter(message["topic"].split("/"))
        where: list[str | int] = ["messages", place, "topic"]
        if levels["{address}"] != 1:
            yield where, "expected the level {address} exactly once"
        if levels["{site}"] > 1:
            yield where, "expected the level {site} at most once"
        if message["topic"].startswith("campus/"):
            yield where, "expected a topic outside of campus/, which is our own"
        if not message.keys() & {"heartbeat", "readings", "alarms", "events", "state"}:
            yield where[:-1], "expected at least one of heartbeat, readings, alarms, events, state"
    for place, ignored in enumerate(document.get("ignore", ())):
        levels_ = ignored.split("/")
        if any(("+" in level or "#" in level) and len(level) > 1 for level in levels_) or "#" in levels_[:-1]:
            yield ["ignore", place], "expected an MQTT filter: + for one level, # at the end for the rest"


def _expected(error: ValidationError) -> str:
    """jsonschema's finding in our words: what was expected, what stands there."""
    wanted: Any = error.validator_value
    match error.validator:
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            return f"expected {' or '.join(names)}, got {_shown(error.instance)}"
        case "enum":
            return f"expected one of {', '.join(map(str, wanted))}, got {_shown(error.instance)}"
        case "pattern":
            return f"expected text like {wanted}, got {_shown(error.instance)}"
        case "oneOf":
            return f"expected a path or a list of paths, got {_shown(error.instance)}"
        case _:
            return error.message[:300]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]


def _place(path: Sequence[str | int]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.lstrip(".") or "the file"


def _line(tree: yaml.Node | None, path: Iterable[str | int]) -> str:
    """``:12`` for the place in the file, as near as it exists."""
    node = tree
    for key in path:
        if isinstance(key, int) and isinstance(node, yaml.SequenceNode):
            node = node.value[key]
        elif isinstance(node, yaml.MappingNode):
            node = next((inner for name, inner in node.value if name.value == str(key)), node)
    return "" if node is None else f":{node.start_mark.line + 1}"
