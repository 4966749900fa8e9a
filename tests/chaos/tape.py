"""What a broker and the roles say to each other, as far as it is evidence: which messages a role has acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

_PUBLISH, _PUBACK = 3, 4


class Conversation:
    """One connection. ``acknowledged`` collects the payloads for which the role has sent its PUBACK."""

    def __init__(self, acknowledged: set[bytes]) -> None:
        self._acknowledged = acknowledged
        self._under_way: dict[bytes, bytes] = {}  # packet id → payload
        self._from_broker, self._from_role = _Packets(), _Packets()

    def said(self, piece: bytes) -> None:
        """By the broker."""
        for first, body in self._from_broker.cut(piece):
            if first >> 4 == _PUBLISH and first & 0b110:
                name_ends = 2 + int.from_bytes(body[:2], "big")
                self._under_way[body[name_ends : name_ends + 2]] = body[name_ends + 2 :]

    def heard(self, piece: bytes) -> None:
        """By the broker, from the role."""
        for first, body in self._from_role.cut(piece):
            if first >> 4 == _PUBACK and (payload := self._under_way.pop(body[:2], None)) is not None:
                self._acknowledged.add(payload)


class _Packets:
    """Cuts a stream into MQTT packets."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """The first byte and the body of each packet that is complete now."""
        self._rest += piece
        start = 0
        while (extent := _extent(self._rest, start)) is not None and extent[1] <= len(self._rest):
            begin, end = extent
            yield self._rest[start], self._rest[begin:end]
            start = end
        self._rest = self._rest[start:]


def _extent(stream: bytes, start: int) -> tuple[int, int] | None:
    """Where the body of the packet at ``start`` begins and ends; None as long as its length is not there whole."""
    length = 0
    for place in range(4):
        position = start + 1 + place
        if position >= len(stream):
            return None
        length |= (stream[position] & 0x7F) << (7 * place)
        if stream[position] < 0x80:
            return position + 1, position + 1 + length
    raise ValueError("no MQTT: a length of more than four bytes")
