from __future__ import annotations

import msgspec

from detectors.pictures.memory import VERSION, Memory, unpacked


def test_a_memory_comes_back_as_it_was(learnt: Memory) -> None:
    assert unpacked(learnt.packed()) == learnt


def test_a_camera_is_remembered_in_some_tens_of_kilobytes(learnt: Memory) -> None:
    assert len(learnt.views) == 2
    assert len(learnt.packed()) < 40_000


def test_another_version_and_spoilt_bytes_are_an_empty_memory(learnt: Memory) -> None:
    assert unpacked(msgspec.structs.replace(learnt, version=VERSION + 1).packed()) == Memory()
    assert unpacked(learnt.packed()[:100]) == Memory()
    assert unpacked(b"") == Memory()
