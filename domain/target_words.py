"""Chinese and English words for what targets ask for, as reports and notices say it."""

from __future__ import annotations

from typing import Final

from domain.target import Evidence, Standing

STANDING_WORDS: Final[dict[Standing, tuple[str, str]]] = {
    Standing.COMPLIANT: ("达标", "compliant"),
    Standing.DROPPED: ("不达标", "not compliant"),
    Standing.UNKNOWN: ("无法判定", "unknown"),
    Standing.EXEMPT: ("不适用", "exempt"),
}

#: Requirement → what is wrong where it is not met.
CAUSE_WORDS: Final[dict[str, tuple[str, str]]] = {
    "staffing": ("专职保安员人数不足", "too few guards who count"),
    "guard": ("保安员不符合要求", "guard does not count"),
    "enrolment": ("未登记学生人数", "enrolment not recorded"),
    "check_in": ("当班保安员未签到", "nobody on shift has checked in"),
    "gates": ("未登记校门", "no gate recorded"),
    "main_gate": ("未登记主校门", "no main gate recorded"),
    "gate_shut": ("上课时间校门未关闭", "gate open in class hours"),
    "barrier_installed": ("主校门未安装硬质防冲撞设施", "no hard barrier at a main gate"),
    "barrier_inspected": ("防冲撞设施检查过期或不合格", "barrier's inspection overdue or failed"),
    "barrier_in_place": ("防冲撞设施降下或缺失", "barrier down or gone"),
    "one_key_alarm": ("未安装一键式报警", "no one-key alarm"),
    "key_places": ("未登记重要部位视频", "no key-place video recorded"),
    "heartbeat": ("设备失联", "device silent"),
    "receipt": ("联网测试无回执", "test alarm not receipted"),
    "link": ("联网链路中断", "link down"),
    "post_set": ("未设置护学岗", "no guard post set up"),
    "post_manned": ("护学岗无人或人数不足", "guard post not manned"),
}

#: With whom schools are networked.
LINK_WORDS: Final[dict[str, tuple[str, str]]] = {
    "police": ("公安", "police"),
    "education": ("教育", "education"),
}

#: What will not hold any more.
EXPIRY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "guard": ("保安员证、年龄或任期到期", "guard's certificate, age or term"),
    "barrier_inspected": ("防冲撞设施检查到期", "barrier's inspection"),
    "self_test": ("一键报警联网测试到期", "test of a one-key alarm"),
}

#: The same where nobody can tell.
UNKNOWN_WORDS: Final[dict[str, tuple[str, str]]] = {
    "gate_shut": ("校门状态未知", "gate's state unknown"),
    "barrier_in_place": ("防冲撞设施状态未知", "barrier's state unknown"),
    "heartbeat": ("设备状态未知", "device's state unknown"),
    "receipt": ("尚未做联网测试", "not tested yet"),
}

#: What is wrong with a guard who does not count.
FAULT_WORDS: Final[dict[str, tuple[str, str]]] = {
    "not_serving_yet": ("尚未到岗", "not serving yet"),
    "left": ("已离岗", "has left"),
    "not_full_time": ("非专职", "not full time"),
    "no_certificate": ("无保安员证", "no certificate"),
    "certificate_not_valid_yet": ("保安员证尚未生效", "certificate not valid yet"),
    "certificate_expired": ("保安员证过期", "certificate expired"),
    "hired_too_old": ("初次从业超龄", "too old when first hired"),
    "too_old": ("在岗超龄", "too old"),
}


#: Why nobody can tell, where no single device is the reason.
BEHIND_WORDS: Final[dict[str, tuple[str, str]]] = {
    "behind": ("上级设备失联", "behind a silent device"),
    "site": ("校点整体失联", "the whole site is silent"),
    "returning": ("正在恢复", "coming back"),
}


def cause_words(one: Evidence) -> tuple[str, str]:
    """What is wrong and with whom, in Chinese and English, on one line."""
    table = CAUSE_WORDS if one.known else CAUSE_WORDS | UNKNOWN_WORDS
    zh, en = table.get(one.requirement, (one.requirement, one.requirement))
    detail = one.detail
    name = str(detail.get("name") or detail.get("place") or "")
    subject = f"{name} {one.subject}".strip()
    if one.requirement == "staffing":
        return (
            f"{zh}：应有 {detail.get('required')} 人，合格 {detail.get('counted')} 人",
            f"{en}: {detail.get('required')} required, {detail.get('counted')} count",
        )
    if one.requirement == "guard":
        faults = [FAULT_WORDS.get(fault, (fault, fault)) for fault in detail.get("faults", ())]
        return (
            f"{zh}：{subject}（{'、'.join(fault[0] for fault in faults)}）",
            f"{en}: {subject} ({', '.join(fault[1] for fault in faults)})",
        )
    behind = str(detail.get("behind") or "")
    why = BEHIND_WORDS.get(behind, (f"上级设备 {behind} 失联", f"behind {behind}, which is silent")) if behind else None
    return (
        (f"{zh}：{subject}（{why[0]}）", f"{en}: {subject} ({why[1]})")
        if why
        else (f"{zh}：{subject}", f"{en}: {subject}")
    )
