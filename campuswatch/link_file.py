"""Links in the settings file: added, and given another secret. Comments and order of the file stay as they are.

What is written is read as settings first, and takes the place of the file in one step: there is no moment in which the
file is half of it, or wrong.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from campuswatch.secrets import webhook_secret
from campuswatch.settings import load_settings
from domain.errors import SettingsError


def add_link(file: Path, link_id: str, given: Mapping[str, Any]) -> str:
    """Write a link with a new secret into ``file``, which is made where there is none; the secret.

    :raises SettingsError: there is such a link already, or something of it cannot be so.
    """
    document = _read(file) if file.exists() else tomlkit.document()
    links = document.setdefault("links", tomlkit.table(is_super_table=True))
    if link_id in links:
        raise SettingsError([f"links.{link_id}: there is a link of this name already in {file}"])
    link = tomlkit.table()
    secret = webhook_secret()
    for name, value in {**given, "secret": secret}.items():
        link.add(name, value)
    links.add(link_id, link)
    _write(file, document)
    return secret


def rotate_secret(file: Path, link_id: str) -> str:
    """Give a link another secret. Until `finish_rotation` both sign what goes out, and either is believed.

    :raises SettingsError: the file holds no such link, or one whose last change is not finished.
    """
    document = _read(file)
    link = _link(document, file, link_id)
    if "former_secret" in link:
        raise SettingsError([f"links.{link_id}: its secret is being changed already; finish that first"])
    secret = webhook_secret()
    link["former_secret"], link["secret"] = link["secret"], secret
    _write(file, document)
    return secret


def finish_rotation(file: Path, link_id: str) -> None:
    """The other side has the new secret: the former one counts no more.

    :raises SettingsError: the file holds no such link, or none whose secret is being changed.
    """
    document = _read(file)
    link = _link(document, file, link_id)
    if "former_secret" not in link:
        raise SettingsError([f"links.{link_id}: its secret is not being changed"])
    link.remove("former_secret")
    _write(file, document)


def _link(document: tomlkit.TOMLDocument, file: Path, link_id: str) -> Table:
    links = document.get("links", {})
    if link_id not in links:
        raise SettingsError([f"links.{link_id}: there is no such link in {file}"])
    link = links[link_id]
    if not isinstance(link, Table) or "secret" not in link:
        raise SettingsError([f"links.{link_id}: expected a table [links.{link_id}] with a secret in {file}"])
    return link


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from error


def _write(file: Path, document: tomlkit.TOMLDocument) -> None:
    """It holds secrets: its owner alone may read it, and whoever may already."""
    try:
        kept = file.stat() if file.exists() else None
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(tomlkit.dumps(document))
                opened.flush()
                os.fsync(opened.fileno())
            load_settings(Path(name), os.environ)
            if kept is not None:
                Path(name).chmod(kept.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.chown(name, kept.st_uid, kept.st_gid)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError([f"{file}: cannot be written: {error.strerror}"]) from error
    except SettingsError as error:
        raise SettingsError([fault.replace(name, str(file)) for fault in error.faults]) from None
