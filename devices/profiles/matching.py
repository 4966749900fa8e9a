"""Which profile a topic belongs to, and which filters the lanes subscribe for the profiles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from devices.formats.channels import Limits
from devices.profiles.profile import MessageRules, Profile
from devices.profiles.translation import translate
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.observation import Observation

_NAMES = {"{address}": "address", "{site}": "site"}


class TopicPattern:
    """``tele/{address}/SENSOR``: literal levels and named ones, each exactly one level long."""

    __slots__ = ("filter", "levels", "literals", "names")

    def __init__(self, pattern: str) -> None:
        self.levels = pattern.split("/")
        self.names = {_NAMES[level]: place for place, level in enumerate(self.levels) if level in _NAMES}
        self.literals = [(place, level) for place, level in enumerate(self.levels) if level not in _NAMES]
        self.filter = "/".join("+" if level in _NAMES else level for level in self.levels)

    def match(self, levels: list[str]) -> tuple[str, str | None] | None:
        """Address and site of a topic of this shape, None for another shape."""
        if len(levels) != len(self.levels):
            return None
        for place, level in self.literals:
            if levels[place] != level:
                return None
        address = levels[self.names["address"]]
        site = self.names.get("site")
        if not address:
            return None
        return address, None if site is None else levels[site]


class ForeignRoute(msgspec.Struct, frozen=True, gc=False):
    """Where a maker's topic leads. ``site_id`` is None where the topic names no site."""

    profile: str
    address: str
    site_id: str | None
    rules: MessageRules | None

    @property
    def ignored(self) -> bool:
        return self.rules is None

    def translate(
        self, device: RegisteredDevice, payload: bytes, received_at: datetime, limits: Limits
    ) -> tuple[list[Observation], list[PayloadError]]:
        """:raises PayloadError: nothing of the payload can be read."""
        assert self.rules is not None
        return translate(self.profile, self.rules, device, payload, received_at, limits)


class ProfileSet:
    """All profiles in use."""

    def __init__(self, profiles: Iterable[Profile] = ()) -> None:
        self._profiles = {profile.profile: profile for profile in profiles}
        self._patterns = [
            (TopicPattern(rules.topic), profile.profile, rules)
            for profile in self._profiles.values()
            for rules in profile.messages
        ]
        self._ignored = [
            (ignored.split("/"), profile.profile) for profile in self._profiles.values() for ignored in profile.ignore
        ]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._profiles))

    @property
    def alarm_names(self) -> frozenset[str]:
        """The profiles whose topics `alarm_filters` cover."""
        return frozenset(name for name, profile in self._profiles.items() if profile.carries_alarms)

    @property
    def alarm_filters(self) -> tuple[str, ...]:
        """Of the profiles that can carry an alarm, the alarm lane takes all topics."""
        return self._filters(carries_alarms=True)

    @property
    def bulk_filters(self) -> tuple[str, ...]:
        return self._filters(carries_alarms=False)

    def route(self, topic: str) -> ForeignRoute | None:
        """The first profile and message whose shape the topic has."""
        levels = topic.split("/")
        for ignored, name in self._ignored:
            if covers(ignored, levels):
                return ForeignRoute(name, "", None, None)
        for pattern, name, rules in self._patterns:
            found = pattern.match(levels)
            if found is not None:
                address, site_id = found
                return ForeignRoute(name, address, site_id, rules)
        return None

    def _filters(self, *, carries_alarms: bool) -> tuple[str, ...]:
        """Without those that another one covers: a broker may deliver once for each subscription that matches."""
        wanted = {
            pattern.filter
            for pattern, name, _ in self._patterns
            if self._profiles[name].carries_alarms is carries_alarms
        }
        return tuple(
            sorted(
                one
                for one in wanted
                if not any(other != one and covers(other.split("/"), one.split("/")) for other in wanted)
            )
        )


def covers(topic_filter: list[str], levels: list[str]) -> bool:
    """Whether an MQTT filter matches a topic, or every topic that another filter matches."""
    for place, level in enumerate(topic_filter):
        if level == "#":
            return True
        if place >= len(levels) or (level != "+" and level != levels[place]) or levels[place] == "#":
            return False
    return len(topic_filter) == len(levels)
