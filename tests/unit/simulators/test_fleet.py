from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulators.broker import BrokerAddress
from simulators.district import District, build_district
from simulators.fleet import Fleet
from simulators.orders import Op, Order
from simulators.sharing import MOST_WAITING, Sharing
from simulators.uplink import BACKOFF_LAST_S, URGENT_BOUND, Uplink, backoff_s

BROKER = BrokerAddress(host="127.0.0.1", port=1)


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def fleet(connections: int = 2) -> Fleet:
    return Fleet(build_district(sites=4), BROKER, connections=connections, clock=StandingClock())


def test_an_order_is_obeyed_and_answered() -> None:
    running = fleet()
    reply = running.obey(Order(op=Op.PRESS, site="s003", id="o1"))
    assert reply.ok
    assert reply.id == "o1"
    assert running.summary().waiting == 1


def test_an_order_that_cannot_be_obeyed_is_answered_with_the_reason() -> None:
    running = fleet()
    reply = running.obey(Order(op=Op.CUT, site="s099", id="o2"))
    assert not reply.ok
    assert "s001 to s004" in reply.detail
    assert running.summary().waiting == 0


def test_orders_without_an_id_still_make_alarms_of_their_own() -> None:
    running = fleet()
    running.obey(Order(op=Op.PRESS, site="s001"))
    running.obey(Order(op=Op.PRESS, site="s001"))
    assert running.summary().waiting == 2


def test_there_are_never_more_connections_than_sites() -> None:
    assert fleet(connections=100).summary().connections == 4


def test_a_fleet_without_sites_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one site"):
        Fleet(District((), ()), BROKER)


def test_a_full_backlog_drops_its_oldest_and_counts_it() -> None:
    link = Uplink(BROKER, "t", backlog=3)
    for number in range(5):
        link.offer("t", str(number).encode())
    assert link.waiting == 3
    assert link.dropped == 2


def test_heartbeats_never_push_an_alarm_out() -> None:
    link = Uplink(BROKER, "t", backlog=3)
    link.offer("alarm", b"", urgent=True)
    for _ in range(10):
        link.offer("heartbeat", b"")
    assert link.waiting == 4
    assert link.dropped == 7


def test_even_alarms_are_bounded() -> None:
    link = Uplink(BROKER, "t")
    for _ in range(URGENT_BOUND + 1):
        link.offer("alarm", b"", urgent=True)
    assert link.waiting == URGENT_BOUND
    assert link.dropped == 1


def test_nothing_is_published_without_a_connection() -> None:
    link = Uplink(BROKER, "t")
    link.offer("t", b"")
    assert link.published == 0
    assert link.waiting == 1


def test_the_window_stays_below_the_packet_ids() -> None:
    with pytest.raises(ValueError, match="window"):
        Uplink(BROKER, "t", window=65_000)


def test_backoff_doubles_is_spread_and_has_an_end() -> None:
    assert backoff_s(1, 1.0) == 0.5
    assert backoff_s(2, 1.0) == 1.0
    assert backoff_s(2, 0.0) == 0.5
    assert backoff_s(5000, 1.0) == BACKOFF_LAST_S


@pytest.mark.parametrize("sharing", Sharing)
def test_what_waits_for_a_lost_broker_is_bounded_however_many_connections_there_are(sharing: Sharing) -> None:
    running = Fleet(build_district(sites=4), BROKER, sharing=sharing, clock=StandingClock())
    links = running._uplinks.links
    assert len(links) == {Sharing.GROUP: 4, Sharing.SITE: 4, Sharing.DEVICE: 432}[sharing]
    for link in links:
        for _ in range(MOST_WAITING // len(links) + 1):
            link.offer("t", b"")
    assert running.summary().waiting <= MOST_WAITING
    assert running.summary().dropped >= len(links)
