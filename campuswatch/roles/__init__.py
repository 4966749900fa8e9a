"""The roles, each a process: what it is put together from, in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from importlib import import_module

from campuswatch.roles.surroundings import Surroundings

RoleMain = Callable[[Surroundings], Awaitable[None]]


class Role(StrEnum):
    ALARM = "alarm"
    BULK = "bulk"
    ALERTING = "alerting"
    WEB = "web"
    PATROL = "patrol"


#: The port above `metrics.port` on which a role shows its metrics; web shows them under /metrics.
METRICS_OFFSET: dict[Role, int] = {Role.ALARM: 0, Role.BULK: 1, Role.ALERTING: 2, Role.PATROL: 3}


def role_main(role: Role) -> RoleMain:
    """What runs as ``role``. Each role's libraries are imported in its own process alone."""
    main: RoleMain = import_module(f"campuswatch.roles.{role.value}").run
    return main
