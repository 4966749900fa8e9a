"""Where pictures come from, as a file says it."""

from __future__ import annotations

import pytest

from devices.camera_sources import read_sources
from domain.camera import CameraSource, Way
from domain.errors import ImportRefused

HEAD = "site_id,device_id,way,url,username,password\n"


def _read(*rows: str) -> list[CameraSource | None]:
    return [row.source for row in read_sources((HEAD + "\n".join(rows)).encode())]


def test_three_ways_and_none() -> None:
    assert _read(
        "s001,c1,snapshot,http://10.0.0.1/snap.jpg?ch=1,patrol,a b",
        "s001,c2,stream,rtsp://10.0.0.2:554/ch1,,",
        "s001,c3,push,,,",
        "s001,c4,,,,",
    ) == [
        CameraSource(way=Way.SNAPSHOT, url="http://10.0.0.1/snap.jpg?ch=1", username="patrol", password="a b"),
        CameraSource(way=Way.STREAM, url="rtsp://10.0.0.2:554/ch1"),
        CameraSource(way=Way.PUSH),
        None,
    ]


@pytest.mark.parametrize(
    "row",
    [
        "s001,c1,telepathy,,,",
        "s001,c1,snapshot,,,",
        "s001,c1,snapshot,rtsp://10.0.0.1/,,",
        "s001,c1,stream,http://10.0.0.1/,,",
        "s001,c1,snapshot,file:///etc/passwd,,",
        "s001,c1,snapshot,http://user:top-secret@10.0.0.1/,,",
        "s001,c1,snapshot,http://10.0.0.1:99999/,,",
        "s001,c1,snapshot,http://[::1/,,",
        "s001,c1,push,http://10.0.0.1/,,",
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_row_and_repeats_nothing(row: str) -> None:
    with pytest.raises(ImportRefused, match="row 3") as refused:
        _read("s001,c0,push,,,", row)
    assert "top-secret" not in str(refused.value)
    assert "10.0.0.1" not in str(refused.value)


def test_a_camera_stands_in_one_row_and_columns_have_names() -> None:
    with pytest.raises(ImportRefused, match="row 3: this camera"):
        _read("s001,c1,push,,,", "s001,c1,push,,,")
    with pytest.raises(ImportRefused, match="no column way"):
        read_sources(b"site_id,device_id\ns001,c1")


def test_a_source_prints_no_password() -> None:
    source = CameraSource(way=Way.SNAPSHOT, url="http://10.0.0.1/", username="patrol", password="top-secret")
    assert "top-secret" not in f"{source} {source!r} {[source]}"
