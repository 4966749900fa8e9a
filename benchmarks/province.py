"""A registry of any size, and what its devices say: schools as the district's, as many as it takes.

The rows go straight into the tables: an import of a million devices writes as many entries into the audit, which is not
what is measured here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import psycopg

from simulators.district import build_district

#: Nobody falls silent while others are still being counted.
HEARTBEAT_S = 86_400


class Province:
    """``devices`` devices with the district's kinds, 108 a site; all but the gateways hang on their site's gateway."""

    def __init__(self, devices: int) -> None:
        school = build_district(sites=1)
        self._words = [device.device_id.removeprefix(f"{device.site_id}-") for device in school.devices]
        self._kinds = [device.kind.value for device in school.devices]
        self._parents = [bool(device.parent_id) for device in school.devices]
        self.devices = devices
        self.sites = -(-devices // len(self._words))
        # Which device stands on which line of the fleet's list is chance, as it is on a real line.
        self._chance = random.Random(devices)

    def register(self, dsn: str) -> None:
        """Fill an empty registry."""
        with psycopg.connect(dsn) as conn:
            conn.execute(
                "INSERT INTO site (site_id, name, kind)"
                " SELECT 's' || lpad(n::text, 5, '0'), 'School ' || n, 'primary' FROM generate_series(1, %s) AS n",
                (self.sites,),
            )
            # The others point at the gateway, so it goes in first.
            for hanging in (False, True):
                conn.execute(
                    "INSERT INTO device (site_no, device_id, kind, heartbeat_s, parent_no)"
                    " SELECT s.site_no, s.site_id || '-' || w.word, w.kind, %(heartbeat_s)s, g.device_no"
                    " FROM site AS s"
                    " CROSS JOIN unnest(%(words)s::text[], %(kinds)s::text[], %(parents)s::bool[])"
                    "   WITH ORDINALITY AS w (word, kind, hanging, place)"
                    " LEFT JOIN device AS g ON g.site_no = s.site_no AND g.parent_no IS NULL"
                    " WHERE w.hanging = %(hanging)s AND (s.site_no - 1) * %(a_site)s + w.place <= %(devices)s"
                    " ORDER BY s.site_no, w.place",
                    {
                        "heartbeat_s": HEARTBEAT_S,
                        "words": self._words,
                        "kinds": self._kinds,
                        "parents": self._parents,
                        "hanging": hanging,
                        "a_site": len(self._words),
                        "devices": self.devices,
                    },
                )
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE site, device")

    def add_one(self, dsn: str) -> None:
        """One more device at the first site, and the notice that makes the lanes read the registry again."""
        with psycopg.connect(dsn) as conn:
            conn.execute(
                "INSERT INTO device (site_no, device_id, kind, heartbeat_s) VALUES (1, 'one-more', 'camera', %s)",
                (HEARTBEAT_S,),
            )
            conn.execute("NOTIFY campuswatch_registry")

    def everyone(self) -> Iterator[str]:
        """The heartbeat topic of every device."""
        return map(self._topic, range(self.devices))

    def some(self, count: int, *, among: int | None = None) -> list[str]:
        """The topics of ``count`` devices by chance, of all or of the first ``among``; each may come several times."""
        bound = min(self.devices, among or self.devices)
        return [self._topic(self._chance.randrange(bound)) for _ in range(count)]

    def _topic(self, number: int) -> str:
        site, place = divmod(number, len(self._words))
        site_id = f"s{site + 1:05d}"
        return f"campus/v1/{site_id}/{site_id}-{self._words[place]}/heartbeat"


def said(topics: Sequence[str], until_s: float) -> list[tuple[str, bytes]]:
    """Heartbeats on ``topics`` within the second before ``until_s``, at times that are all different."""
    step_s = 1.0 / max(1, len(topics))
    return [(topic, heartbeat(until_s - 1.0 + place * step_s)) for place, topic in enumerate(topics)]


def heartbeat(at_s: float) -> bytes:
    """To the microsecond, which no real device needs: thousands of one second must not look like repetitions."""
    return f'{{"v":1,"ts":"{datetime.fromtimestamp(at_s, UTC).isoformat()}"}}'.encode()
