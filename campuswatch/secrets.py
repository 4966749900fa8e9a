"""Secrets are made, never shipped."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path


def webhook_secret() -> str:
    """A new secret for a link: ``whsec_`` and 32 random bytes in base64, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def kept_secret(file: Path) -> str:
    """The secret in ``file``; made, and readable by its owner alone, where there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, and the first wins: several roles may want it at once.
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(webhook_secret())
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(fresh, file)
        fresh.unlink()
    return file.read_text("ascii").strip()
