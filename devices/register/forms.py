"""Every sheet of the register's workbook, in the order in which an export writes them."""

from __future__ import annotations

from devices.register.form import Form
from devices.register.people import GUARDS, OFFICERS, POSTS, SHIFTS
from devices.register.places import BARRIERS, GATES
from devices.register.times import BELLS, CALENDAR

FORMS: tuple[Form, ...] = (GUARDS, SHIFTS, POSTS, GATES, BARRIERS, OFFICERS, CALENDAR, BELLS)


def form_of(sheet: str) -> Form | None:
    """Whose name the sheet has, if it is one of the register's."""
    return next((form for form in FORMS if form.goes_by(sheet)), None)
