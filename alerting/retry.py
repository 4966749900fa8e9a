"""When to try a delivery again. Pure; the jitter comes in as an argument.

Exponential from 1 s to 60 s, each wait drawn between half and all of it, so that a link that comes back is not hit by
everything in the same moment. Life safety is tried until it is taken; the rest for a day. A link that refuses life
safety for good (a secret that was changed on one side only, say) is still tried once a minute for a day: somebody may
mend it, and meanwhile the wall shows the link as failing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_S = 1.0
LONGEST_S = 60.0
GIVE_UP_AFTER = timedelta(hours=24)


def backoff_s(attempts: int, *, jitter: float) -> float:
    """Seconds to wait after ``attempts`` failures; ``jitter`` is in [0, 1)."""
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(attempts - 1, 16))
    return ceiling * (0.5 + 0.5 * jitter)


def next_attempt(
    *, attempts: int, created_at: datetime, now: datetime, permanent: bool, life_safety: bool, jitter: float
) -> datetime | None:
    """When to try again, or None to give up."""
    if (permanent or not life_safety) and now - created_at > GIVE_UP_AFTER:
        return None
    if permanent:
        return now + timedelta(seconds=LONGEST_S) if life_safety else None
    return now + timedelta(seconds=backoff_s(attempts, jitter=jitter))
