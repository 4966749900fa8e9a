"""Does a webhook come from whom it says? Standard Webhooks' check, at a time that is handed in.

The package's own check asks the machine's clock, which a rehearsal in virtual time does not follow; what is signed, and
how, is left to the package.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

from simulators.errors import SignatureRefused, SimulatorError

#: A copy that somebody recorded must not be taken for ever. The standard leaves the number open; five minutes is what
#: its libraries use.
TOLERANCE = timedelta(minutes=5)


class Seal:
    """One link's secret: ``whsec_`` and base64."""

    def __init__(self, secret: str) -> None:
        try:
            if not secret.startswith("whsec_"):  # the package takes anything else for base64
                raise ValueError
            self._webhook = Webhook(secret)
        except Exception as error:  # the package raises a bare one for an empty secret and binascii's for bad base64
            raise SimulatorError(
                "the secret must be whsec_ and base64, as the link's settings have it; `campuswatch secret` makes one"
            ) from error

    def headers(self, webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """What has to go with a body that is signed ``at``."""
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, at, body.decode()),
        }

    def check(self, headers: Mapping[str, str], body: bytes, at: datetime) -> str:
        """The ``webhook-id`` of a body that was signed with our secret within `TOLERANCE` of ``at``. Names of headers
        are in lower case.

        :raises SignatureRefused: anything else; the message says what.
        """
        webhook_id, sent, signatures = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
        if not (webhook_id and sent and signatures):
            raise SignatureRefused("webhook-id, webhook-timestamp and webhook-signature are required")
        try:
            signed_at = datetime.fromtimestamp(int(sent), UTC)
            expected = self._webhook.sign(webhook_id, signed_at, body.decode())
        except (ValueError, OverflowError, OSError) as error:
            raise SignatureRefused(f"no time, or a body that is not UTF-8: {error}") from error
        if abs(signed_at - at) > TOLERANCE:
            raise SignatureRefused(f"signed at {signed_at.isoformat()}, too far from {at.isoformat()}")
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
            raise SignatureRefused("no signature that fits the secret")
        return webhook_id
