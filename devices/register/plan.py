"""From the sheets of a workbook to facts of the register: pure, every fault of every row kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.records import Fault, Record, Sheet
from devices.register.form import Around, Form
from devices.register.forms import FORMS, form_of
from devices.register.people import GUARDS
from devices.register.places import GATES
from devices.tables import Table, data_rows
from domain.guard import Guard
from domain.school_calendar import CalendarSpan, CalendarYear

Facts = dict[tuple[Any, ...], Any]
#: What is read first, because rows of other sheets refer to it.
_FIRST = (GUARDS, GATES)


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What is registered already. ``facts``: by the first name of a form, then by key; shifts and calendar are not
    needed.
    """

    sites: Collection[str]
    devices: Collection[tuple[str, str]]
    facts: Mapping[str, Facts]


class RegisterPlan(msgspec.Struct):
    """What a workbook asks for. ``others``: sheets of other names; ``ignored``: columns that nothing is known about."""

    facts: dict[str, list[Any]] = {}
    faults: list[Fault] = []
    ignored: list[str] = []
    others: list[Table] = []

    def of(self, form: Form) -> list[Any]:
        return self.facts.get(form.names[0], [])


def plan_register(tables: Iterable[Table], registered: Registered, zone: ZoneInfo) -> RegisterPlan:
    """Read every row of every sheet of the register. The plan may be carried out when it has no faults."""
    plan = RegisterPlan()
    sheets: dict[str, list[Sheet]] = {}
    for table in tables:
        form = form_of(table.name)
        if form is None:
            plan.others.append(table)
        elif (sheet := form.recognise(table, plan.faults, plan.ignored)) is not None:
            sheets.setdefault(form.names[0], []).append(sheet)
    guards: dict[str, Guard] = {key[0]: guard for key, guard in registered.facts.get(GUARDS.names[0], {}).items()}
    gates = set(registered.facts.get(GATES.names[0], {}))
    around = Around(
        zone=zone, sites=registered.sites, devices=registered.devices, guards=guards, gates=gates, doubtful=set()
    )
    for form in (*_FIRST, *(form for form in FORMS if form not in _FIRST)):
        found = _take_all(form, sheets.get(form.names[0], ()), registered, around, plan)
        if form is GUARDS:
            guards.update({guard.guard_id: guard for _, guard in found})
            _check_cards(found, guards)
        if form is GATES:
            gates.update((gate.site_id, gate.gate_id) for _, gate in found)
        if found:
            plan.facts[form.names[0]] = [fact for _, fact in found]
    plan.faults.sort(key=lambda fault: (fault.sheet, fault.line, fault.column))
    return plan


def _take_all(
    form: Form, sheets: Iterable[Sheet], registered: Registered, around: Around, plan: RegisterPlan
) -> list[tuple[Record, Any]]:
    known = registered.facts.get(form.names[0], {})
    lines: dict[tuple[Any, ...], int] = {}
    found: list[tuple[Record, Any]] = []
    doubtful: set[tuple[str, ...]] = set()
    for sheet in sheets:
        missing: set[str] = set()
        for row in data_rows(sheet.table, sheet.heading_line):
            record = Record(sheet, row, plan.faults)
            fact = form.take(record, known, around, missing)
            if fact is None:
                doubtful.add(tuple(record.raw(field) for field in form.key))
                continue
            line = lines.setdefault(form.key_of(fact), record.line)
            if line != record.line:
                record.refuse(form.key[-1], f"与第 {line} 行重复", f"the same as in line {line}")
            found.append((record, fact))
    if form in _FIRST:
        around.doubtful.update(doubtful)
    return found


def _check_cards(found: Iterable[tuple[Record, Guard]], guards: Mapping[str, Guard]) -> None:
    """At one site a card belongs to one guard."""
    holders: dict[tuple[str, str], list[str]] = {}
    for guard in guards.values():
        if guard.card:
            holders.setdefault((guard.site_id, guard.card), []).append(guard.guard_id)
    for record, guard in found:
        others = [one for one in holders.get((guard.site_id, guard.card), ()) if one != guard.guard_id]
        if others:
            record.refuse(
                "card", f"{guard.card[:40]} 已属于保安员 {others[0]}", f"{guard.card[:40]} belongs to guard {others[0]}"
            )


def years_of(spans: Iterable[CalendarSpan]) -> list[CalendarYear]:
    """A sheet tells all of every year that it names."""
    years: dict[int, list[CalendarSpan]] = {}
    for span in spans:
        years.setdefault(span.first.year, []).append(span)
    return [CalendarYear(year=year, spans=tuple(sorted(years[year]))) for year in sorted(years)]
