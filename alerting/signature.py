"""Standard Webhooks as we sign and check them, at a time that is handed in.

What is signed, and how, is left to the package; its own check asks the machine's clock, which a rehearsal in virtual
time does not follow.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

from domain.errors import SignatureRefused

#: A copy that somebody recorded must not be taken for ever; what the standard's libraries use.
TOLERANCE = timedelta(minutes=5)
#: Of one body: of the present secret and a former one, and what else may come.
_MOST_SIGNATURES = 8


class Seal:
    """One link's secret (``whsec_…``), and the ``former`` one while the other side changes over: it signs with both and
    believes either.
    """

    def __init__(self, secret: str, former: str = "") -> None:
        self._webhooks = [Webhook(one) for one in (secret, former) if one]

    def headers(self, webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """What has to go with a body that is signed ``at``."""
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(one.sign(webhook_id, at, body.decode()) for one in self._webhooks),
        }

    def check(self, headers: Mapping[str, str], body: bytes, at: datetime) -> str:
        """The ``webhook-id`` of a body that was signed with this secret within `TOLERANCE` of ``at``.

        :raises SignatureRefused: anything else; the message says what.
        """
        webhook_id, sent, signatures = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
        if not (webhook_id and sent and signatures):
            raise SignatureRefused("webhook-id, webhook-timestamp and webhook-signature are required")
        try:
            signed_at = datetime.fromtimestamp(int(sent), UTC)
            expected = [one.sign(webhook_id, signed_at, body.decode()).encode() for one in self._webhooks]
        except (ValueError, OverflowError, OSError) as error:
            raise SignatureRefused("no time, or a body that is not UTF-8") from error
        if abs(signed_at - at) > TOLERANCE:
            raise SignatureRefused(f"signed more than {TOLERANCE.seconds // 60} minutes away from our clock")
        shown = [one.encode() for one in signatures.split(" ")[:_MOST_SIGNATURES]]
        if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in shown):
            raise SignatureRefused("no signature that fits the secret of this link")
        return webhook_id
