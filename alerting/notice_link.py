"""The link in a message: who holds it may do one thing about one incident, once, for a while, without signing in. Pure.

::

    delivery (16 bytes) · until (8 bytes, seconds since 1970) · HMAC-SHA256 over both (16 bytes)   base64url

It names a delivery: so it is known who was told, of what. The database notes that it was used.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.errors import LinkRefused

#: How long the link of a message may be followed.
LASTS = timedelta(hours=12)
_SEAL_BYTES = 16


def make_token(key: bytes, delivery_id: UUID, *, until: datetime) -> str:
    said = delivery_id.bytes + int(until.timestamp()).to_bytes(8, "big")
    return base64.urlsafe_b64encode(said + _seal(key, said)).decode().rstrip("=")


def read_token(key: bytes, token: str, *, now: datetime) -> UUID:
    """The delivery that ``token`` belongs to.

    :raises LinkRefused: it was not made with this key, or it is too old.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) == 54 else b""
    except (binascii.Error, ValueError):
        raw = b""
    said, seal = raw[:24], raw[24:]
    if len(raw) != 24 + _SEAL_BYTES or not hmac.compare_digest(seal, _seal(key, said)):
        raise LinkRefused("链接无效 / this link is not valid")
    if now > datetime.fromtimestamp(int.from_bytes(said[16:], "big"), UTC):
        raise LinkRefused("链接已过期 / this link is too old")
    return UUID(bytes=said[:16])


def _seal(key: bytes, said: bytes) -> bytes:
    if not key:
        raise LinkRefused("此系统没有签名密钥 / this installation has no key for links")
    return hmac.digest(key, b"notice-link" + said, "sha256")[:_SEAL_BYTES]
