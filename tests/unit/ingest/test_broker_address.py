from __future__ import annotations

import pytest

from ingest.session import BrokerAddress


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtts://broker", "broker", 8883, True),
        ("mqtt://127.0.0.1:1999", "127.0.0.1", 1999, False),
        ("mqtt://[::1]:1883", "::1", 1883, False),
    ],
)
def test_an_address_is_read_from_its_url(url: str, host: str, port: int, tls: bool) -> None:
    address = BrokerAddress.parse(url)
    assert (address.host, address.port, address.tls) == (host, port, tls)


def test_a_password_is_read_and_never_shown() -> None:
    address = BrokerAddress.parse("mqtts://lane:ge%40heim@broker")
    assert (address.username, address.password) == ("lane", "ge@heim")
    assert str(address) == "mqtts://broker:8883"


@pytest.mark.parametrize("url", ["", "broker:1883", "http://broker", "mqtt://", "tcp://broker:1883"])
def test_what_is_no_mqtt_address_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(ValueError, match="expected mqtt://"):
        BrokerAddress.parse(url)
