from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.resent import Resent
from mqtt.packets import Inbound

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


def _came(payload: bytes, second: int, *, again: bool = False, retained: bool = False, packet_id: int = 1) -> Inbound:
    return Inbound(b"t", payload, NOW + timedelta(seconds=second), packet_id, 1, retained, again=again)


def _arrivals(resent: Resent, *messages: Inbound) -> list[int]:
    resent.recognise(messages)
    return [int((message.received_at - NOW).total_seconds()) for message in messages]


def test_equal_messages_that_come_again_have_their_arrivals_in_order() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1), _came(b"b", 2), _came(b"a", 3)])
    assert _arrivals(resent, *(_came(said, 10 + n, again=True) for n, said in enumerate((b"a", b"b", b"a")))) == [
        1,
        2,
        3,
    ]


def test_one_more_than_is_owed_is_new() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1)])
    assert _arrivals(resent, _came(b"a", 10, again=True), _came(b"a", 11, again=True)) == [1, 11]


def test_a_message_without_the_mark_is_new_and_nothing_is_owed_behind_it() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1), _came(b"a", 2)])
    assert _arrivals(resent, _came(b"a", 10, again=True), _came(b"a", 11)) == [1, 11]
    assert _arrivals(resent, _came(b"a", 12, again=True)) == [12]


def test_what_was_retained_comes_in_between() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1)])
    assert _arrivals(resent, _came(b"a", 10, retained=True), _came(b"a", 11, again=True)) == [10, 1]


def test_what_a_second_connection_did_not_bring_is_still_owed_behind_what_it_brought() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1), _came(b"a", 2), _came(b"b", 3)])
    brought = _came(b"a", 10, again=True)
    resent.recognise([brought])
    resent.connection_lost([brought])
    again = [_came(b"a", 20, again=True), _came(b"a", 21, again=True), _came(b"b", 22, again=True)]
    assert _arrivals(resent, *again) == [1, 2, 3]


def test_what_needs_no_acknowledgement_does_not_come_again() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1, packet_id=0)])
    assert _arrivals(resent, _came(b"a", 10, again=True)) == [10]


def test_a_broker_that_forgot_the_session_owes_nothing() -> None:
    resent = Resent()
    resent.connection_lost([_came(b"a", 1)])
    resent.forget()
    assert _arrivals(resent, _came(b"a", 10, again=True)) == [10]
