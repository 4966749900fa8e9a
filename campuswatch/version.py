"""The version of the installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    try:
        return version("campuswatch")
    except PackageNotFoundError:
        return "0 (not installed)"
