"""Drafts of reports from an incident's timeline, in the form in which the bureau takes them. Pure, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerting.place import Place
from domain.report import REPORT_WORDS, ReportKind
from domain.vocabulary import rule_words

_LINKS = {"police": "公安", "education": "教育"}
#: What a line of the timeline says in a report; what is not here is of no use there.
_LINES = {
    "raised": "系统报警",
    "raised_again": "恢复后再次报警",
    "acknowledged": "值班人员确认并处置",
    "verified": "核实情况",
    "returned": "报警恢复正常",
    "reset": "现场确认危险解除，复位",
    "closed": "事件关闭",
    "noted": "备注",
    "receipt": "{link}已收到",
    "link_accepted": "{link}已接警",
    "link_refused": "{link}未受理",
    "delivery_failed": "通知{link}未送达",
    "nobody_on_duty": "当时无带班领导在岗",
}
#: Lines of one report, the newest.
MOST_LINES = 30


class Line(NamedTuple):
    """A line of the timeline."""

    at: datetime
    kind: str
    actor: str
    detail: dict[str, Any]


class Matter(NamedTuple):
    """What is reported. ``rule`` "" where nobody but a person said so; then ``subject`` names it."""

    rule: str
    subject: str
    number: int | None
    began_at: datetime
    detail: Mapping[str, Any] = {}

    @property
    def words(self) -> tuple[str, str]:
        return (self.subject, self.subject) if self.subject else rule_words(self.rule, self.detail)


def draft(
    kind: ReportKind, matter: Matter, place: Place, lines: Sequence[Line], *, now: datetime, zone: ZoneInfo
) -> str:
    """The text of a report as a person begins to edit it; 〔…〕 is for him to fill in."""
    site = place.site
    what = matter.words[0]
    number = f"（事件{matter.number}号）" if matter.number is not None else ""
    where = " ".join(filter(None, (site.name if site else "", place.device.place if place.device else "")))
    parts = [
        f"【{REPORT_WORDS[kind][0]}】{site.name if site else ''}{what}{number}",
        f"一、时间：{_time(matter.began_at, zone)}",
        f"二、地点：{where or '〔地点〕'}" + (f"（{site.address}）" if site and site.address else ""),
        f"三、事件：{what}",
        "四、处置经过：",
        *(_told(line, zone) for line in [one for one in lines if one.kind in _LINES][-MOST_LINES:]),
        "五、人员伤亡和影响：〔伤亡人数、影响范围；无则写“无”〕",
        f"六、{'原因和整改措施：〔原因、责任、整改〕' if kind is ReportKind.FINAL else '下一步措施：〔措施〕'}",
    ]
    if site is not None and (site.contact_name or site.contact_phone):
        parts.append(f"七、学校联系人：{' '.join(filter(None, (site.contact_name, site.contact_phone)))}")
    return "\n".join([*parts, f"报告时间：{_time(now, zone)}"])


def _told(line: Line, zone: ZoneInfo) -> str:
    recipient = str(line.detail.get("recipient", ""))
    said = _LINES[line.kind].format(link=_LINKS.get(recipient, recipient))
    receipt, note = line.detail.get("receipt_id"), line.detail.get("note")
    beside = "；".join(filter(None, (f"回执 {receipt}" if receipt else "", str(note or ""))))
    actor = "" if line.actor in ("system", "") else f"（{line.actor}）"
    return f"　　{line.at.astimezone(zone):%H:%M:%S} {said}{actor}{f'：{beside}' if beside else ''}"


def _time(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y年%m月%d日 %H:%M}"
