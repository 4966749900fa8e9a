"""Whether what a rule names is registered. A rule that watches a site that is not there watches nothing, and says so
to nobody; so it is told when it is written. What is retired later takes no rule with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from detectors.documents.checking import Fault
from detectors.documents.form import Watch
from detectors.watching import pattern
from domain.markup import nearest


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """``devices``: as rules name them, ``s001/s001-tmp-01``; those in service."""

    sites: Collection[str] = ()
    townships: Collection[str] = ()
    devices: Collection[str] = ()


def strangers(watch: Watch, known: Registered) -> Iterator[Fault]:
    """Sites, townships and devices that nobody has registered, each with the way to its field."""
    for field, named, there in (("sites", watch.sites, known.sites), ("townships", watch.townships, known.townships)):
        for number, name in enumerate(named or ()):
            if name not in there:
                yield ("watch", field, number), f"{name} is not registered{nearest(name, there)}"
    for number, name in enumerate(watch.devices or ()):
        if "*" not in name:
            if name not in known.devices:
                yield ("watch", "devices", number), f"{name} is not registered{nearest(name, known.devices)}"
        elif not any(map(pattern([name]), known.devices)):
            yield (
                ("watch", "devices", number),
                f"{name} fits no registered device, such as s001/s001-tmp-01",
            )
