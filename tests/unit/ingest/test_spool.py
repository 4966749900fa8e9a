from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import SpoolFull, SpoolTaken
from ingest.spool import Spool


def _opened(directory: Path, **options: int) -> Spool:
    spool = Spool(directory, **options)
    spool.open()
    return spool


def _drain(spool: Spool, most: int = 3) -> list[bytes]:
    drained: list[bytes] = []
    while True:
        records, position = spool.peek(most)
        if not records:
            return drained
        drained += records
        spool.consume(position, len(records))


def test_records_come_back_in_order_and_leave_no_file_behind(tmp_path: Path) -> None:
    spool = _opened(tmp_path / "s", segment_bytes=64)
    for number in range(20):
        spool.append([b"%d" % number, b"x" * number])
    assert spool.records == 40
    assert _drain(spool) == [record for n in range(20) for record in (b"%d" % n, b"x" * n)]
    assert spool.records == spool.size == 0
    assert list((tmp_path / "s").glob("*.seg")) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.lists(st.binary(max_size=40), min_size=1, max_size=5),
            st.integers(1, 6),
            st.just("restart"),
        ),
        max_size=25,
    )
)
def test_spool_behaves_like_a_queue_over_any_history_of_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[bytes] | int | str]
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    spool, expected = _opened(directory, segment_bytes=50), []
    for step in steps:
        match step:
            case list():
                spool.append(step)
                expected += step
            case int():
                records, position = spool.peek(step)
                assert records == expected[:step]
                if records:
                    spool.consume(position, len(records))
                    del expected[: len(records)]
            case _:
                spool.close()
                spool = _opened(directory, segment_bytes=50)
        assert spool.records == len(expected)
    assert _drain(spool) == expected


def test_record_torn_by_a_crash_is_cut_off_and_the_rest_survives(tmp_path: Path) -> None:
    spool = _opened(tmp_path)
    spool.append([b"first", b"second"])
    spool.close()
    (segment,) = tmp_path.glob("*.seg")
    os.truncate(segment, segment.stat().st_size - 3)
    again = _opened(tmp_path)
    again.append([b"third"])
    assert _drain(again) == [b"first", b"third"]


def test_damage_in_the_middle_is_kept_aside_and_later_segments_survive(tmp_path: Path) -> None:
    spool = _opened(tmp_path, segment_bytes=1)
    for record in (b"one", b"two", b"three"):
        spool.append([record])
    spool.close()
    first, *_ = sorted(tmp_path.glob("*.seg"))
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    assert _drain(_opened(tmp_path)) == [b"two", b"three"]
    assert [file.suffix for file in tmp_path.glob("*.broken")] == [".broken"]


def test_bound_is_kept_and_what_did_not_fit_is_not_there(tmp_path: Path) -> None:
    spool = _opened(tmp_path, most_bytes=100)
    spool.append([b"x" * 60])
    with pytest.raises(SpoolFull, match="holds its 100 bytes"):
        spool.append([b"y" * 60])
    assert _drain(spool) == [b"x" * 60]
    spool.append([b"z" * 60])
    assert _drain(spool) == [b"z" * 60]


def test_full_disk_keeps_what_was_there_and_takes_more_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = _opened(tmp_path)
    spool.append([b"safe"])
    real = os.fdatasync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingest.spool.os.fdatasync", full)
    with pytest.raises(SpoolFull, match="No space left"):
        spool.append([b"lost?"])
    monkeypatch.setattr("ingest.spool.os.fdatasync", real)
    spool.append([b"later"])
    assert _drain(spool) == [b"safe", b"later"]


def test_consumed_records_do_not_come_back_after_a_restart(tmp_path: Path) -> None:
    spool = _opened(tmp_path)
    spool.append([b"a", b"b", b"c"])
    _, position = spool.peek(2)
    spool.consume(position, 2)
    spool.close()
    assert _drain(_opened(tmp_path)) == [b"c"]


def test_second_process_on_a_spool_is_refused_and_may_take_it_over_afterwards(tmp_path: Path) -> None:
    first = _opened(tmp_path)
    first.append([b"mine"])
    with pytest.raises(SpoolTaken, match="another process works on"):
        Spool(tmp_path).open()
    first.close()
    assert _drain(_opened(tmp_path)) == [b"mine"]
