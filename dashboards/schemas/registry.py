"""What the resources of the registry behind the targets share."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from dashboards.moments import Moment, SaidDay
from dashboards.schemas import Actor, Incoming, Reply

ShortId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$")]
SiteKey = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$", description="Site.", examples=["s001"])]
DeviceKey = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,64})?$")]
NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=NO_NUL)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=NO_NUL)]
Day = Annotated[SaidDay, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]
VersionNo = Annotated[int, Field(ge=1, le=2**63 - 1)]
Seen = Annotated[
    VersionNo | None,
    Field(description="`version` of what you saw; null to register what is not registered yet. 409 if it is another."),
]
OfSite = Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Of one site.")]
AsOf = Annotated[Moment | None, Query(description="As it was registered at this time; without it now.")]
Since = Annotated[Moment, Query(description="At this time or later.")]
Until = Annotated[Moment, Query(description="Before this time.")]
SeenVersion = Annotated[int, Query(ge=1, le=2**63 - 1, description="`version` of what you saw; 409 if it is another.")]


def wrong(field: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("inconsistent", "{field}: {message}", {"field": field, "message": message})


class Versioned(Reply):
    """What is registered, and since when it is so."""

    version: int = Field(description="For an edit: nobody overwrites what he did not see.")
    since: datetime = Field(description="When the registry began to say so.")


class Edit(Incoming):
    """A change of what is registered, whole: what is left out gets its default."""

    model_config = ConfigDict(extra="forbid")

    actor: Actor
    version: Seen = None

    def facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name not in ("actor", "version")}


class Removed(Reply):
    """What was registered and is no more; its past stays."""

    removed: str
