"""Messages as they go over the wire: topic ``campus/v1/{site}/{device}/{channel}``, payload one JSON object.

Heartbeats and readings are written by hand instead of through an encoder: they are nearly all of the traffic,
and their only variable parts are a time and a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from domain.observation import AlarmKind, Channel, EventKind

#: Devices keep China's wall-clock time and say so.
CHINA_TIME = timezone(timedelta(hours=8), "CST")


class Message(NamedTuple):
    """One publication. ``site_no`` counts sites from 0; ``urgent`` overtakes what is waiting."""

    due_s: float
    site_no: int
    topic: str
    payload: bytes
    urgent: bool = False


def topic(site_id: str, device_id: str, channel: Channel) -> str:
    return f"campus/v1/{site_id}/{device_id}/{channel.value}"


def timestamp(at_s: float) -> str:
    """RFC 3339 to the millisecond with China's offset; parts of a millisecond are cut off."""
    second, ms = divmod(int(at_s * 1000 + 0.001), 1000)
    return f"{_second(second)}.{ms:03d}+08:00"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, CHINA_TIME).strftime("%Y-%m-%dT%H:%M:%S")


def heartbeat(at_s: float, battery_pct: float | None) -> bytes:
    if battery_pct is None:
        return f'{{"v":1,"ts":"{timestamp(at_s)}"}}'.encode()
    return f'{{"v":1,"ts":"{timestamp(at_s)}","battery_pct":{battery_pct}}}'.encode()


def reading(at_s: float, metric: str, value: float) -> bytes:
    return f'{{"v":1,"ts":"{timestamp(at_s)}","values":{{"{metric}":{value}}}}}'.encode()


def alarm(
    at_s: float,
    alarm_id: str,
    kind: AlarmKind,
    *,
    active: bool = True,
    test: bool = False,
    drill: bool = False,
    links: Sequence[str] | None = None,
) -> bytes:
    """``alarm_id`` is the same for the copies of one alarm and new for each new one, its end included. ``links``: those
    that a drill is for.
    """
    return msgspec.json.encode(
        {
            "v": 1,
            "id": alarm_id,
            "ts": timestamp(at_s),
            "alarm": kind.value,
            "active": active,
            "test": test,
            "drill": drill,
            "detail": {} if links is None else {"links": list(links)},
        }
    )


def event(
    at_s: float, event_id: str, kind: EventKind, *, active: bool = True, detail: dict[str, Any] | None = None
) -> bytes:
    return msgspec.json.encode(
        {
            "v": 1,
            "id": event_id,
            "ts": timestamp(at_s),
            "event": kind.value,
            "active": active,
            "detail": detail or {},
        }
    )


def state(at_s: float, state_id: str, standing: dict[str, Any]) -> bytes:
    """``standing``: how the device stands, whole: what is not in it is not known."""
    return msgspec.json.encode({"v": 1, "id": state_id, "ts": timestamp(at_s), "state": standing})
