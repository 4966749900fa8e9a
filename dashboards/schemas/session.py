"""The JSON of signing in as pydantic models; see `dashboards.schemas`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from dashboards.schemas import Incoming, Reply
from dashboards.schemas.provider import ProviderReply
from domain.access import Permission, Role
from domain.account import LONGEST

Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class SignInBody(Incoming):
    """Account and password, as somebody types them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"account": "zhangwei", "password": "four-words-or-so"}]}
    )

    account: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    password: Password


class PasswordBody(Incoming):
    """One's own password, and the one that is to take its place."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"old": "abcd-efgh", "new": "long enough"}]}
    )

    old: Password
    new: Password


class SignedInReply(Reply):
    """Who is signed in. ``name`` stands in timelines and in the audit."""

    account: str
    name: str
    role: Role
    permissions: list[Permission]
    sites: list[str] | None = Field(description="null: every site.")
    must_change: bool = Field(description="The password was made by somebody else: nothing else may be done before.")
    has_password: bool = Field(description="Of his own; without one he signs in at the OpenID Connect provider.")
    language: Literal["zh", "en"]


class SessionReply(Reply):
    """Who asks, and what a page needs to ask for more."""

    sign_in: Literal["required", "off"] = Field(description="`off`: nobody has to, and clients name themselves.")
    account: SignedInReply | None = Field(description="null: nobody is signed in.")
    csrf: str = Field(description="For `X-CSRF-Token`, with every change that a session makes.")
    provider: ProviderReply | None = Field(description="Where people may sign in beside their passwords.")


class SignedOutReply(SessionReply):
    """Nobody is signed in any more."""

    sign_out_page: str | None = Field(description="Of the provider, for the browser to go to; null: nowhere to go.")
