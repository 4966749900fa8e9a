"""Pages of a list: limit and cursor.

A cursor says after which item the next page begins. It is opaque to clients, and what they send back is checked like
any other input.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from fastapi import Query

from dashboards.problems import InvalidField

Item = TypeVar("Item")
Place = TypeVar("Place")

Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=400, description="`next_cursor` of the page before; without it the first page."),
]

#: PostgreSQL's bigint.
RowNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Page(msgspec.Struct, Generic[Item], frozen=True):
    items: Sequence[Item]
    next_cursor: str | None


def encode_cursor(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_cursor(cursor: str | None, kind: type[Place]) -> Place | None:
    """The place in a list that ``cursor`` names.

    :raises InvalidField: no cursor of ours, or one of another list.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise InvalidField("cursor", "not a cursor of this list; begin again without one") from error


def page_of(items: Sequence[Item], limit: int, place: Callable[[Item], object]) -> Page[Item]:
    """A page from one item more than fit on it; ``place`` names where an item stands in the list."""
    if len(items) <= limit:
        return Page(items, None)
    return Page(items[:limit], encode_cursor(place(items[limit - 1])))
