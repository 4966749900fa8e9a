"""What people are told, in Chinese and English: one visible table, and a look at it before anything happens.

Each template has a title and a text. The fields: ``subject`` (mark of a drill or test, how grave, what, where),
``number`` (of the incident, said aloud), ``grade``, ``detail`` (time, address, contacts, one a line), ``round`` (how
often it is told), ``name`` (whose message it is).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerting.message import detail_text, subject_text
from alerting.place import Place
from domain.finding import Severity
from domain.response import Grade


class Template(StrEnum):
    CALL = "call"  # the first that somebody hears of an incident
    AGAIN = "again"  # nobody has taken it yet
    ANEW = "anew"  # somebody had taken it, and it calls again
    TEST = "test"  # whether a contact works
    LINK = "link"  # what stands above the link in a message


class Words(NamedTuple):
    title: str
    text: str


TEMPLATES: dict[Template, dict[str, Words]] = {
    Template.CALL: {
        "zh": Words("{subject} #{number}", "{detail}\n响应：{grade}"),
        "en": Words("{subject} #{number}", "{detail}\nResponse: {grade}"),
    },
    Template.AGAIN: {
        "zh": Words("无人应答，再次通知（第{round}次）：{subject} #{number}", "{detail}\n响应：{grade}"),
        "en": Words("Nobody has answered (call {round}): {subject} #{number}", "{detail}\nResponse: {grade}"),
    },
    Template.ANEW: {
        "zh": Words("接警后再次报警：{subject} #{number}", "{detail}\n响应：{grade}"),
        "en": Words("It calls again after it was taken: {subject} #{number}", "{detail}\nResponse: {grade}"),
    },
    Template.TEST: {
        "zh": Words("【测试】联系方式测试", "{name}，这是校园安全值班系统的测试消息，无需处理。"),
        "en": Words(
            "[TEST] Test of your contact", "{name}, this is a test of the school-safety duty system. Nothing to do."
        ),
    },
    Template.LINK: {
        "zh": Words("我来处理 / 无法处理：", ""),
        "en": Words("I take it / I can't: ", ""),
    },
}


def told(template: Template, language: str, **fields: object) -> Words:
    """A template filled in; Chinese where the language is not known."""
    words = TEMPLATES[template].get(language) or TEMPLATES[template]["zh"]
    return Words(words.title.format(**fields), words.text.format(**fields))


def call(
    language: str,
    *,
    rule: str,
    severity: Severity,
    drill: bool,
    test: bool,
    number: int,
    grade: Grade,
    place: Place,
    raised_at: datetime,
    zone: ZoneInfo,
    round_no: int,
    topic: str = "",
    found: Mapping[str, Any] | None = None,
    anew: bool = False,
) -> Words:
    """What somebody is told of an incident, in the round ``round_no`` (from 1). ``found``: the finding's detail;
    ``anew``: somebody had taken it.
    """
    english = language == "en"
    subject = subject_text(rule=rule, severity=severity, test=test, drill=drill, place=place, detail=found)[english]
    detail = detail_text(place, raised_at, zone=zone)[english]
    return told(
        Template.AGAIN if round_no > 1 else Template.ANEW if anew else Template.CALL,
        language,
        subject=subject,
        number=number,
        # Who cannot be placed is told by the topic: it names the site and the device that spoke.
        detail=f"{detail}\n{topic}" if topic else detail,
        grade=grade.words[english],
        round=round_no,
    )


def previews(language: str) -> dict[str, Words]:
    """Every template filled in with an example, so that people see what they will be told."""
    english = language == "en"
    example = {
        "subject": "One-key alarm (critical) at Qianhuang School, guardroom"
        if english
        else "【紧急】一键报警 前黄实验学校 门卫室",
        "number": 128,
        "detail": "Time: 2026-03-02 09:30:00 CST\nContact: Zhang Wei 0519-86510001"
        if english
        else "时间：2026-03-02 09:30:00\n联系人：张伟 0519-86510001",
        "grade": Grade.II.words[english],
        "round": 2,
        "name": "Director Wang" if english else "王主任",
    }
    return {template.value: told(template, language, **example) for template in Template}
