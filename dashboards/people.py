"""Who asks for something, from where, and whether it is the same request again.

Who is signed in is known from `dashboards.entry` on until the answer is sent, without being handed through: `current`.
A name that a client gives for itself counts only where signing in is switched off.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from typing import Annotated

import msgspec
from fastapi import Depends, Header, Query, Request
from starlette.requests import HTTPConnection

from dashboards.problems import InvalidField
from domain.access import Principal, Sites
from domain.errors import UnknownSite

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{8,128}$",
        description="A random text of 8 to 128 characters: the same request again under the same key is done once and"
        " answered alike, for a week.",
    ),
]

_current: ContextVar[Principal | None] = ContextVar("principal", default=None)


def current() -> Principal | None:
    """Who asks; None where nobody has to sign in."""
    return _current.get()


def enter(principal: Principal | None) -> None:
    """From here on until the answer it is ``principal`` who asks."""
    _current.set(principal)


def sites() -> Sites:
    """The sites that whoever asks may see; None = every site. What lists sites, or what belongs to them, is cut to
    these in the database.
    """
    principal = _current.get()
    return None if principal is None else principal.sites


def check_site(site_id: str) -> None:
    """:raises UnknownSite: whoever asks may not see it."""
    principal = _current.get()
    if principal is not None and not principal.reaches(site_id):
        raise UnknownSite(f"no site {site_id}")


def signed_in(given: object) -> object:
    """The name of who is signed in, whatever name is ``given``."""
    principal = _current.get()
    return given if principal is None or not isinstance(given, str) else principal.name


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A person at a client. ``key`` and ``fingerprint`` tell a repeated request; an empty key repeats nothing."""

    actor: str
    origin: str = ""
    key: str = ""
    fingerprint: bytes = b""


async def who(request: Request, actor: str, *, workstation: str = "", key: str | None = None) -> Who:
    """``actor`` as the client of ``request``: its address (behind a proxy on this machine the one that it forwards) and
    the workstation that it names.
    """
    origin = origin_of(request, workstation)
    principal = _current.get()
    name = actor if principal is None else principal.name
    if key is None:
        return Who(actor=name, origin=origin)
    asked = hashlib.sha256(f"{name}\n{request.method} {request.url.path}?{request.url.query}\n".encode())
    asked.update(await request.body())
    return Who(actor=name, origin=origin, key=key, fingerprint=asked.digest())


def origin_of(request: HTTPConnection, workstation: str = "") -> str:
    """From where, for the audit: address, workstation, and the token where it is a program."""
    principal = _current.get()
    token = f"token:{principal.token}" if principal is not None and principal.token else ""
    return " ".join(part for part in (address_of(request), workstation, token) if part)


def address_of(request: HTTPConnection) -> str:
    return request.client.host[:64] if request.client is not None else ""


async def by_whom(
    actor: Annotated[
        str | None, Query(max_length=64, description="Only where signing in is switched off: who does it.")
    ] = None,
) -> str:
    """Who does it, as it will stand in the audit.

    :raises InvalidField: nobody is signed in, and nobody is named.
    """
    name = signed_in(actor or "")
    if not isinstance(name, str) or not name.strip() or "\x00" in name:
        raise InvalidField("actor", "expected who does it")
    return name.strip()


ByWhom = Annotated[str, Depends(by_whom)]
