from __future__ import annotations

from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerting.desk import Desk
from alerting.standing import Standing
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.roles.snapshot import Snapshot
from devices.registry import Registry
from domain.device import Device, RegisteredDevice
from domain.incident import OpenCase
from domain.site import Site, SiteKind
from tests.unit.alerting.findings import BUTTON, NOW, SmallGazetteer, press


def _gazetteer() -> RegistryGazetteer:
    gazetteer = RegistryGazetteer()
    site = Site(site_id="s001", name="实验小学", kind=SiteKind.PRIMARY)
    gazetteer.fill([site], [Device(site_id="s001", device_id=BUTTON.device_id, kind=BUTTON.kind, name="门卫室")])
    return gazetteer


def _standing() -> Standing:
    desk = Desk(gazetteer=SmallGazetteer(), link_ids=("police",), zone=ZoneInfo("Asia/Shanghai"))
    return Standing(
        cases={
            "one_key_alarm/s001/b1": OpenCase(incident_id=uuid4(), number=4711, returned=False),
            "smoke_alarm/s001/d1": OpenCase(incident_id=uuid4(), number=None, returned=True),
        },
        undelivered=list(desk.link_deliveries(press(), now=NOW)),
    )


def test_what_stands_is_read_back_as_it_was(tmp_path: Path) -> None:
    standing = _standing()
    Snapshot(tmp_path / "new").save_standing(standing)
    assert Snapshot(tmp_path / "new").load_standing() == standing


def test_the_file_of_an_older_program_names_the_keys(tmp_path: Path) -> None:
    (tmp_path / "open-cases.msgpack").write_bytes(msgspec.msgpack.encode(["a", "b"]))
    unknown = OpenCase(incident_id=None)
    assert Snapshot(tmp_path).load_standing() == Standing(cases={"a": unknown, "b": unknown})


@pytest.mark.parametrize("content", [b"", b"\xc1", msgspec.msgpack.encode([1, 2]), msgspec.msgpack.encode("x")])
def test_a_file_that_cannot_be_used_stops_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "open-cases.msgpack").write_bytes(content)
    assert Snapshot(tmp_path).load_standing() == Standing()


def test_no_flipped_bit_keeps_the_alarm_role_from_starting(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path)
    snapshot.save_standing(_standing())
    device = RegisteredDevice(1, 1, "s001", BUTTON.device_id, BUTTON.kind)
    snapshot.save_registry(Registry({"s001": 1}, [device]), _gazetteer())
    for name, load in (
        ("open-cases.msgpack", snapshot.load_standing),
        ("registry.msgpack", lambda: snapshot.load_registry(RegistryGazetteer())),
    ):
        content = (tmp_path / name).read_bytes()
        for bit in range(0, 8 * len(content), 11):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            (tmp_path / name).write_bytes(damaged)
            load()


def test_a_disk_that_takes_nothing_says_so_and_leaves_what_was_there(tmp_path: Path) -> None:
    snapshot, standing = Snapshot(tmp_path / "kept"), _standing()
    snapshot.save_standing(standing)
    (tmp_path / "kept").rename(tmp_path / "aside")
    (tmp_path / "kept").write_bytes(b"no directory")
    with pytest.raises(OSError, match="kept"):
        snapshot.save_standing(Standing())
    (tmp_path / "kept").unlink()
    (tmp_path / "aside").rename(tmp_path / "kept")
    assert snapshot.load_standing() == standing
