"""Guards who are seen by a device: a card at the access control, a patrol checkpoint. Each is a check-in.

It is stored in the transaction that stores the event itself, so none can be lost or come twice, and whoever waits for
check-ins is woken by it. Staff have cards too: whose card it is, is found by the index over the guards' cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.observation import Event, EventKind, Observation
from storage.notices import NoticeChannel, notify
from storage.pool import Connection

#: Event → what its check-in goes by.
_SOURCES: Final = {EventKind.ACCESS_GRANTED: "card", EventKind.PATROL_CHECKED: "patrol"}
_LONGEST_CARD = 64

_STORE = """
INSERT INTO guard_check_in (guard_id, site_id, at, source, recorded_at)
SELECT g.guard_id, g.site_id, u.at, u.source, u.recorded_at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[])
         AS u (site_id, word, at, source, recorded_at),
     LATERAL (
         SELECT guard_id, site_id FROM guard WHERE valid_to IS NULL AND site_id = u.site_id AND card = u.word
           AND card <> ''
         UNION
         SELECT guard_id, site_id FROM guard WHERE valid_to IS NULL AND guard_id = u.word AND site_id = u.site_id
     ) AS g
ON CONFLICT DO NOTHING RETURNING site_id
"""


def word_of(observation: Observation) -> str:
    """What the device called whoever it saw ("" = it saw nobody): a card's number, or a guard's id."""
    if not isinstance(observation, Event) or observation.event not in _SOURCES or not observation.active:
        return ""
    detail = observation.detail or {}
    word = detail.get("card") or detail.get("guard")
    text = str(word) if isinstance(word, str | int) and not isinstance(word, bool) else ""
    return text if len(text) <= _LONGEST_CARD else ""


async def store_sightings(conn: Connection, observations: Iterable[Observation]) -> None:
    """Keep a check-in of every guard who was seen, once, within the caller's transaction."""
    seen = [(one, word) for one in observations if isinstance(one, Event) and (word := word_of(one))]
    if not seen:
        return
    cursor = await conn.execute(
        _STORE,
        (
            [one.device.site_id for one, _ in seen],
            [word for _, word in seen],
            [one.at for one, _ in seen],
            [f"{_SOURCES[one.event]}/{one.device.device_id}" for one, _ in seen],
            [one.received_at for one, _ in seen],
        ),
    )
    for site_id in {row[0] for row in await cursor.fetchall()}:
        await notify(conn, NoticeChannel.PREMISES, site_id)
