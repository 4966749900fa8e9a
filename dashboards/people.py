"""Who asks for something, from where, and whether it is the same request again."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from fastapi import Header, Request

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{8,128}$",
        description="A random text of 8 to 128 characters: the same request again under the same key is done once and"
        " answered alike, for a week.",
    ),
]


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
    address = request.client.host if request.client is not None else ""
    if key is None:
        return Who(actor=actor, origin=_origin(address, workstation))
    asked = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    asked.update(await request.body())
    return Who(actor=actor, origin=_origin(address, workstation), key=key, fingerprint=asked.digest())


def _origin(address: str, workstation: str) -> str:
    return " ".join(part for part in (address[:64], workstation) if part)
