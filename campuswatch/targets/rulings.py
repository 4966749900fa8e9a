"""Definitions in all their versions, and which of them is in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from detectors.targets import Ruling, ruling
from domain.errors import DefinitionRefused
from domain.target import TargetDefinition

log = structlog.get_logger("campuswatch.targets")


class Rulings:
    """A version that this program cannot judge by (a newer one wrote it) leaves the one before it in force."""

    def __init__(self, definitions: Iterable[TargetDefinition]) -> None:
        self._versions: dict[str, list[Ruling]] = {}
        for definition in sorted(definitions, key=lambda one: (one.target_id, one.version)):
            versions = self._versions.setdefault(definition.target_id, [])
            try:
                versions.append(ruling(definition))
            except DefinitionRefused as error:
                log.error(
                    "target not understood", target=definition.target_id, version=definition.version, error=str(error)
                )

    @property
    def target_ids(self) -> list[str]:
        return list(self._versions)

    def in_force(self, target_id: str, at: datetime) -> Ruling | None:
        """The highest version of those that have started; None before the first one."""
        started = [one for one in self._versions.get(target_id, ()) if one.definition.starts_at <= at]
        return started[-1] if started else None

    def version(self, target_id: str, version: int) -> Ruling | None:
        return next((one for one in self._versions.get(target_id, ()) if one.definition.version == version), None)

    def next_start(self, target_id: str, at: datetime) -> datetime | None:
        """When a further version starts."""
        return min(
            (one.definition.starts_at for one in self._versions.get(target_id, ()) if one.definition.starts_at > at),
            default=None,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rulings) and self._versions == other._versions

    __hash__ = None  # type: ignore[assignment]  # it is compared, never looked up
