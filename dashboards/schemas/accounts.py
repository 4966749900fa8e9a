"""The JSON of accounts, sessions and tokens as pydantic models; see `dashboards.schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints

from dashboards.schemas import EXAMPLE_AT, Incoming, Reply, storable
from domain.access import Permission, Role
from domain.account import LONGEST_OWN_TOKEN, LONGEST_TOKEN

AccountId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$", description="Account.", examples=["zhangwei"])]
SessionNo = Annotated[int, Path(ge=1, le=2**63 - 1, description="Session.")]
TokenNo = Annotated[int, Path(ge=1, le=2**63 - 1, description="Token.")]

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(storable)]
_Site = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
_Language = Literal["zh", "en"]
_Subject = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=255),
    AfterValidator(storable),
    Field(description="Who it is at the OpenID Connect provider (claim `sub`); empty: he does not sign in there."),
]

_EXAMPLE: dict[str, JsonValue] = {
    "name": "张伟",
    "role": "school_officer",
    "sites": ["s001"],
    "language": "zh",
    "subject": "",
}


class AccountBody(Incoming):
    """What an account is, whole. ``name`` stands in timelines and in the audit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: _Name
    role: Role
    sites: list[_Site] | None = Field(
        default=None, max_length=1000, description="Of a school officer, one or more; of anybody else null: every site."
    )
    language: _Language = "zh"
    subject: _Subject = ""


class NewAccountBody(AccountBody):
    """An account that is to be."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"account": "zhangwei", **_EXAMPLE, "password": True}]}
    )

    account: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=32)]
    password: bool = Field(default=True, description="Make a one-time password. Programs need none: they get a token.")


class AccountReply(Reply):
    """An account as administrators see it."""

    account: str
    name: str
    role: Role
    sites: list[str] | None = Field(description="null: every site.")
    language: _Language
    subject: str = Field(description="At the OpenID Connect provider; empty: he does not sign in there.")
    has_password: bool
    one_time_until: datetime | None = Field(description="The password was made by somebody else; to change by then.")
    disabled_at: datetime | None = Field(description="Nobody signs in with it any more.")
    held_until: datetime | None = Field(description="Too many tries failed: from somewhere the next one waits.")
    made_at: datetime
    made_by: str
    last_seen_at: datetime | None
    sessions: int = Field(description="That hold.")
    tokens: int = Field(description="That hold.")


class AccountsReply(Reply):
    items: list[AccountReply]
    provider: bool = Field(description="An OpenID Connect provider is configured.")


class OneTimeReply(Reply):
    """``one_time_password`` is shown this once and kept nowhere; null where none was made."""

    account: AccountReply
    one_time_password: str | None


class RoleReply(Reply):
    role: Role
    permissions: list[Permission]


class RolesReply(Reply):
    items: list[RoleReply]


class OwnSessionReply(Reply):
    """A session that holds."""

    session_no: int
    how: Literal["password", "provider"] = Field(description="How somebody came in.")
    made_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str = Field(description="What the browser calls itself.")
    this: bool = Field(description="The one that asks.")


class SessionsReply(Reply):
    items: list[OwnSessionReply]


class EndedReply(Reply):
    ended: int


class OwnTokenBody(Incoming):
    """A token for a program of one's own."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "report", "days": 30, "permissions": ["see"]}]}
    )

    name: _Name = Field(description="What it is for: it stands in the audit with what is done with it.")
    days: int = Field(ge=1, le=LONGEST_OWN_TOKEN.days, description="How long it holds.")
    permissions: list[Permission] | None = Field(
        default=None, min_length=1, max_length=len(Permission), description="Of those of the account; null: all."
    )


class TokenBody(OwnTokenBody):
    """A token for a program."""

    days: int = Field(ge=1, le=LONGEST_TOKEN.days, description="How long it holds.")


class TokenReply(Reply):
    """A token, without what it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "token_no": 3,
                    "account": "sim",
                    "name": "report",
                    "permissions": ["see"],
                    "made_at": EXAMPLE_AT.isoformat(),
                    "made_by": "系统管理员",
                    "expires_at": "2026-04-01T00:00:00Z",
                    "used_at": None,
                    "revoked_at": None,
                }
            ]
        },
    )

    token_no: int
    account: str
    name: str
    permissions: list[Permission] | None = Field(description="null: all that its account has.")
    made_at: datetime
    made_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class TokensReply(Reply):
    items: list[TokenReply]


class NewTokenReply(Reply):
    """``secret`` goes into `Authorization: Bearer`. It is shown this once and kept nowhere."""

    token: TokenReply
    secret: str
