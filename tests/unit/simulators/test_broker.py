from __future__ import annotations

import pytest

from simulators.broker import BrokerAddress, broker_address
from simulators.errors import RemoteBrokerRefused, SimulatorError


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1", "mqtt://localhost:1999", "mqtt://[::1]:1883", "mqtt://127.8.0.1"])
def test_a_broker_on_this_machine_is_allowed(url: str) -> None:
    assert broker_address(url).is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://192.0.2.7",
        "mqtt://broker.example:1883",
        "mqtt://0.0.0.0",
        "mqtt://localhost.example",
        "mqtts://[2001:db8::1]",
    ],
)
def test_a_broker_elsewhere_is_refused_until_somebody_allows_it(url: str) -> None:
    with pytest.raises(RemoteBrokerRefused, match="--allow-remote"):
        broker_address(url, resolve=lambda name: ["192.0.2.7"])
    assert not broker_address(url, allow_remote=True, resolve=lambda name: ["192.0.2.7"]).is_loopback


def test_a_name_is_on_this_machine_when_every_address_of_it_is() -> None:
    address = broker_address("mqtt://school-server:1883", resolve=lambda name: ["127.0.1.1", "::1"])
    assert address.is_loopback
    assert address.at == "127.0.1.1"  # and there it stays, whatever the name means later


@pytest.mark.parametrize("found", [[], ["127.0.0.1", "192.0.2.7"], ["::1", "2001:db8::1"]])
def test_a_name_that_leads_elsewhere_too_is_refused(found: list[str]) -> None:
    with pytest.raises(RemoteBrokerRefused, match="school-server"):
        broker_address("mqtt://school-server", resolve=lambda name: found)


def test_what_is_given_besides_the_url_counts_more() -> None:
    address = broker_address("mqtts://a:b@127.0.0.1", username="c", password="d", ca_file="ca.pem")
    assert (address.username, address.password, address.ca_file) == ("c", "d", "ca.pem")
    with pytest.raises(SimulatorError, match="mqtts"):
        broker_address("mqtt://127.0.0.1", ca_file="ca.pem")


def test_a_ca_file_without_certificates_is_named() -> None:
    with pytest.raises(SimulatorError, match=r"no-such\.pem"):
        broker_address("mqtts://127.0.0.1", ca_file="no-such.pem").tls_context()


def test_a_url_is_taken_apart() -> None:
    address = broker_address("mqtts://sim:p%40ss@127.0.0.1")
    assert address == BrokerAddress(host="127.0.0.1", port=8883, tls=True, username="sim", password="p@ss")
    assert "p@ss" not in str(address)


@pytest.mark.parametrize("url", ["", "127.0.0.1:1883", "http://127.0.0.1", "mqtt://", "mqtt://127.0.0.1:99999"])
def test_what_is_no_broker_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(SimulatorError, match=r"mqtt://127\.0\.0\.1:1883"):
        broker_address(url)
