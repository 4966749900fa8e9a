"""Secrets that the database keeps and cannot read: what seals them is told to nobody who has the database alone."""

from __future__ import annotations

from typing import Protocol


class Seal(Protocol):
    """``about`` says what a secret belongs to. Sealed for one thing, it opens for no other."""

    def sealed(self, secret: str, about: str) -> bytes: ...

    def opened(self, sealed: bytes, about: str) -> str:
        """:raises SealBroken: by another key, about something else, or spoilt."""
        ...

    def mine(self, sealed: bytes) -> bool:
        """Whether it was sealed with the key that `sealed` uses now."""
        ...
