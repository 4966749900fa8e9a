"""What cameras' passwords are sealed with: the settings' secret, or one that this installation has made."""

from __future__ import annotations

from campuswatch.roles.places import state_directory
from campuswatch.secrets import kept_secret
from campuswatch.settings import Settings
from devices.sealing import PasswordSeal
from domain.errors import SettingsError

FILE = "camera-secret"


def camera_seal(settings: Settings) -> PasswordSeal:
    """:raises SettingsError: this account may not read the file with the secret."""
    plan = settings.patrol
    former = "" if plan.former_secret is None else plan.former_secret.get_secret_value()
    if plan.secret is not None:
        return PasswordSeal(plan.secret.get_secret_value(), former)
    file = state_directory(settings) / FILE
    try:
        return PasswordSeal(kept_secret(file), former)
    except (OSError, ValueError) as error:
        raise SettingsError([f"{file}: the secret of cameras' passwords cannot be read: {error}"]) from error
