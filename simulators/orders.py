"""Orders to a running fleet: one JSON object on `CONTROL_TOPIC`, answered on ``REPLY_TOPIC/{id}``.

::

    {"op":"heat","site":"s001","device":"s001-tmp-01","to_c":90,"over_s":60}

Only ``op`` and ``site`` are required. Without an ``id`` nobody is answered.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from simulators.errors import OrderRefused

CONTROL_TOPIC = "campus-sim/v1/control"
REPLY_TOPIC = "campus-sim/v1/reply"


class Op(StrEnum):
    CUT = "cut"  # the device or the whole site falls silent
    RESTORE = "restore"  # it speaks again, and whatever burned is cold
    HEAT = "heat"  # a temperature sensor gets warmer and stays so
    IGNITE = "ignite"  # a smoke detector alarms, smoke and heat rise around it
    EXTINGUISH = "extinguish"  # smoke and heat go down again, the smoke alarm ends
    PRESS = "press"  # somebody presses a one-key alarm


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Without a ``device``: the site's first one that fits; cut, restore and extinguish take all.

    ``alarm_sent``: whoever orders has published the alarm message already; the fleet adds readings only.
    """

    op: Op
    site: str
    device: str = ""
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{0,48}$")] = ""
    to_c: Annotated[float, msgspec.Meta(ge=-60.0, le=600.0)] = 85.0
    over_s: Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)] = 120.0
    test: bool = False
    drill: bool = False
    alarm_sent: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``detail`` says what was done, or why not."""

    id: str
    ok: bool
    detail: str


_decoder = msgspec.json.Decoder(Order)


def decode_order(payload: bytes) -> Order:
    """:raises OrderRefused: it is not an order; the message names the field."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OrderRefused(f"not an order: {error}") from error
