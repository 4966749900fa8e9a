from __future__ import annotations

import re
from collections import Counter

import msgspec

from domain.device import DeviceKind
from domain.site import SiteKind
from simulators.district import build_district
from simulators.gazetteer import KITCHEN, TOWNSHIPS

SITE_ID = re.compile(r"[a-z0-9-]{1,32}")
DEVICE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def test_a_district_has_184_sites_with_108_devices_each() -> None:
    district = build_district()
    assert [site.site_id for site in district.sites][:2] == ["s001", "s002"]
    assert district.sites[-1].site_id == "s184"
    assert len(district.devices) == 19_872
    assert set(Counter(device.site_id for device in district.devices).values()) == {108}


def test_each_site_has_the_equipment_of_the_field() -> None:
    devices = [device for device in build_district(sites=3).devices if device.site_id == "s002"]
    assert Counter(device.kind for device in devices) == {
        DeviceKind.CAMERA: 59,
        DeviceKind.BARRIER: 1,
        DeviceKind.SMOKE: 25,
        DeviceKind.TEMPERATURE: 10,
        DeviceKind.ONE_KEY_ALARM: 5,
        DeviceKind.INTRUSION_ZONE: 3,
        DeviceKind.ACCESS_CONTROL: 2,
        DeviceKind.PATROL_POINT: 2,
        DeviceKind.GATEWAY: 1,
    }
    assert "s002-btn-05" in {device.device_id for device in devices}


def test_the_same_seed_builds_the_same_district_and_another_seed_another() -> None:
    one = msgspec.json.encode(build_district(seed=7))
    assert one == msgspec.json.encode(build_district(seed=7))
    assert one != msgspec.json.encode(build_district(seed=8))


def test_a_small_district_is_the_beginning_of_a_large_one() -> None:
    small, large = build_district(sites=10), build_district(sites=60)
    assert large.sites[:10] == small.sites
    assert large.devices[: len(small.devices)] == small.devices


def test_names_and_ids_are_unique_and_fit_a_topic() -> None:
    district = build_district(sites=400)
    assert len({site.name for site in district.sites}) == 400
    assert all(SITE_ID.fullmatch(site.site_id) for site in district.sites)
    assert all(DEVICE_ID.fullmatch(device.device_id) for device in district.devices)
    per_site = {(device.site_id, device.device_id) for device in district.devices}
    assert len(per_site) == len(district.devices)


def test_sites_lie_near_the_centre_of_their_township() -> None:
    centres = {township.name: township for township in TOWNSHIPS}
    district = build_district()
    assert {site.township for site in district.sites} == set(centres)
    for site in district.sites:
        assert site.longitude is not None
        assert site.latitude is not None
        assert abs(site.longitude - centres[site.township].longitude) < 0.04
        assert abs(site.latitude - centres[site.township].latitude) < 0.04


def test_branches_stand_in_the_township_of_their_school() -> None:
    sites = build_district().sites
    by_name = {site.name: site for site in sites}
    points = [site for site in sites if site.kind is SiteKind.TEACHING_POINT]
    assert points
    for point in points:
        school = by_name[point.name.split("小学")[0] + "小学"]
        assert point.township == school.township


def test_telephones_are_fictional() -> None:
    assert all(site.contact_phone.startswith("000-") for site in build_district().sites)


def test_every_device_but_the_gateway_hangs_on_the_gateway_of_its_site() -> None:
    for device in build_district(sites=2).devices:
        expected = "" if device.kind is DeviceKind.GATEWAY else f"{device.site_id}-gw-01"
        assert device.parent_id == expected


def test_no_two_devices_of_a_kind_at_a_site_share_a_place_and_the_kitchen_is_watched() -> None:
    devices = list(build_district(sites=1).devices)
    places = Counter((device.kind, device.place) for device in devices)
    assert max(places.values()) == 1
    in_kitchen = {device.kind for device in devices if device.place == KITCHEN}
    assert in_kitchen == {DeviceKind.CAMERA, DeviceKind.SMOKE, DeviceKind.TEMPERATURE}


def test_kindergartens_have_no_dormitory_and_no_headmaster() -> None:
    district = build_district()
    small = {site.site_id for site in district.sites if site.kind is SiteKind.KINDERGARTEN}
    words = " ".join(device.place for device in district.devices if device.site_id in small)
    assert "宿舍" not in words
    assert "校长室" not in words
    assert "园长室" in words
