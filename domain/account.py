"""Accounts of people and programs, and the passwords that are taken. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta

import msgspec

from domain.access import Permission, Principal, Role, permissions_of
from domain.errors import AccountRefused, PasswordRefused

#: A password that somebody else made is of no use after this time.
ONE_TIME = timedelta(days=7)
SHORTEST, LONGEST = 10, 256
LONGEST_TOKEN = timedelta(days=3660)
#: Of a token that somebody makes for himself.
LONGEST_OWN_TOKEN = timedelta(days=366)
#: So many accounts there are at most, and so many tokens that hold of one account.
MOST_ACCOUNTS, MOST_TOKENS = 5_000, 50

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
#: What guessers try first, of those that are long enough.
_WELL_KNOWN = (
    "1234567890 12345678910 0123456789 0987654321 1qaz2wsx3edc qwertyuiop q1w2e3r4t5 1q2w3e4r5t 1234567890a"
    " a123456789 password123 password1234 passw0rd123 p@ssw0rd123 admin12345 admin123456 administrator woaini1314"
    " woaini1314520 5201314520 iloveyou123 letmein123 welcome123 changeme123 abcd123456 abc1234567 qwerty12345"
    " qwer123456"
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is what stands in timelines and in the audit. ``site_ids``: a school officer's sites; None = every site.
    ``one_time_until``: the password was made by somebody else and has to be changed by then. ``subject``: who it is at
    the OpenID Connect provider; "" = he does not sign in there.
    """

    account_id: str
    name: str
    role: Role
    site_ids: tuple[str, ...] | None = None
    language: str = "zh"
    has_password: bool = False
    one_time_until: datetime | None = None
    disabled_at: datetime | None = None
    issuer: str = ""
    subject: str = ""

    def principal(
        self, *, scope: frozenset[Permission] | None = None, token: str = "", by_password: bool = True
    ) -> Principal:
        """Who it is that asks. Neither a token nor a session by the provider waits for the password to be changed."""
        return Principal(
            account_id=self.account_id,
            name=self.name,
            role=self.role,
            permissions=permissions_of(self.role, scope),
            sites=None if self.site_ids is None else frozenset(self.site_ids),
            must_change=by_password and not token and self.one_time_until is not None,
            has_password=self.has_password,
            token=token,
            language=self.language,
        )


class AccountView(Account, frozen=True, kw_only=True):
    """An account as administrators see it. ``held_until``: too many tries failed, and the next may be made then."""

    made_at: datetime
    made_by: str
    last_seen_at: datetime | None
    sessions: int
    tokens: int
    held_until: datetime | None


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session that holds, without what it is. ``how``: `password` or `provider`."""

    session_no: int
    account_id: str
    how: str
    made_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a program, without what it is. ``permissions``: of those of its account; None = all."""

    token_no: int
    account_id: str
    name: str
    permissions: tuple[Permission, ...] | None
    made_at: datetime
    made_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def account_key(written: str) -> str:
    """What somebody wrote into the field of the account, as accounts are kept; "" where none can be called so."""
    key = unicodedata.normalize("NFKC", written).strip().lower()
    return key if _ID.fullmatch(key) else ""


def check_account(account: Account) -> Account:
    """:raises AccountRefused: it cannot be so."""
    if not _ID.fullmatch(account.account_id):
        raise AccountRefused(
            "an account is called by 1 to 32 of a-z, 0-9, dot, - and _, a letter or figure first", field="account"
        )
    if not 0 < len(account.name.strip()) <= 64 or not account.name.isprintable():
        raise AccountRefused("the name has 1 to 64 characters", field="name")
    if (account.role is Role.SCHOOL_OFFICER) != bool(account.site_ids):
        raise AccountRefused("a school officer has one site or more; nobody else is bound to sites", field="sites")
    return account


def check_password(password: str, account: Account) -> str:
    """:raises PasswordRefused: anybody could guess it."""
    if not len(password) >= SHORTEST or len(password.encode()) > LONGEST:
        raise PasswordRefused(f"a password has at least {SHORTEST} characters")
    plain = password.lower()
    if (
        plain in _WELL_KNOWN.split(" ")
        or len(set(plain)) < 5
        or plain == account.name.lower()
        or account.account_id in plain
    ):
        raise PasswordRefused("that password is among the first that anybody would try")
    return password
