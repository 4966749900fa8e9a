"""The JSON of signing in at a provider as pydantic models; see `dashboards.schemas`."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from dashboards.schemas import Incoming, Reply


class ProviderReply(Reply):
    """An OpenID Connect provider, as the page calls it."""

    name: str
    name_en: str


class BeginBody(Incoming):
    """Nothing has to be said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})


class BegunReply(Reply):
    page: str = Field(description="Where the browser goes now. It comes back by itself.")
