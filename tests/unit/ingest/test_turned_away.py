from __future__ import annotations

import errno
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import SpoolFull
from domain.quarantine import Reason
from ingest.turned_away import MOST_LINES, Count, CountFile, TurnedAway

HOUR = datetime(2026, 9, 1, 8, tzinfo=UTC)


def _away(count: int = 1, *, site_no: int = 3, hour: datetime = HOUR) -> TurnedAway:
    return TurnedAway({hour: Counter({site_no: count})}, Counter({Reason.BAD_JSON: count}))


def _opened(path: Path) -> CountFile:
    file = CountFile(path)
    file.open()
    return file


def _taken(file: CountFile) -> Count:
    count = file.take()
    assert count is not None
    return count


def test_what_was_counted_is_there_after_a_crash_with_its_site_hour_and_reason(tmp_path: Path) -> None:
    file = _opened(tmp_path / "counted")
    file.add(_away(2))
    file.add(_away(3, site_no=4, hour=HOUR + timedelta(hours=1)))
    again = _opened(tmp_path / "counted")
    assert again.total == 5
    found = _taken(again).turned_away
    assert found.door == {HOUR: Counter({3: 2}), HOUR + timedelta(hours=1): Counter({4: 3})}
    assert found.reasons == {Reason.BAD_JSON: 5}


def test_a_count_that_is_being_booked_grows_no_more_and_keeps_its_uid_over_a_crash(tmp_path: Path) -> None:
    file = _opened(tmp_path / "counted")
    file.add(_away(2))
    booked = _taken(file)
    file.add(_away(7))
    assert _taken(file) == booked
    again = _opened(tmp_path / "counted")
    assert _taken(again) == booked
    again.forget(booked.uid)
    assert (_taken(again).total, _taken(again).uid == booked.uid) == (7, False)
    again.forget(_taken(again).uid)
    assert (again.take(), _opened(tmp_path / "counted").total) == (None, 0)


def test_a_torn_write_leaves_what_was_safe_before_it(tmp_path: Path) -> None:
    path = tmp_path / "counted"
    file = _opened(path)
    file.add(_away(2))
    before = path.read_bytes()
    file.add(_away(5))
    after = path.read_bytes()
    changed = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    torn = bytearray(after)
    torn[changed[-1]] ^= 0xFF
    path.write_bytes(torn)
    assert _opened(path).total == 2


def test_a_disk_that_takes_nothing_has_counted_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _opened(tmp_path / "counted")
    file.add(_away(2))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        with pytest.raises(SpoolFull, match="No space left"):
            file.add(_away(5))
    assert file.total == 2
    file.add(_away(1))
    assert _opened(tmp_path / "counted").total == 3


def test_without_its_directory_nothing_is_counted_until_it_is_there(tmp_path: Path) -> None:
    file = _opened(tmp_path / "none" / "counted")
    with pytest.raises(SpoolFull):
        file.add(_away())
    (tmp_path / "none").mkdir()
    file.add(_away())
    assert file.total == 1


def test_the_file_takes_no_more_room_for_a_long_flood_over_many_hours_and_sites(tmp_path: Path) -> None:
    path = tmp_path / "counted"
    file = _opened(path)
    file.add(_away())
    size = path.stat().st_size
    for day in range(2):
        for hour in range(24):
            door = {HOUR + timedelta(days=day, hours=hour): Counter(dict.fromkeys(range(1, 185), 10**9))}
            file.add(TurnedAway(door, Counter()))
        if not day:
            _taken(file)
    assert path.stat().st_size == size
    again = _opened(path)
    assert again.total == 1 + 2 * 24 * 184 * 10**9
    assert len(_taken(again).lines) <= MOST_LINES + 1


def test_rubbish_in_the_file_is_no_count(tmp_path: Path) -> None:
    (tmp_path / "counted").write_bytes(os.urandom(200_000))
    assert _opened(tmp_path / "counted").total == 0
