"""A picture that was taken, or why there is none."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.errors import CampuswatchError

#: The same as `detectors.pictures.decoding.MOST_BYTES`: more is read of nobody.
MOST_BYTES = 16 * 2**20


class TakenPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes as they came; whether they are a picture is found out later."""

    jpeg: bytes
    at: datetime


class NoPicture(CampuswatchError):
    """No picture came.

    ``reason`` is a word of `domain.camera_words`; ``answered``: something was there. Never holds an address's
    credentials: it holds no address at all.
    """

    def __init__(self, reason: str, *, answered: bool) -> None:
        self.reason = reason
        self.answered = answered
        super().__init__(reason)
