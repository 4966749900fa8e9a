"""Notices to people about something that is no call: who of the roster, over which way, in his language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.delivery import Delivery, DeliveryChannel, Notice
from domain.duty import Person


class Wording(NamedTuple):
    """Title and text, Chinese and English."""

    title_zh: str
    title_en: str
    text_zh: str
    text_en: str


def notices_to(
    people: Sequence[Person], wording: Wording, *, about: UUID, key: str, notice: Notice, now: datetime
) -> list[Delivery]:
    """One to each person over the first way that works. Their ids follow from ``about`` and ``key``. They belong to no
    incident: whoever takes an incident does not take these away with it.
    """
    made = []
    for person in people:
        contact = next((one for one in person.contacts if one.test_ok is not False), None)
        if contact is None and person.shift_no is None:
            continue
        english = person.language == "en"
        body: dict[str, object] = {
            "title": wording.title_en if english else wording.title_zh,
            "text": wording.text_en if english else wording.text_zh,
            "language": person.language,
        }
        if contact is None:
            body["shift_no"] = person.shift_no
        else:
            body |= {"contact_no": contact.contact_no, "person_id": person.person_id}
        made.append(
            Delivery(
                delivery_id=uuid5(about, f"{notice.value}|{key}|{person.person_no}|{person.shift_no}"),
                incident_id=None,
                channel=DeliveryChannel.APPRISE if contact is None else contact.channel,
                recipient=person.name,
                notice=notice,
                body=body,
                created_at=now,
                next_attempt_at=now,
            )
        )
    return made
