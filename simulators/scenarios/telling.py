"""Actions, happenings and wants in words, for a timeline that people read. Chinese, or English by a switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from domain.device import DeviceKind
from domain.early_warning import LEVEL_WORDS
from domain.finding import Severity
from domain.metric import METRICS
from domain.target_words import CAUSE_WORDS, STANDING_WORDS
from domain.vocabulary import DEVICE_WORDS, SEVERITY_WORDS, rule_words
from simulators.alarm_lines import Language
from simulators.district import District
from simulators.far_ends import Mode, Person
from simulators.orders import Op, Order
from simulators.scenarios.happening import DUTY, Happening, HappeningKind
from simulators.scenarios.script import (
    Act,
    AnswerAct,
    DatabaseAct,
    DutyAct,
    LinkAct,
    MaintenanceAct,
    OperatorAct,
    Quiet,
    ReadAct,
    RegistryAct,
    RegistryOp,
    ReportAct,
    RestartAct,
    RosterAct,
    ShelveAct,
    StandInAct,
    SwapAct,
    Want,
    WarnAct,
)
from simulators.scenarios.times import lasting

_WORDS: dict[str, tuple[str, str]] = {
    "incident": ("事件", "incident"),
    "change": ("进展", "change"),
    "receipt": ("回执", "receipt"),
    "notice": ("通知", "notice"),
    "failure": ("未达", "failure"),
    "target": ("达标", "target"),
    "guard_staffing": ("专职保安员配备", "guard staffing"),
    "closed_campus": ("封闭化管理和防冲撞", "closed campus"),
    "networking": ("一键报警和视频联网", "networking"),
    "guard_posts": ("护学岗", "guard posts"),
    **{standing.value: words for standing, words in STANDING_WORDS.items()},
    "police": ("公安", "police"),
    "education": ("教育", "education"),
    "phone": ("带班领导手机", "duty leader's phone"),
    "duty": ("带班领导", "duty leader"),
    "operator": ("值班员", "operator"),
    "acknowledged": ("确认", "acknowledged"),
    "returned": ("恢复正常", "back to normal"),
    "reset": ("复位", "reset"),
    "closed": ("关闭", "closed"),
    "repeated": ("再次报警", "repeated"),
    "raised_again": ("恢复后再次报警", "raised again"),
    "updated": ("情况更新", "updated"),
    "nobody_on_duty": ("当前无带班领导", "nobody on duty"),
    "shelved": ("搁置", "shelved"),
    "unshelved": ("搁置结束", "off the shelf"),
    "maintenance": ("维护窗口", "maintenance"),
    "declined": ("无法处理", "cannot take it"),
    "nobody_answered": ("无人应答", "nobody answered"),
    "acknowledgement_expired": ("确认已过期", "acknowledgement ran out"),
    "regraded": ("响应级别调整", "grade changed"),
    "roster": ("值班表", "roster"),
    "swap": ("换班", "swap"),
    "stand_in": ("代班", "stand-in"),
    "take": ("我来处理", "takes it"),
    "decline": ("无法处理", "cannot take it"),
    "shelve": ("搁置", "shelve"),
    "link_accepted": ("对方已接警", "accepted by the link"),
    "link_refused": ("对方拒绝", "refused by the link"),
    "report_warning": ("上报时限提醒", "report deadline near"),
    "report_met": ("初报按时送达", "reported in time"),
    "report_missed": ("上报超时", "report missed"),
    "report_waived": ("无需上报", "nothing to report"),
    "report": ("上报", "report"),
    "warn": ("发布预警", "early warning"),
    "read": ("签收预警", "read"),
    "start": ("启动时限", "start the clock"),
    "first": ("初报", "first report"),
    "follow_up": ("续报", "follow-up report"),
    "final": ("终报", "final report"),
    "waive": ("无需上报", "nothing to report"),
    "accepts": ("有人接警", "somebody accepts"),
    "refuses": ("有人拒绝", "somebody refuses"),
    "cut": ("失联", "cut"),
    "restore": ("恢复联网", "restore"),
    "heat": ("升温", "heat"),
    "drift": ("读数漂移", "drift"),
    "ignite": ("起火", "ignite"),
    "extinguish": ("扑灭", "extinguish"),
    "press": ("按下一键报警", "press"),
    "alarm": ("上报报警", "alarm"),
    "event": ("上报事件", "event"),
    "state": ("上报状态", "state"),
    "reading": ("上报读数", "reading"),
    "repeat": ("重复上报", "repeat"),
    "clock": ("时钟偏差", "clock"),
    "battery": ("电量", "battery"),
    "link": ("对端", "link"),
    "acknowledge": ("确认", "acknowledge"),
    "close": ("关闭", "close"),
    "restart": ("进程重启", "restart"),
    "database": ("数据库", "database"),
    "away": ("中断", "away"),
    "back": ("恢复", "back"),
    "leader": ("有人值班", "a leader"),
    "registry": ("登记", "registry"),
    "leaves": ("保安离岗", "guard leaves"),
    "returns": ("保安返岗", "guard returns"),
    "certificate_ends": ("保安员证到期", "certificate ends"),
    "certificate_renewed": ("保安员证换新", "certificate renewed"),
    "checks_in": ("保安签到", "guard checks in"),
    "removed": ("防冲撞设施拆除", "barrier removed"),
    "installed": ("防冲撞设施装上", "barrier installed"),
    "passes": ("检查合格", "inspection passed"),
    "fails": ("检查不合格", "inspection failed"),
    "lapses": ("检查过期", "inspection lapses"),
    "reported": ("护学岗到岗人数", "guard post reported"),
    "enrolled": ("学生数", "enrolment"),
    "unreported": ("护学岗无人上报", "guard post not reported"),
    "reported_again": ("护学岗恢复上报", "guard post reported again"),
    "enabled": ("计入考核", "target counts"),
    "disabled": ("不计入考核", "target does not count"),
    "nobody": ("无人值班", "nobody"),
    "test": ("【测试】", "[TEST]"),
    "drill": ("【演练】", "[DRILL]"),
    "over": ("（结束）", " (over)"),
    "times": ("{} 次", "{} times"),
    "within": ("历时", "over"),
    "only": ("只看", "only"),
    "except": ("不计", "except"),
    "quiet": ("无其他情况", "nothing else"),
    "raised": ("报警", "raised"),
    "system": ("系统", "system"),
}
#: What devices report, by the words of `AlarmKind` and `EventKind`.
_REPORTED: dict[str, tuple[str, str]] = {
    "panic": ("一键报警", "panic"),
    "duress": ("胁迫报警", "duress"),
    "smoke": ("烟雾", "smoke"),
    "heat": ("高温", "heat"),
    "gas": ("燃气", "gas"),
    "manual_call_point": ("手动火灾报警", "manual call point"),
    "intrusion": ("入侵", "intrusion"),
    "tamper": ("被拆动", "tamper"),
    "low_battery": ("电量低", "low battery"),
    "power_lost": ("断电", "power lost"),
    "fault": ("故障", "fault"),
    "access_granted": ("放行", "access granted"),
    "access_denied": ("拒绝通行", "access denied"),
    "door_forced": ("强行开门", "door forced"),
    "door_held": ("门未关好", "door held open"),
    "patrol_checked": ("巡更打卡", "patrol checked"),
    "picture_fault": ("图像异常", "picture fault"),
    "receipt": ("回执", "receipt"),
}
#: How far ends behave, by the words of `Mode`.
_MODES: dict[Mode, tuple[str, str]] = {
    Mode.OK: ("正常", "ok"),
    Mode.SLOW: ("应答缓慢", "slow"),
    Mode.REFUSE: ("拒收", "refuse"),
    Mode.HANG: ("无应答", "hang"),
    Mode.ERROR500: ("报错 500", "error500"),
    Mode.WRONG_RECEIPT: ("回执不符", "wrong_receipt"),
    Mode.LOSE: ("应答中断", "lose"),
}

#: Causes whose proof is shown.
_MOST_PROOFS = 3


class Told(NamedTuple):
    """One line's parts: what kind of thing, what, where, and what there is to say beside."""

    kind: str
    what: str
    where: str
    beside: str = ""


class Telling:
    """In one language, for one district."""

    def __init__(self, district: District, language: Language) -> None:
        self.english = self._second = language is Language.EN
        self._names = {(device.site_id, device.device_id): device.name for device in district.devices}
        self._sites = {site.site_id: (site.name, site.name_en) for site in district.sites}

    def word(self, name: str) -> str:
        return _WORDS[name][self._second] if name in _WORDS else name

    def rule(self, name: str) -> str:
        return rule_words(name)[self._second] if name else ""

    def place(self, site: str, device: str) -> str:
        """``s001-smk-14 教学楼一层东走廊烟感``; a site by its id and name."""
        if device:
            return " ".join(filter(None, (device, self._names.get((site, device), ""))))
        name = self._sites[site][self._second] if site in self._sites else ""
        return " ".join(filter(None, (site, name)))

    def act(self, act: Act) -> Told:
        match act:
            case Order():
                where = act.township or self.place(act.site, act.device)
                return Told(self.word(act.op.value), self._kind_reported(act), where, self._ordered(act))
            case LinkAct():
                mode = _MODES[act.mode][self._second]
                if act.mode in (Mode.SLOW, Mode.HANG):
                    mode += f" {lasting(act.seconds)}"
                if act.person is not Person.SILENT:
                    mode += f", {self.word(act.person.value)} +{lasting(act.person_after_s)}"
                return Told(self.word("link"), self.word(act.link.value), "", mode)
            case OperatorAct():
                beside = "".join((act.actor, f" “{act.note}”" if act.note else ""))
                return Told(self.word(act.action.value), self.rule(act.rule), self.place(act.site, act.device), beside)
            case MaintenanceAct():
                what = " ".join(filter(None, (self.rule(act.rule), self._device_kind(act.kind))))
                beside = f"{self.word('within')} {lasting(act.seconds)} {act.actor} “{act.reason}”"
                return Told(self.word("maintenance"), what, self.place(act.site, act.device), beside)
            case ShelveAct():
                beside = f"{self.word('within')} {lasting(act.seconds)} {act.actor} “{act.reason}”"
                return Told(self.word("shelve"), self.rule(act.rule), self.place(act.site, act.device), beside)
            case ReportAct():
                return Told(self.word("report"), self.rule(act.rule), "", f"{self.word(act.does.value)} {act.actor}")
            case WarnAct():
                level = LEVEL_WORDS[act.level][self._second]
                return Told(self.word("warn"), level, "", f"{self.word('within')} {lasting(act.seconds)}")
            case ReadAct():
                return Told(self.word("read"), "", self.place(act.site, ""))
            case RestartAct():
                return Told(self.word("restart"), act.process.value, "")
            case DatabaseAct():
                return Told(self.word("database"), self.word("away" if act.away else "back"), "")
            case RegistryAct():
                beside = str(act.count) if act.op in (RegistryOp.REPORTED, RegistryOp.ENROLLED) else ""
                where = f"{self.place(act.site, '')} {self.word(act.subject)}".strip()
                return Told(self.word("registry"), self.word(act.op.value), where, beside)
            case RosterAct():
                return Told(self.word("roster"), "", "", "、".join(one.person for one in act.people))
            case SwapAct():
                return Told(self.word("swap"), "", "", f"{act.first} ⇄ {act.second}")
            case StandInAct():
                beside = f"{act.person} → {act.instead_of or self.word('duty')}, {lasting(act.seconds)}"
                return Told(self.word("stand_in"), "", self.place(act.site, ""), beside)
            case AnswerAct():
                word = self.word("take" if act.take else "decline")
                return Told(word, self.rule(act.rule), self.place(act.site, act.device), act.by)
            case DutyAct():
                return Told(self.word("duty"), self.word("leader" if act.present else "nobody"), "")

    def happening(self, one: Happening) -> Told:
        what = self.rule(one.rule) if one.kind is HappeningKind.INCIDENT else self._with_rule(one.what, one.rule)
        beside = [self.severity(one.severity)] if one.kind is HappeningKind.INCIDENT and one.severity else []
        if one.to and one.to != one.what:
            beside.append(f"→ {one.to}")
        beside.append(self.word(one.text))
        if one.standing:
            beside += [self.word(one.standing), ", ".join(map(self.cause, one.causes))]
        return Told(
            self.word(one.kind.value),
            self.marks(test=one.test, drill=one.drill) + what,
            self.place(one.site, one.device),
            " ".join(filter(None, beside)),
        )

    def want(self, want: Want) -> Told:
        what = self.rule(want.what) if want.kind is HappeningKind.INCIDENT else self._with_rule(want.what, want.of)
        beside = [self.severity(want.severity)] if want.severity else []
        if want.standing:
            beside.append(self.word(want.standing))
        if want.cause:
            beside.append(self.cause(want.cause))
        if want.proof:
            beside.append(_fields(want.proof))
        if want.times > 1:
            beside.append(self.word("times").format(want.times))
        return Told(
            self.word(want.kind.value),
            self.marks(test=want.test, drill=want.drill) + what,
            self.place(want.site, want.device),
            " ".join(beside),
        )

    def quiet(self, quiet: Quiet) -> Told:
        beside = [
            f"{self.word(word)} {', '.join(self.matter(matter) for matter in sorted(matters))}"
            for word, matters in (("only", quiet.only), ("except", quiet.but))
            if matters
        ]
        return Told(self.word("quiet"), "", self.place(quiet.site, ""), "; ".join(beside))

    def matter(self, name: str) -> str:
        """A word that a quiet may be about."""
        return self.word(name) if name in _WORDS else self.rule(name)

    def proofs(self, proofs: Sequence[Mapping[str, Any]]) -> str:
        """What was found, as far as a line has room for it."""
        return "; ".join(map(_fields, proofs[:_MOST_PROOFS])) or "-"

    def cause(self, name: str) -> str:
        return CAUSE_WORDS.get(name, (name, name))[self._second]

    def severity(self, name: str) -> str:
        return SEVERITY_WORDS[Severity(name)][self._second]

    def marks(self, *, test: bool, drill: bool) -> str:
        words = [self.word(word) for word, given in (("test", test), ("drill", drill)) if given]
        return "".join(f"{word} " if self._second else word for word in words)

    def _device_kind(self, kind: str) -> str:
        return DEVICE_WORDS[DeviceKind(kind)][self._second] if kind else ""

    def _with_rule(self, what: str, rule: str) -> str:
        said = self.word(DUTY if what == DUTY else what)
        return f"{said} · {self.rule(rule)}" if rule else said

    def _kind_reported(self, order: Order) -> str:
        over = "" if order.active else self.word("over")
        kind = _REPORTED[order.kind][self._second] if order.kind in _REPORTED else order.kind
        return self.marks(test=order.test, drill=order.drill) + kind + over

    def _ordered(self, order: Order) -> str:
        over = f"{self.word('within')} {lasting(order.over_s)}"
        match order.op:
            case Op.IGNITE | Op.HEAT | Op.DRIFT:
                return f"→ {order.to_c:g} °C, {over}"
            case Op.REPEAT:
                return f"{self.word('times').format(order.times)}, {over}"
            case Op.CLOCK:
                return f"{'-' if order.off_s < 0 else '+'}{lasting(abs(order.off_s))}"
            case Op.BATTERY:
                return f"{order.pct:g} %"
            case Op.STATE:
                return _fields(order.state)
            case Op.READING:
                return f"{order.metric} {order.value:g} {METRICS[order.metric].unit}"
            case _:
                return ""


def _fields(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in told.items() if not isinstance(value, dict))


def width(text: str) -> int:
    """Columns that ``text`` takes in a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows of columns, each as wide as its widest; the last one is not padded."""
    table = list(rows)
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines
