"""Documents with every kind of condition, short enough in time for random histories to set them off."""

from __future__ import annotations

from functools import cache

from detectors.documents.form import RuleDocument
from detectors.documents.reading import read_text
from detectors.documents.shipped import shipped
from detectors.rule import Rule
from detectors.rules import bulk_rules

HEAD = "title: {zh: 试, en: Try}\ncategory: device\nseverity: minor\n"

TEXTS = {
    "warm_for_long": "for: 45s\nclear_for: 30s\nwhen: {reading: temperature_c, unit: °C, above: 38, clear: 30}\n",
    "cold": "when: {reading: temperature_c, unit: °C, below: 19, clear: 21}\n",
    "falls": (
        "when: {change_of: temperature_c, unit: °C, falls_per_min: 5, at_least: 5, within: 2m, clear_per_min: 1}\n"
    ),
    "often_tampered": "key: site\nwhen: {count_of: tamper, at_least: 3, within: 1m}\n",
    "seldom_tampered": "when: {count_of: tamper, fewer_than: 1, within: 2m}\n",
    "rounds": "key: place\nwhen: {count_of: low_battery, fewer_than: 2, per: day}\n",
    "gone": "key: site\nwatch: {kinds: [temperature, smoke]}\nclear_for: 10s\nwhen: {offline_for: 1m}\n",
    "tree": (
        "when:\n  any:\n    - all:\n        - {state: door, is: open}\n"
        "        - {weekly: [mon, tue, wed, thu, fri, sat, sun], from: '08:01', to: '08:03'}\n"
        "    - all:\n        - {reading: temperature_c, unit: °C, above: 50, clear: 40}\n"
        "        - not: {event: tamper}\n"
    ),
    "not_tampered_in_class": "for: 20s\nwhen:\n  all:\n    - schedule: school_days\n    - not: {event: tamper}\n",
    "of_some": "watch: {devices: ['s001/*-0[13]', '*-02']}\nfor: 5s\nwhen: {battery_below: 15, clear: 25}\n",
}


@cache
def document(name: str, rest: str | None = None) -> RuleDocument:
    text = TEXTS[name] if rest is None else rest
    return read_text(f"rule: {name}\n{HEAD}{text}", f"{name}.yaml")


@cache
def _documents() -> dict[str, RuleDocument]:
    """Read once: to read them takes longer than a history."""
    return {**shipped(), **{name: document(name) for name in TEXTS}}


def all_documents() -> dict[str, RuleDocument]:
    return dict(_documents())


def all_rules() -> list[Rule]:
    return bulk_rules(all_documents())
