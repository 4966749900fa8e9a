"""Ways out: one file a channel. A channel sends one delivery and answers with a receipt, nothing, or a failure.

===============  ==================================  ===========================================================
kind             file                                an address looks like
===============  ==================================  ===========================================================
webhook          `alerting.channels.webhook`         (links to police and education, named in the settings)
apprise          `alerting.channels.duty_notice`     ``wecombot://…``, ``dingtalk://…``, ``mailto://…``: Apprise's
people_webhook   `alerting.channels.people_webhook`  ``https://host/path`` or ``https://host/path#whsec_…``
voice            `alerting.channels.voice_call`      ``tel:+8613800000000``; needs a gateway in the settings
===============  ==================================  ===========================================================
"""

from __future__ import annotations

from typing import Protocol

from domain.delivery import Delivery, Receipt


class Channel(Protocol):
    """:raises TemporaryFailure: worth another try. :raises PermanentFailure: it will never be taken as it is."""

    async def send(self, delivery: Delivery) -> Receipt | None: ...
