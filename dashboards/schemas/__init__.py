"""The JSON of the API as pydantic models, a file for each resource: what comes in is checked by them, what goes out is
documented by them. Here is what they share.

What goes out is made of the msgspec structs of `storage` and `dashboards.wall`, serialised as they are; the tests hold
both to each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dashboards.people import signed_in

Item = TypeVar("Item")
EXAMPLE_AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not hold NUL characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("surrogate", "must not hold halves of characters")
    return text


def named(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= 64:
        raise PydanticCustomError("no_name", "expected who does it, in 1 to 64 characters")
    return name


Text = Annotated[str, AfterValidator(storable)]
#: Whoever is signed in, whatever a client says; see `dashboards.people`.
Actor = Annotated[
    str,
    BeforeValidator(signed_in),
    AfterValidator(named),
    AfterValidator(storable),
    Field(
        default="",
        validate_default=True,
        description="Only where signing in is switched off: who does it, as it will stand in the timeline.",
        examples=["值班员 张伟"],
    ),
]
Workstation = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=64),
    AfterValidator(storable),
    Field(description="Where the person sits; the client's address is written down by itself.", examples=["席位 3"]),
]
Reasoned = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(storable)
]
SiteId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", description="Site.", examples=["s001"])]
DeviceId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Device.", examples=["s001-btn-01"])]
IncidentId = Annotated[UUID, Path(description="Incident.")]


def _is_as_written(taken: Any, value: Any) -> bool:
    if isinstance(taken, list) and isinstance(value, list):
        return all(_is_as_written(one, other) for one, other in zip(taken, value, strict=True))
    if isinstance(taken, bool):
        return isinstance(value, bool)
    if isinstance(taken, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return True


class Incoming(BaseModel):
    """Anything that comes in as JSON, which tells true, 1 and "1" apart; pydantic by itself takes one for the other."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _as_written(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        taken = read(value)
        if not _is_as_written(taken, value):
            kind = type(taken).__name__ if not isinstance(taken, list) else "items of their kind"
            raise PydanticCustomError("other_kind", "expected {kind}", {"kind": kind})
        return taken


class Reply(BaseModel):
    """Anything we send: exactly the documented fields."""

    model_config = ConfigDict(extra="forbid")


class PageReply(Reply, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(description="For `?cursor=`; null on the last page.")


class ActionBody(Incoming):
    """A person's decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "值班员 张伟", "note": "已电话核实"}]})

    actor: Actor
    workstation: Workstation = ""
    note: Text = Field(default="", max_length=2000)


class SignBody(Incoming):
    """Who does it."""

    actor: Actor


class ReasonBody(SignBody):
    reason: Text = Field(min_length=1, max_length=500)
