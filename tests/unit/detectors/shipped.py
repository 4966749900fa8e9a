"""Rules that ship, or of a text, one by one."""

from __future__ import annotations

from detectors.deafness import Deafness
from detectors.documents.form import RuleDocument
from detectors.documents.reading import read_text
from detectors.documents.shipped import shipped
from detectors.grounds import Grounds
from detectors.lives import Lives
from detectors.rules.compiled import CompiledRule


def rule(name: str) -> CompiledRule:
    return compiled(shipped()[name])


def of_text(text: str) -> CompiledRule:
    return compiled(read_text(text, "rule.yaml"))


def compiled(document: RuleDocument) -> CompiledRule:
    return CompiledRule(document, Grounds(), Deafness(), Lives())
