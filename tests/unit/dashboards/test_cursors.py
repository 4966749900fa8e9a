from __future__ import annotations

import base64

import msgspec
import pytest

from dashboards.paging import decode_cursor, encode_cursor, page_of
from dashboards.problems import InvalidField
from storage.incident_views import QueuePlace
from tests.unit.dashboards.marks import START

PLACE = QueuePlace(False, 1, START, 42)


def _coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_leads_back_to_the_place_it_was_made_of() -> None:
    assert decode_cursor(encode_cursor(PLACE), QueuePlace) == PLACE


def test_no_cursor_is_the_beginning() -> None:
    assert decode_cursor(None, QueuePlace) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "值班",
        "====",
        _coded("[]"),
        _coded("null"),
        _coded('["s001"]'),
        _coded('[false,1,"2026-03-02T01:30:00Z"]'),
        _coded('[false,1,"2026-03-02T01:30:00Z",42,1]'),
        _coded('[false,1,"2026-03-02T01:30:00",42]'),
        _coded('[false,-1,"2026-03-02T01:30:00Z",42]'),
        _coded('[false,1,"2026-03-02T01:30:00Z",9223372036854775808]'),
        _coded('[false,1,"99999-03-02T01:30:00Z",42]'),
        _coded('[0,1,"2026-03-02T01:30:00Z",42]'),
        encode_cursor(PLACE)[:-5],
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidField):
        decode_cursor(cursor, QueuePlace)


def test_the_last_page_has_no_next_one_also_when_it_is_full() -> None:
    assert page_of([1, 2, 3], 3, lambda last: last).next_cursor is None


def test_a_page_with_one_item_too_many_leads_on_from_the_last_that_fits() -> None:
    page = page_of([1, 2, 3, 4], 3, lambda last: [last])
    assert list(page.items) == [1, 2, 3]
    assert page.next_cursor is not None
    assert msgspec.json.decode(base64.urlsafe_b64decode(page.next_cursor + "==")) == [3]
