"""Chinese and English words for what people are told; the web front end has a dictionary of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.device import DeviceKind
from domain.finding import Severity

DEVICE_WORDS: dict[DeviceKind, tuple[str, str]] = {
    DeviceKind.ONE_KEY_ALARM: ("一键报警", "one-key alarm"),
    DeviceKind.SMOKE: ("烟感", "smoke detector"),
    DeviceKind.TEMPERATURE: ("温度传感器", "temperature sensor"),
    DeviceKind.GAS: ("燃气探测器", "gas detector"),
    DeviceKind.CAMERA: ("摄像机", "camera"),
    DeviceKind.INTRUSION_ZONE: ("入侵防区", "intrusion zone"),
    DeviceKind.ACCESS_CONTROL: ("门禁", "access control"),
    DeviceKind.PATROL_POINT: ("巡更点", "patrol checkpoint"),
    DeviceKind.BARRIER: ("防冲撞设施", "anti-ramming barrier"),
    DeviceKind.GATEWAY: ("网关", "gateway"),
    DeviceKind.UPLINK: ("上联线路", "uplink"),
    DeviceKind.SWITCH: ("交换机", "switch"),
    DeviceKind.RECORDER: ("录像机", "recorder"),
}

SEVERITY_WORDS: dict[Severity, tuple[str, str]] = {
    Severity.CRITICAL: ("紧急", "critical"),
    Severity.MAJOR: ("重要", "major"),
    Severity.MINOR: ("一般", "minor"),
    Severity.ADVICE: ("提示", "advice"),
}

#: Rule → what happened, in both languages. A rule that is not here is told by its name.
RULE_WORDS: dict[str, tuple[str, str]] = {
    "one_key_alarm": ("一键报警", "One-key alarm"),
    "duress_alarm": ("胁迫报警", "Duress alarm"),
    "smoke_alarm": ("烟雾报警", "Smoke alarm"),
    "heat_alarm": ("感温报警", "Heat alarm"),
    "manual_call_point": ("手动火灾报警", "Manual call point"),
    "gas_alarm": ("燃气报警", "Gas alarm"),
    "intrusion_alarm": ("入侵报警", "Intrusion alarm"),
    "high_temperature": ("温度过高", "High temperature"),
    "gas_concentration": ("燃气浓度超限", "Gas concentration"),
    "door_forced": ("强行开门", "Door forced"),
    "door_held": ("门未关好", "Door held open"),
    "gate_open": ("上课时间校门敞开", "Gate open in class hours"),
    "patrol_missed": ("巡查次数不足", "Patrol rounds missed"),
    "picture_fault": ("图像异常", "Picture fault"),
    "camera_hazard": ("摄像机隐患限期整改", "Camera to be mended in time"),
    "camera_offline": ("摄像机离线超过24小时", "Camera offline for a day"),
    "temperature_rise": ("温度急升", "Rapid temperature rise"),
    "heartbeat_lost": ("设备失联", "Device silent"),
    "site_silent": ("校点整体失联", "Site silent"),
    "area_silent": ("多校同时失联（疑似停电或断网）", "Several sites silent (power or line)"),
    "flapping": ("反复报警又恢复", "Comes and goes"),
    "low_battery": ("电量低", "Low battery"),
    "tamper": ("设备被拆动", "Tamper"),
    "clock_off": ("设备时钟不准", "Clock off"),
    "chattering_device": ("设备上报过于频繁", "Device says too much"),
    "chattering_site": ("校点上报过于频繁", "Site says too much"),
    "doubtful_alarm": ("存疑报警（需人工核实）", "Doubtful alarm (verify by hand)"),
    "target_dropped": ("不再达标", "Target no longer met"),
    "expiry_ahead": ("即将到期", "Expires soon"),
    "self_test_missing": ("联网测试逾期", "Self-test overdue"),
    "ledger_difference": ("收存账目不平，可能有数据丢失", "Ledger does not balance, data may be lost"),
    "journal_filling": ("本地暂存将满，数据库未收数", "Journal on disk fills up, the database takes nothing"),
    "roster_gap": ("值班安排有缺口", "Fault of the duty roster"),
    "session_forgotten": ("消息服务器丢失会话，可能有报文丢失", "Broker forgot our session, messages may be lost"),
    "link_silent": ("联网链路中断，对方无应答", "Link silent, the far end does not answer"),
    "link_untested": ("联网链路测试报警无回执", "Test alarm of the link without a receipt"),
    "link_test": ("联网链路自检", "Self-check of the link"),
}

#: Rules about the system itself, which happen at no school.
HOUSE_RULES = frozenset(
    {"ledger_difference", "journal_filling", "session_forgotten", "link_silent", "link_untested", "link_test"}
)

#: Rules about several sites together.
AREA_RULES = frozenset({"area_silent"})


def rule_words(rule: str, detail: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """Chinese and English words for a rule. ``detail``: of its finding, which has the title of a rule that people have
    added (``rule_title``).
    """
    if rule in RULE_WORDS:
        return RULE_WORDS[rule]
    title = (detail or {}).get("rule_title")
    words = (title.get("zh"), title.get("en")) if isinstance(title, Mapping) else ("", "")
    return str(words[0] or rule), str(words[1] or rule)
