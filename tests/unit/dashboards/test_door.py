from __future__ import annotations

import pytest

from dashboards.guard import host_name, is_loopback, same_origin


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("[::1]", "::1"),
        ("", ""),
        ("localhost:80x", ""),
        ("localhost:80@evil.example", ""),
        ("[::1", ""),
        ("[::1]evil.example", ""),
    ],
)
def test_the_name_is_taken_out_of_the_host_header(authority: str, name: str) -> None:
    assert host_name(authority) == name


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.3.2.1", "::1"])
def test_loopback_names_and_addresses_are_loopback(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "evil.example"])
def test_other_names_are_not_loopback(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("http://LOCALHOST:8080", "localhost:8080"),
        ("https://wall.example", "wall.example"),
        ("https://wall.example:443", "wall.example"),
        ("http://wall.example", "wall.example:80"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_same_host_and_port_is_the_same_origin(origin: str, authority: str) -> None:
    assert same_origin(origin, authority)


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        ("null", "localhost:8080"),
        ("", "localhost:8080"),
        ("http://localhost:3000", "localhost:8080"),
        ("http://evil.example", "localhost:8080"),
        ("http://localhost:8080.evil.example", "localhost:8080"),
        ("file://localhost:8080", "localhost:8080"),
    ],
)
def test_anything_else_is_another_origin(origin: str, authority: str) -> None:
    assert not same_origin(origin, authority)
