from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from campuswatch.roles.journals import (
    SITES_NAMED,
    STATE_BYTES,
    decode_state,
    encode_state,
    read_states,
    write_state,
)
from campuswatch.roles.places import journal_directory
from campuswatch.settings import load_settings
from domain.journal import JournalState

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def _state(messages: int = 5, sites: dict[str, int] | None = None) -> JournalState:
    return JournalState(
        lane="bulk", at=NOW, messages=messages, size_bytes=512, most_bytes=1024, sites=sites or {"s001": messages}
    )


def test_state_comes_back_as_it_was_and_takes_the_same_room_always() -> None:
    for state in (_state(), _state(10**9, {f"s{n:03}": n for n in range(SITES_NAMED)})):
        assert len(encode_state(state)) == STATE_BYTES
        assert decode_state(encode_state(state)) == state
    assert _state().fill == 0.5


def test_of_too_many_sites_those_with_most_messages_are_named() -> None:
    decoded = decode_state(encode_state(_state(sites={f"s{n:04}": n for n in range(5000)})))
    assert decoded is not None
    assert min(decoded.sites.values()) == 5000 - SITES_NAMED
    names = {"学" * 64 + str(n): 1 for n in range(SITES_NAMED)}
    assert decode_state(encode_state(_state(sites=names))) is not None


@pytest.mark.parametrize("cut", [0, 4, 9, 500, STATE_BYTES - 1])
def test_file_that_is_half_old_and_half_new_is_no_state(cut: int) -> None:
    old, new = encode_state(_state(5)), encode_state(_state(6, {"s002": 6}))
    torn = new[:cut] + old[cut:]
    assert (decode_state(torn) is None) or torn in (old, new)
    assert decode_state(new[:cut]) is None


def test_web_reads_what_the_lanes_wrote_and_nothing_where_there_is_no_lane(tmp_path: Path) -> None:
    settings = load_settings(None, {}).model_copy(update={"data": tmp_path})
    assert read_states(settings) == []
    directory = journal_directory(settings, "bulk")
    directory.mkdir(parents=True)
    write_state(directory / "state", _state(5))
    write_state(directory / "state", _state(7))
    assert read_states(settings) == [_state(7)]
