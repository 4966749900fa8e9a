"""A made-up district: its sites and their devices, the same for the same seed.

A smaller district is the beginning of a larger one: ``build_district(sites=10)`` holds the first ten of 184.
"""

from __future__ import annotations

from random import Random

import msgspec

from domain.device import Device, DeviceKind
from domain.site import Site, SiteKind
from simulators.enrolment import enrolled
from simulators.gazetteer import (
    BRANCH_WORDS,
    EQUIPMENT,
    GIVEN_NAMES,
    KEY_PLACES,
    ROADS,
    SCHOOLS,
    STEMS,
    SURNAMES,
    TEACHING_POINT_WORDS,
    TOWNSHIPS,
    Township,
    places,
)

DISTRICT_SITES = 184
GATEWAY_ID = "gw-01"
_BRANCH_SHARE = 0.24
_SPREAD_DEG = 0.012  # about 1.2 km around a township's centre


class District(msgspec.Struct, frozen=True):
    """Sites in the order of their ids; devices in the order of their sites, 108 for each."""

    sites: tuple[Site, ...]
    devices: tuple[Device, ...]


class _School(msgspec.Struct, frozen=True):
    """A main campus, as far as its branches take after it."""

    name: str
    name_en: str
    kind: SiteKind
    township: Township
    branch: str
    branch_en: str


def build_district(seed: int = 1, sites: int = DISTRICT_SITES) -> District:
    """Sites ``s001`` onwards with 108 devices each; 184 sites make 19,872 devices."""
    schools: list[_School] = []
    names: set[str] = set()
    built: list[Site] = []
    for number in range(1, sites + 1):
        chance = Random(f"{seed}/site/{number}")
        site = _site(number, chance, schools, names)
        built.append(enrolled(site, Random(f"{seed}/enrolment/{number}")))
    return District(tuple(built), tuple(device for site in built for device in devices_of(site)))


def devices_of(site: Site) -> list[Device]:
    """The 108 devices of a site; all the others hang on its gateway."""
    gateway = f"{site.site_id}-{GATEWAY_ID}"
    found: list[Device] = []
    for kind, word, count, title in EQUIPMENT:
        where = places(kind, site.kind)
        seen: dict[str, int] = {}
        for number in range(1, count + 1):
            place = where[(number - 1) % len(where)]
            seen[place] = seen.get(place, 0) + 1
            again = f"{seen[place]}号" if seen[place] > 1 else ""
            found.append(
                Device(
                    site_id=site.site_id,
                    device_id=f"{site.site_id}-{word}-{number:02d}",
                    kind=kind,
                    name=f"{place}{again}{title}",
                    place=place,
                    parent_id="" if kind is DeviceKind.GATEWAY else gateway,
                    key_place=kind is DeviceKind.CAMERA and place in KEY_PLACES,
                )
            )
    return found


def _site(number: int, chance: Random, schools: list[_School], names: set[str]) -> Site:
    branch = _branch(chance, schools, names) if schools and chance.random() < _BRANCH_SHARE else None
    if branch is None:
        school = _main_campus(chance, names)
        schools.append(school)
        name, name_en, kind, township = school.name, school.name_en, school.kind, school.township
    else:
        name, name_en, kind, township = branch
    names.add(name)
    return Site(
        site_id=f"s{number:03d}",
        name=name,
        name_en=name_en,
        kind=kind,
        township=township.name,
        address=f"{township.name}{chance.choice(ROADS)}{chance.randint(1, 299)}号",
        longitude=round(township.longitude + _offset(chance), 6),
        latitude=round(township.latitude + _offset(chance), 6),
        contact_name=chance.choice(SURNAMES) + chance.choice(GIVEN_NAMES),
        contact_phone=f"000-{55500000 + number:08d}",  # no area code is 000
    )


def _main_campus(chance: Random, names: set[str]) -> _School:
    """A school with a name that nobody has yet; the township goes before it when that is taken."""
    weights = [weight for _, weight, *_ in SCHOOLS]
    while True:
        kind, _, suffix, suffix_en, branch, branch_en = chance.choices(SCHOOLS, weights)[0]
        stem, stem_en = chance.choice(STEMS)
        township = chance.choice(TOWNSHIPS)
        short = township.name.removesuffix("街道").removesuffix("镇")
        ordinal = chance.choice(("第二", "第三", "实验", "中心"))
        for name, name_en in (
            (f"{stem}{suffix}", f"{stem_en} {suffix_en}"),
            (f"{short}{stem}{suffix}", f"{township.name_en} {stem_en} {suffix_en}"),
            (
                f"{short}{stem}{ordinal}{suffix}",
                f"{township.name_en} {stem_en} {_ORDINALS[ordinal]} {suffix_en}",
            ),
        ):
            if name not in names:
                return _School(name, name_en, kind, township, branch, branch_en)


_ORDINALS = {"第二": "No. 2", "第三": "No. 3", "实验": "Experimental", "中心": "Central"}


def _branch(chance: Random, schools: list[_School], names: set[str]) -> tuple[str, str, SiteKind, Township] | None:
    """A branch or teaching point of a school that is there already; None when the name drawn is taken."""
    school = chance.choice(schools)
    if school.kind is SiteKind.PRIMARY and chance.random() < 0.5:
        word, word_en = chance.choice(TEACHING_POINT_WORDS)
        name, name_en = f"{school.name}{word}教学点", f"{school.name_en}, {word_en} Teaching Point"
        kind = SiteKind.TEACHING_POINT
    else:
        word, word_en = chance.choice(BRANCH_WORDS)
        name, name_en = (
            f"{school.name}{word}{school.branch}",
            f"{school.name_en}, {word_en} {school.branch_en}",
        )
        kind = school.kind
    return None if name in names else (name, name_en, kind, school.township)


def _offset(chance: Random) -> float:
    return max(-3.0, min(3.0, chance.gauss(0.0, 1.0))) * _SPREAD_DEG
