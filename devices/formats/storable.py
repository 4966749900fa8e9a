"""Free-form objects of a message (``detail``, ``state``), held to what can be stored as jsonb."""

from __future__ import annotations

from typing import Any

import msgspec

MAX_OBJECT_BYTES = 16 * 1024
MAX_OBJECT_DEPTH = 16
_INT_LIMIT = 2**63

_DECODER = msgspec.json.Decoder(dict[str, Any])


def decode_object(raw: msgspec.Raw) -> dict[str, Any]:
    """The object, checked.

    :raises ValueError: says what was expected.
    """
    view = memoryview(raw)
    if len(view) > MAX_OBJECT_BYTES:
        raise ValueError(f"expected at most {MAX_OBJECT_BYTES} bytes, got {len(view)}")
    try:
        value = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"expected a JSON object: {error}") from error
    check_storable(value)
    return value


def check_storable(value: Any) -> None:
    """Refuse what PostgreSQL's jsonb or our own encoder would choke on later, where nobody could answer for it.

    :raises ValueError: says what was expected.
    """
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_OBJECT_DEPTH:
            raise ValueError(f"expected at most {MAX_OBJECT_DEPTH} levels of nesting")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            for key, inner in item.items():
                _check_text(key)
                waiting.append((inner, depth + 1))
        elif isinstance(item, list):
            waiting.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, int) and not -_INT_LIMIT <= item < _INT_LIMIT:
            raise ValueError("expected whole numbers within 64 bits")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("expected text without NUL characters")
    if not text.isascii():
        text.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
