"""Sealed passwords: for one thing, with one key, and nothing can be changed of them."""

from __future__ import annotations

import pytest

from campuswatch.secrets import webhook_secret
from devices.sealing import PasswordSeal
from domain.errors import SealBroken

ABOUT = "7\nsnapshot\nhttp://10.0.0.1/\npatrol"


def test_what_is_sealed_opens_again_and_is_never_the_same_twice() -> None:
    seal = PasswordSeal(webhook_secret())
    sealed = seal.sealed("口令 secret", ABOUT)
    assert seal.opened(sealed, ABOUT) == "口令 secret"
    assert b"secret" not in sealed
    assert sealed != seal.sealed("口令 secret", ABOUT)
    assert repr(seal) == "PasswordSeal()"


@pytest.mark.parametrize("place", [0, 1, 9, 21, -1])
def test_not_a_byte_of_it_can_be_changed(place: int) -> None:
    seal = PasswordSeal(webhook_secret())
    sealed = bytearray(seal.sealed("secret", ABOUT))
    sealed[place] ^= 1
    with pytest.raises(SealBroken):
        seal.opened(bytes(sealed), ABOUT)


def test_it_opens_for_no_other_address_and_with_no_other_key() -> None:
    seal, other = PasswordSeal(webhook_secret()), PasswordSeal(webhook_secret())
    sealed = seal.sealed("secret", ABOUT)
    with pytest.raises(SealBroken, match="changed"):
        seal.opened(sealed, ABOUT.replace("10.0.0.1", "10.6.6.6"))
    with pytest.raises(SealBroken, match="another key"):
        other.opened(sealed, ABOUT)
    for spoilt in (b"", b"\x01", sealed[:20]):
        with pytest.raises(SealBroken):
            seal.opened(spoilt, ABOUT)


def test_while_a_secret_is_changed_the_former_one_still_opens() -> None:
    former, secret = webhook_secret(), webhook_secret()
    sealed = PasswordSeal(former).sealed("secret", ABOUT)
    both = PasswordSeal(secret, former)
    assert both.opened(sealed, ABOUT) == "secret"
    assert not both.mine(sealed)
    assert both.mine(both.sealed("secret", ABOUT))
