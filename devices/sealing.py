"""Passwords of cameras as the database keeps them: AES-256-GCM, a key of its own for each purpose (ADR 29).

::

    1 byte version | 8 bytes which key | 12 bytes nonce | ciphertext and tag

What a password belongs to (camera, address, user name) is part of what is proved: who can write to the database and has
no key can neither read a password nor have it sent to another address.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import SealBroken

_VERSION = b"\x01"
_ID, _NONCE = 8, 12
_PURPOSE = b"campuswatch camera passwords"


class PasswordSeal:
    """``secret`` seals and opens, ``former`` (empty = none) opens what was sealed before it was changed.

    :raises ValueError: a secret is not ``whsec_`` and base64.
    """

    def __init__(self, secret: str, former: str = "") -> None:
        keys = [_key(one) for one in (secret, former) if one]
        self._ciphers = {_id(key): AESGCM(key) for key in keys}
        self._current = _id(keys[0])

    def __repr__(self) -> str:
        return "PasswordSeal()"

    def sealed(self, secret: str, about: str) -> bytes:
        nonce = os.urandom(_NONCE)
        cipher = self._ciphers[self._current]
        return _VERSION + self._current + nonce + cipher.encrypt(nonce, secret.encode(), about.encode())

    def opened(self, sealed: bytes, about: str) -> str:
        """:raises SealBroken: by another key, about something else, or spoilt."""
        cipher = self._ciphers.get(sealed[1 : 1 + _ID])
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBroken("sealed with another key")
        nonce, rest = sealed[1 + _ID : 1 + _ID + _NONCE], sealed[1 + _ID + _NONCE :]
        try:
            return cipher.decrypt(nonce, rest, about.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken("changed since it was sealed") from error

    def mine(self, sealed: bytes) -> bool:
        return sealed[: 1 + _ID] == _VERSION + self._current


def _key(secret: str) -> bytes:
    try:
        given = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("expected whsec_ and base64") from error
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(given)


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"which key" + key).digest()[:_ID]
