"""Orders to simulated devices: what somebody does to them at a moment.

A running fleet takes them as one JSON object on `CONTROL_TOPIC` and answers on ``REPLY_TOPIC/{id}``; scenarios are
made of them::

    {"op":"heat","site":"s001","device":"s001-tmp-01","to_c":90,"over_s":60}

Only ``op`` and ``site`` (or ``township``) are required. Without an ``id`` nobody is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from domain.metric import METRICS
from domain.observation import AlarmKind, EventKind
from simulators.errors import OrderRefused

CONTROL_TOPIC = "campus-sim/v1/control"
REPLY_TOPIC = "campus-sim/v1/reply"
LONGEST_S = 31 * 86_400.0
MOST_TIMES = 100_000


class Op(StrEnum):
    CUT = "cut"  # a device, a site or a township falls silent
    RESTORE = "restore"  # it speaks again, and whatever burned or drifted is as before
    HEAT = "heat"  # a temperature sensor gets warmer and stays so, with readings every few seconds
    DRIFT = "drift"  # its readings go wrong little by little; it speaks no oftener than before
    IGNITE = "ignite"  # a smoke detector alarms, smoke and heat rise around it
    EXTINGUISH = "extinguish"  # smoke and heat go down again, the smoke alarm ends
    PRESS = "press"  # somebody presses a one-key alarm
    ALARM = "alarm"  # a device reports an alarm of ``kind``, or with ``active`` false its end
    EVENT = "event"  # a device reports an event of ``kind``, or with ``active`` false its end
    STATE = "state"  # a device reports ``state``
    READING = "reading"  # a device says once that ``metric`` is ``value``
    REPEAT = "repeat"  # what the device said last is sent ``times`` times again, byte for byte, over ``over_s``
    CLOCK = "clock"  # the device's clock is off by ``off_s`` from now on; 0 = right again
    BATTERY = "battery"  # the device's battery stands at ``pct`` from now on; nothing = its own again


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Without a ``device``: the site's first one that fits; cut, restore and extinguish take all.

    ``alarm_sent``: whoever orders has published the alarm message already; the fleet adds readings only.
    ``kind``: an `AlarmKind` or an `EventKind`. ``township``, for cut and restore: all its sites.
    ``links``: those that a drill is for. ``metric``: a name of `domain.metric`, ``value`` in its unit.
    """

    op: Op
    site: str = ""
    township: str = ""
    device: str = ""
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{0,48}$")] = ""
    to_c: Annotated[float, msgspec.Meta(ge=-60.0, le=600.0)] = 85.0
    over_s: Annotated[float, msgspec.Meta(ge=0.0, le=LONGEST_S)] = 120.0
    test: bool = False
    drill: bool = False
    links: tuple[str, ...] | None = None
    alarm_sent: bool = False
    kind: str = ""
    active: bool = True
    state: dict[str, Any] = {}
    times: Annotated[int, msgspec.Meta(ge=0, le=MOST_TIMES)] = 0
    off_s: Annotated[float, msgspec.Meta(ge=-4e9, le=4e9)] = 0.0
    pct: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] | None = None
    metric: str = ""
    value: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``detail`` says what was done, or why not."""

    id: str
    ok: bool
    detail: str


#: What ``kind`` can be, of the orders that have one.
KINDS: dict[Op, type[AlarmKind | EventKind]] = {Op.ALARM: AlarmKind, Op.EVENT: EventKind}
_OF_A_TOWNSHIP = (Op.CUT, Op.RESTORE)

_decoder = msgspec.json.Decoder(Order)


def faults(order: Order) -> Iterator[tuple[str, str]]:
    """What is wrong with an order as such, whoever it is for: the field, and what was expected of it."""
    if order.township:
        if order.op not in _OF_A_TOWNSHIP:
            yield "township", f"{order.op.value} is for a site; only cut and restore take a township"
        if order.site or order.device:
            yield "township", "either a township or a site, not both"
    elif not order.site:
        yield "site", f"{order.op.value} needs a site, such as s001"
    kinds = KINDS.get(order.op)
    if kinds is not None and order.kind not in list(kinds):
        yield "kind", f"expected one of {', '.join(kinds)}, got {order.kind!r}"
    if order.op is Op.STATE and not order.state:
        yield "state", 'expected at least one word of how the device stands, such as {"door": "open"}'
    if order.op is Op.READING:
        yield from _misread(order)
    if order.op is Op.REPEAT and order.times < 1:
        yield "times", f"expected 1 to {MOST_TIMES}, how often it is said again"


def _misread(order: Order) -> Iterator[tuple[str, str]]:
    metric = METRICS.get(order.metric)
    if metric is None:
        yield "metric", f"expected one of {', '.join(METRICS)}, got {order.metric!r}"
    elif not metric.low <= order.value <= metric.high:
        yield "value", f"expected {metric.low:g} to {metric.high:g} {metric.unit}"


def check(order: Order) -> None:
    """:raises OrderRefused: names every field that is wrong."""
    if found := [f"{field}: {expected}" for field, expected in faults(order)]:
        raise OrderRefused(f"not an order: {'; '.join(found)}")


def decode_order(payload: bytes) -> Order:
    """:raises OrderRefused: it is not an order; the message names the field."""
    try:
        order = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OrderRefused(f"not an order: {error}") from error
    check(order)
    return order
