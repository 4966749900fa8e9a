"""Columns of an import file: what their headings are called in Chinese and English, and the words for kinds."""

from __future__ import annotations

import unicodedata

from devices.tables import Words
from domain.device import DeviceKind
from domain.site import SiteKind
from domain.vocabulary import DEVICE_WORDS

#: Field → headings; the first two are what an export writes in Chinese and in English.
SITE_HEADINGS: dict[str, tuple[str, ...]] = {
    "site_id": ("学校编号", "site_id", "站点编号", "校区编号", "site"),
    "name": ("学校名称", "name", "站点名称", "名称", "学校"),
    "name_en": ("英文名称", "name_en", "english_name"),
    "kind": ("学校类型", "kind", "类型", "学段", "type"),
    "township": ("乡镇", "township", "乡镇街道", "镇街", "街道"),
    "address": ("地址", "address", "学校地址"),
    "longitude": ("经度", "longitude", "lon", "lng"),
    "latitude": ("纬度", "latitude", "lat"),
    "contact_name": ("联系人", "contact_name", "contact", "安全干部"),
    "contact_phone": ("联系电话", "contact_phone", "phone", "电话"),
    "pupils": ("学生数", "pupils", "在校生数", "学生人数", "enrolment"),
    "boarders": ("住宿生数", "boarders", "寄宿生数", "住校生数"),
    "key_site": ("反恐重点单位", "key_site", "反恐重点", "key site"),
}

DEVICE_HEADINGS: dict[str, tuple[str, ...]] = {
    "site_id": ("学校编号", "site_id", "站点编号", "校区编号", "site"),
    "device_id": ("设备编号", "device_id", "device"),
    "kind": ("设备类型", "kind", "类型", "type"),
    "name": ("设备名称", "name", "名称"),
    "place": ("安装位置", "place", "位置", "location"),
    "parent_id": ("上级设备编号", "parent_id", "上级设备", "所属网关", "parent"),
    "profile": ("接入协议", "profile", "协议", "厂家协议"),
    "address": ("通信地址", "address", "设备地址"),
    "heartbeat_s": ("心跳间隔(秒)", "heartbeat_s", "心跳间隔", "心跳周期", "heartbeat"),
    "key_place": ("重要部位", "key_place", "是否重要部位"),
    "must_network": ("应联网", "must_network", "是否应联网"),
}

SITE_KIND_WORDS: dict[SiteKind, Words] = {
    SiteKind.KINDERGARTEN: Words("幼儿园", "kindergarten"),
    SiteKind.PRIMARY: Words("小学", "primary school"),
    SiteKind.MIDDLE: Words("初中", "middle school"),
    SiteKind.HIGH: Words("高中", "high school"),
    SiteKind.NINE_YEAR: Words("九年一贯制学校", "nine-year school"),
    SiteKind.VOCATIONAL: Words("职业学校", "vocational school"),
    SiteKind.SPECIAL: Words("特殊教育学校", "special school"),
    SiteKind.TEACHING_POINT: Words("教学点", "teaching point"),
}

DEVICE_KIND_WORDS: dict[DeviceKind, Words] = {kind: Words(*words) for kind, words in DEVICE_WORDS.items()}


def fold(text: str) -> str:
    """A heading or word without what people vary: width, case, blanks, underscores, the star of a required column."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if not char.isspace() and char not in "_-*\u200b\ufeff")


def match_headings(cells: list[str], headings: dict[str, tuple[str, ...]]) -> dict[int, str]:
    """Column number → field, for every column whose heading is known."""
    known = {fold(alias): field for field, aliases in headings.items() for alias in aliases}
    return {column: known[fold(cell)] for column, cell in enumerate(cells) if fold(cell) in known}


_SITE_KINDS = {fold(word): kind for kind in SiteKind for word in (kind.value, *SITE_KIND_WORDS[kind])}
_DEVICE_KINDS = {fold(word): kind for kind in DeviceKind for word in (kind.value, *DEVICE_KIND_WORDS[kind])}


def site_kind(text: str) -> SiteKind | None:
    return _SITE_KINDS.get(fold(text))


def device_kind(text: str) -> DeviceKind | None:
    return _DEVICE_KINDS.get(fold(text))
