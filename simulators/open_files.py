"""How many connections this process may have: each is an open file."""

from __future__ import annotations

import resource
from pathlib import Path

from simulators.errors import TooManyConnections

#: What else is opened while the connections stand: a lookup of a name, the file of a summary, the far ends' clients.
SPARE = 24


def make_room(connections: int) -> None:
    """Raise the soft limit of open files as far as ``connections`` need.

    :raises TooManyConnections: the hard limit is too low; the message says how many fit, and what raises it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _open_now() + SPARE
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TooManyConnections(refusal(connections, fits=connections - (needed - hard), needed=needed, hard=hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def room() -> int:
    """How many connections fit in the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 10**9 if hard == resource.RLIM_INFINITY else max(0, hard - _open_now() - SPARE)


def refusal(connections: int, *, fits: int, needed: int, hard: int) -> str:
    """What to say, and what to do about it."""
    return (
        f"{connections:,} connections need {needed:,} open files, and this process may have {hard:,} (its hard limit): "
        f"{max(0, fits):,} connections fit. Take fewer, or raise the limit as root and start again: "
        f"`ulimit -n {needed}` in the shell, LimitNOFILE={needed} in a systemd unit, "
        f"--ulimit nofile={needed} for a container. The broker needs as many"
    )


def _open_now() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:  # not Linux
        return 16
