"""The account that PostgreSQL runs under, and what that account can reach.

PostgreSQL refuses to run as root. Started as root we therefore run it as an unprivileged account and own its data
directory to that account; started by anybody else it runs as that user.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import msgspec

from domain.errors import EmbeddedError

#: The account that every Linux has and that owns nothing.
UNPRIVILEGED = "nobody"


class ServerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A user to become."""

    name: str
    uid: int
    gid: int


def server_account() -> ServerAccount | None:
    """The account to become, or ``None`` when we are an ordinary user and stay one."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root and there is no account {UNPRIVILEGED!r} to run it as;"
            " start campuswatch as an ordinary user"
        ) from None
    return ServerAccount(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def own_name() -> str:
    """The name of the user that we are, as PostgreSQL's peer authentication sees it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedError(
            f"user id {os.geteuid()} has no name on this machine and PostgreSQL needs one; add it to /etc/passwd"
            " (in a container: build the image with a user) or name a database in the settings"
        ) from None


def first_closed(path: Path, account: ServerAccount) -> Path | None:
    """The first directory on the way to ``path``, or ``path`` itself, that ``account`` may not enter or read."""
    for step in [*reversed(path.absolute().parents), path.absolute()]:
        try:
            status = step.stat()
        except FileNotFoundError:
            return None  # what is not there yet is ours to make
        shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
        wanted = 0o5 if step == path.absolute() else 0o1
        if (status.st_mode >> shift) & wanted != wanted:
            return step
    return None


def default_data_dir() -> Path:
    """Where the embedded servers keep their data when nothing is said.

    As root not below root's home directory, which the unprivileged account cannot enter.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/campuswatch")
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "campuswatch"
