from __future__ import annotations

import errno
import os
import resource
import signal
import struct
import zlib
from collections.abc import Callable
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
        records, position, _ = spool.peek(most)
        if not records:
            return drained
        drained += records
        spool.consume(position)


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
                records, position, _ = spool.peek(step)
                assert records == expected[:step]
                if records:
                    spool.consume(position)
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
    _, position, _ = spool.peek(2)
    spool.consume(position)
    spool.close()
    assert _drain(_opened(tmp_path)) == [b"c"]


def test_second_process_on_a_spool_is_refused_and_may_take_it_over_afterwards(tmp_path: Path) -> None:
    first = _opened(tmp_path)
    first.append([b"mine"])
    with pytest.raises(SpoolTaken, match="another process works on"):
        Spool(tmp_path).open()
    first.close()
    assert _drain(_opened(tmp_path)) == [b"mine"]


def _filled(directory: Path, *records: bytes) -> list[Path]:
    """One segment for each record, and the process that wrote them is gone."""
    spool = _opened(directory, segment_bytes=1)
    for record in records:
        spool.append([record])
    spool.close()
    return sorted(directory.glob("*.seg"))


def _lost(spool: Spool) -> list[tuple[int, int, int]]:
    return [(gap.place, gap.first, gap.missing) for gap in spool.peek(1000).gaps]


def test_whole_spool_has_no_gap(tmp_path: Path) -> None:
    _filled(tmp_path, b"a", b"b", b"c")
    spool = _opened(tmp_path)
    assert (spool.records, _lost(spool)) == (3, [])


@pytest.mark.parametrize(
    ("gone", "left", "gap"),
    [(0, [b"b", b"c"], (0, 0, 1)), (1, [b"a", b"c"], (1, 1, 1)), (2, [b"a", b"b"], (2, 2, 1))],
    ids=["first", "middle", "last"],
)
def test_segment_that_somebody_deleted_is_missed_exactly(
    tmp_path: Path, gone: int, left: list[bytes], gap: tuple[int, int, int]
) -> None:
    _filled(tmp_path, b"a", b"b", b"c")[gone].unlink()
    spool = _opened(tmp_path)
    assert spool.records == 3
    found = spool.peek(10)
    assert (found.records, [tuple(one) for one in found.gaps]) == (left, [gap])
    spool.consume(found.position)
    assert (spool.records, _lost(spool)) == (0, [])
    spool.append([b"d"])
    spool.close()
    again = _opened(tmp_path)
    assert (again.peek(10).records, _lost(again)) == ([b"d"], [])


def test_loss_of_everything_is_known_though_no_segment_is_left(tmp_path: Path) -> None:
    for segment in _filled(tmp_path, b"a", b"b", b"c"):
        segment.unlink()
    spool = _opened(tmp_path)
    assert (spool.records, _lost(spool)) == (3, [(0, 0, 3)])
    spool.consume(spool.peek(10).position)
    assert spool.records == 0


def test_damage_at_the_end_is_a_loss_and_is_kept_aside(tmp_path: Path) -> None:
    """As against a torn record: these had been acknowledged."""
    spool = _opened(tmp_path)
    spool.append([b"first", b"second", b"third"])
    spool.close()
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes().replace(b"second", b"secund"))
    again = _opened(tmp_path)
    found = again.peek(10)
    assert (found.records, [tuple(gap) for gap in found.gaps]) == ([b"first"], [(1, 1, 2)])
    assert [file.suffix for file in tmp_path.glob("*.broken")] == [".broken"]


def test_torn_record_that_was_never_acknowledged_is_no_loss(tmp_path: Path) -> None:
    spool = _opened(tmp_path)
    spool.append([b"first"])
    spool.close()
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes() + b"\x06\x00\x00\x00\xff\xff")
    again = _opened(tmp_path)
    assert (again.records, again.peek(10).records, _lost(again)) == (1, [b"first"], [])
    assert list(tmp_path.glob("*.broken")) == []


def test_segment_deleted_under_a_running_process_is_missed_and_what_comes_then_is_safe(tmp_path: Path) -> None:
    spool = _opened(tmp_path)
    spool.append([b"a", b"b"])
    (segment,) = tmp_path.glob("*.seg")
    segment.unlink()
    spool.append([b"c"])
    found = spool.peek(10)
    assert (found.records, [tuple(gap) for gap in found.gaps]) == ([b"c"], [(0, 0, 2)])
    spool.close()
    again = _opened(tmp_path)
    assert (again.peek(10).records, _lost(again)) == ([b"c"], [(0, 0, 2)])


def test_damage_under_a_running_process_is_missed(tmp_path: Path) -> None:
    spool = _opened(tmp_path)
    spool.append([b"first", b"second"])
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes().replace(b"second", b"secund"))
    spool.append([b"third"])
    found = spool.peek(10)
    assert found.records[0] == b"first"
    assert sum(gap.missing for gap in found.gaps) == 2
    spool.append([b"fourth"])
    assert spool.peek(10).records == [b"first", b"fourth"]
    spool.close()


def _old_record(body: bytes) -> bytes:
    return struct.pack("<II", len(body), zlib.crc32(body)) + body


def test_spool_of_the_time_before_records_were_numbered_is_read_without_a_gap(tmp_path: Path) -> None:
    (tmp_path / "0000000003.seg").write_bytes(_old_record(b"seen") + _old_record(b"a"))
    (tmp_path / "0000000004.seg").write_bytes(_old_record(b"b") + _old_record(b"c"))
    (tmp_path / "consumed").write_text(f"3 {len(_old_record(b'seen'))}")
    spool = _opened(tmp_path)
    assert (spool.records, _lost(spool)) == (3, [])
    spool.append([b"d"])
    assert _drain(spool, most=2) == [b"a", b"b", b"c", b"d"]


def test_lost_checkpoint_is_no_loss_of_records(tmp_path: Path) -> None:
    spool = _opened(tmp_path, segment_bytes=1)
    for record in (b"a", b"b", b"c"):
        spool.append([record])
    spool.consume(spool.peek(1).position)
    spool.close()
    (tmp_path / "consumed").unlink()
    again = _opened(tmp_path)
    assert again.peek(10).records[-2:] == [b"b", b"c"]
    assert _lost(again) == []


def test_disk_that_takes_half_of_a_block_keeps_none_of_it(tmp_path: Path) -> None:
    """A limit on the size of files is a full disk that needs no disk."""
    spool = _opened(tmp_path)
    spool.append([b"safe"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        with pytest.raises(SpoolFull, match="cannot be written"):
            spool.append([b"x" * 500])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    spool.append([b"later"])
    spool.close()
    again = _opened(tmp_path)
    assert (again.peek(10).records, _lost(again)) == ([b"safe", b"later"], [])


class _Disk:
    """Files can be made and written or not; what is there can be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.takes = True
        really = os.open

        def opened(path: str, flags: int, mode: int = 0o777) -> int:
            if not self.takes and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return really(path, flags, mode)

        def changed(really: Callable[..., object]) -> Callable[..., object]:
            def change(*args: object, **options: object) -> object:
                if not self.takes:
                    raise OSError(errno.EROFS, "Read-only file system")
                return really(*args, **options)

            return change

        monkeypatch.setattr(os, "open", opened)
        for owner, name in ((os, "truncate"), (Path, "mkdir"), (Path, "unlink"), (Path, "write_text")):
            monkeypatch.setattr(owner, name, changed(getattr(owner, name)))


def test_what_a_read_only_disk_holds_is_read_and_nothing_is_taken_until_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = _opened(tmp_path / "s")
    spool.append([b"one", b"two"])
    spool.close()
    (segment,) = (tmp_path / "s").glob("*.seg")
    with segment.open("ab") as torn:
        torn.write(b"torn")
    disk = _Disk(monkeypatch)
    disk.takes = False
    spool = _opened(tmp_path / "s")
    assert spool.peek(9).records == [b"one", b"two"]
    with pytest.raises(SpoolFull, match="cannot be written"):
        spool.append([b"three"])
    with pytest.raises(SpoolTaken):
        Spool(tmp_path / "s").open()
    disk.takes = True
    spool.append([b"three"])
    assert spool.peek(9).records == [b"one", b"two", b"three"]
    spool.close()
    assert _drain(_opened(tmp_path / "s")) == [b"one", b"two", b"three"]


def test_without_its_directory_a_spool_opens_empty_and_takes_what_comes_when_the_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _Disk(monkeypatch)
    disk.takes = False
    spool = _opened(tmp_path / "s")
    assert (spool.records, spool.peek(9).records) == (0, [])
    with pytest.raises(SpoolFull):
        spool.append([b"one"])
    disk.takes = True
    spool.append([b"one"])
    with pytest.raises(SpoolTaken):
        Spool(tmp_path / "s").open()
    assert _drain(spool) == [b"one"]
