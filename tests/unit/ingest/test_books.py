from __future__ import annotations

from collections import Counter
from datetime import timedelta

from domain.observation import Reading
from ingest.books import Books, Counts, hour_of
from storage.ledger import AUDITED
from storage.observations import Stored
from tests.pages import page
from tests.unit.detectors.sayings import SENSOR, START, at, device, heartbeat

HOUR = hour_of(START)
ALL_NEW = Stored(set(), 0, {})


def _measured(**values: float) -> Reading:
    return Reading(SENSOR, at(0), at(0), values)


def test_door_and_database_are_counted_by_themselves() -> None:
    books = Books()
    books.receive({HOUR: Counter({1: 5})})
    books.store([heartbeat(1), heartbeat(2)], Stored(set(), 2, {}))
    assert books.pages() == {HOUR: page((1, 5, 2, 0, 0, 2))}


def test_readings_are_counted_by_their_rows_too() -> None:
    books = Books()
    books.receive({HOUR: Counter({1: 2})})
    books.store([_measured(temperature_c=1, humidity_pct=2), _measured(temperature_c=3)], Stored(set(), 3, {}))
    assert books.pages() == {HOUR: page((1, 2, 2, 0, 0, 3))}


def test_known_ones_are_duplicates_and_half_known_ones_are_stored_with_fewer_rows() -> None:
    books = Books()
    books.receive({HOUR: Counter({1: 2})})
    said = [_measured(temperature_c=1), _measured(temperature_c=1, humidity_pct=2)]
    books.store(said, Stored({0}, 1, {1: 1}))
    assert books.pages() == {HOUR: page((1, 2, 1, 0, 1, 1))}


def test_each_counts_for_the_hour_in_which_it_was_received() -> None:
    books = Books()
    books.store([heartbeat(0), heartbeat(3600)], Stored(set(), 2, {}))
    of_each = page((1, 0, 1, 0, 0, 1))
    assert books.pages() == {HOUR: of_each, HOUR + timedelta(hours=1): of_each}


def test_rows_older_than_the_audit_looks_at_are_stored_and_not_counted_for_it() -> None:
    books = Books()
    books.receive({HOUR: Counter({1: 2})})
    old = -AUDITED.total_seconds() - 3600
    books.store([heartbeat(0, said_s=old), heartbeat(1)], Stored(set(), 2, {}))
    assert books.pages() == {HOUR: page((1, 2, 2, 0, 0, 1))}


def test_what_a_device_of_each_site_said_is_booked_for_its_site() -> None:
    books = Books()
    books.receive({HOUR: Counter({1: 2})})
    books.store([heartbeat(0, of=device(1)), heartbeat(0, of=device(2))], Stored(set(), 2, {}))
    books.reject({HOUR: Counter({7: 3})})
    assert books.pages() == {HOUR: page((1, 2, 2, 0, 0, 2), (7, 0, 0, 3, 0))}
    assert books.total() == Counts(received=2, stored=2, rejected=3)
