"""Where a role keeps what must survive it on this machine's disk."""

from __future__ import annotations

from pathlib import Path

from campuswatch.embedded.account import default_data_dir
from campuswatch.settings import Settings


def state_directory(settings: Settings) -> Path:
    """The data directory of the settings, or this machine's default one."""
    return settings.data or default_data_dir()


def journal_directory(settings: Settings, lane: str) -> Path:
    """The journal of one lane. Two installations on one machine have sessions, and so journals, of their own."""
    return state_directory(settings) / "journal" / f"{settings.mqtt.client_id}-{lane}"


def picture_directory(settings: Settings) -> Path:
    """Where pictures of cameras are kept; the web role shows them from there."""
    return settings.patrol.pictures or state_directory(settings) / "pictures"
