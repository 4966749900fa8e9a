from __future__ import annotations

from devices.registry import EMPTY_REGISTRY
from tests.unit.devices.school import BUTTON, CAMERA, DEVICES, OTHER_SMOKE, registry


def test_device_is_found_by_site_and_id_and_by_number() -> None:
    known = registry()
    assert known.device("s001", "s001-btn-01") is BUTTON
    assert known.by_no(BUTTON.device_no) is BUTTON
    assert known.device("s002", "s001-btn-01") is None
    assert known.device("s009", "s001-btn-01") is None
    assert known.by_no(999) is None


def test_site_is_found_by_id_and_by_number() -> None:
    known = registry()
    assert (known.site_no("s002"), known.site_id(2), known.site_no("s009"), known.site_id(9)) == (2, "s002", None, None)
    assert dict(known.sites) == {"s001": 1, "s002": 2}
    assert known.at_site("s002") == [OTHER_SMOKE]


def test_address_is_found_within_its_profile_and_site() -> None:
    known = registry()
    assert known.by_address("zigbee2mqtt", "button") == (BUTTON,)
    assert known.by_address("tasmota", "button") == ()
    assert known.by_address("zigbee2mqtt", "twin") == (CAMERA, OTHER_SMOKE)
    assert known.by_address("zigbee2mqtt", "twin", "s002") == (OTHER_SMOKE,)


def test_registry_tells_its_devices() -> None:
    assert len(registry()) == len(DEVICES)
    assert set(registry()) == set(DEVICES)
    assert len(EMPTY_REGISTRY) == 0
