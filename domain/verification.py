"""Verification (核实): what a person found out about an incident, and why. Pure.

A finding out ends nothing: a life-safety incident verified false still needs a person's reset.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from domain.errors import VerificationRefused


class Verification(StrEnum):
    TRUE = "true"
    FALSE = "false"
    TEST = "test"
    DRILL = "drill"
    UNCLEAR = "unclear"


class Reason(NamedTuple):
    """Of which verifications it may be the reason, and how it is called."""

    of: frozenset[Verification]
    zh: str
    en: str


VERIFICATION_WORDS: dict[Verification, tuple[str, str]] = {
    Verification.TRUE: ("属实", "true"),
    Verification.FALSE: ("误报", "false"),
    Verification.TEST: ("测试", "test"),
    Verification.DRILL: ("演练", "drill"),
    Verification.UNCLEAR: ("待查", "unclear"),
}

_V = Verification


def _of(*verifications: Verification) -> frozenset[Verification]:
    return frozenset(verifications)


#: Code → what it is the reason of. Codes are kept in records: one that is here never changes its meaning.
REASONS: dict[str, Reason] = {
    "seen_on_site": Reason(_of(_V.TRUE), "现场确认", "seen on site"),
    "seen_on_video": Reason(_of(_V.TRUE), "视频确认", "seen on video"),
    "told_by_site": Reason(_of(_V.TRUE, _V.FALSE), "校方电话确认", "told by the site"),
    "pressed_by_mistake": Reason(_of(_V.FALSE), "误按误触", "pressed by mistake"),
    "prank": Reason(_of(_V.FALSE), "恶作剧", "a prank"),
    "cooking_or_steam": Reason(_of(_V.FALSE), "油烟水汽", "cooking or steam"),
    "dust_or_insects": Reason(_of(_V.FALSE), "灰尘昆虫", "dust or insects"),
    "works": Reason(_of(_V.FALSE), "施工影响", "works"),
    "weather": Reason(_of(_V.FALSE), "天气影响", "weather"),
    "animal": Reason(_of(_V.FALSE), "动物触发", "an animal"),
    "device_fault": Reason(_of(_V.FALSE, _V.TRUE), "设备故障", "the device is faulty"),
    "wrong_setting": Reason(_of(_V.FALSE), "参数设置不当", "a wrong setting"),
    "maintenance": Reason(_of(_V.TEST, _V.FALSE), "维护保养", "maintenance"),
    "self_test": Reason(_of(_V.TEST), "定期自检", "periodic self-test"),
    "planned_drill": Reason(_of(_V.DRILL), "计划演练", "a planned drill"),
    "unannounced_drill": Reason(_of(_V.DRILL), "突击演练", "an unannounced drill"),
    "nobody_reached": Reason(_of(_V.UNCLEAR), "联系不上现场", "nobody there was reached"),
    "no_picture": Reason(_of(_V.UNCLEAR), "无画面可查", "no picture to look at"),
    "contradictory": Reason(_of(_V.UNCLEAR), "说法不一", "reports contradict each other"),
    "other": Reason(frozenset(_V), "其他（见备注）", "other (see the note)"),
}


def check_reason(verification: Verification, reason: str, note: str) -> None:
    """:raises VerificationRefused: no such reason, not one of this verification, or «other» without a note."""
    known = REASONS.get(reason)
    if known is None or verification not in known.of:
        fits = ", ".join(code for code, one in REASONS.items() if verification in one.of)
        raise VerificationRefused(f"{reason!r} is no reason of {verification.value}; expected one of {fits}")
    if reason == "other" and not note:
        raise VerificationRefused("the reason «other» needs a note")
