"""Chance that can be repeated: numbers that depend on a key and a counter and on nothing else.

`random.Random` keeps a state, so its n-th number needs the n-1 before it. The simulators ask for
"device 4711 at 14:03" out of the blue, so they hash instead (the finaliser of splitmix64, Steele, Lea and
Flood 2014).
"""

from __future__ import annotations

from hashlib import blake2b

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_UNIT = 1.0 / (1 << 64)


def key_of(*parts: object) -> int:
    """A 64-bit key of names and numbers, the same in every process."""
    return int.from_bytes(blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def unit(key: int, counter: int = 0) -> float:
    """A number in [0, 1) for this key and counter."""
    x = (key + counter * _STEP) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) * _UNIT


def drift(key: int, at_s: float, every_s: float) -> float:
    """A number in [-1, 1] that wanders smoothly and takes about ``every_s`` to become another."""
    position = at_s / every_s
    left = int(position // 1)
    share = position - left
    share = share * share * (3.0 - 2.0 * share)
    a, b = unit(key, left), unit(key, left + 1)
    return 2.0 * (a + (b - a) * share) - 1.0


#: So many bytes of chance are worked out together: they cost as much as one.
BLOCK = 64


def block_of(key: int, number: int) -> bytes:
    """The ``number``-th block of `BLOCK` bytes for this key, each 0 to 255."""
    return blake2b(b"%d/%d" % (key, number), digest_size=BLOCK).digest()
