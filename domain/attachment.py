"""What may be attached to an incident: a few bounded files whose content is what they say. Pure.

The kind is told by the content, never by the name: what is downloaded goes out as what it is, and as nothing else.
"""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import msgspec

from domain.errors import AttachmentRefused

MOST_BYTES = 5 * 1024 * 1024
MOST_OF_ONE = 20
LONGEST_NAME = 120

_TEXT = "text/plain; charset=utf-8"
#: Where the content says what it is: offset, bytes, what it is then.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (4, b"ftyp", "video/mp4"),
)
#: Everything that an attachment can be.
MEDIA_TYPES = (*(media_type for _, _, media_type in _SIGNATURES), _TEXT.partition(";")[0])
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\/:*?\"<>|\u202a-\u202e\u2066-\u2069]+")


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Without its content. ``sha256`` is hexadecimal."""

    attachment_no: int
    incident_id: UUID
    at: datetime
    actor: str
    name: str
    media_type: str
    size: int
    sha256: str


def media_type_of(content: bytes) -> str:
    """:raises AttachmentRefused: empty, too large, or of no kind that is taken."""
    if not content:
        raise AttachmentRefused("the file is empty")
    if len(content) > MOST_BYTES:
        raise AttachmentRefused(f"a file holds at most {MOST_BYTES // 1024 // 1024} MiB")
    for offset, mark, media_type in _SIGNATURES:
        if content[offset : offset + len(mark)] == mark and (mark != b"WEBP" or content[:4] == b"RIFF"):
            return media_type
    if _is_text(content):
        return _TEXT
    raise AttachmentRefused("expected a JPEG, PNG or WebP picture, an MP4 video, a PDF or UTF-8 text")


def safe_name(name: str) -> str:
    """``name`` without paths and what file systems or terminals make something else of."""
    plain = _UNFIT.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    return plain[-LONGEST_NAME:] or "attachment"


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(ord(character) < 32 and character not in "\t\r\n" for character in text)
