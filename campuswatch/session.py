"""What every command is given: the settings, read when they are needed."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from campuswatch.settings import Settings, found_file, load_settings


class Session:
    """One call of the program."""

    def __init__(self, file: Path | None) -> None:
        self.file = file

    @cached_property
    def _settings(self) -> Settings:
        return load_settings(self.file)

    def settings(self) -> Settings:
        """:raises SettingsError: lists every fault."""
        return self._settings

    def settings_file(self) -> Path | None:
        """Where the settings are read from, None = from the environment alone."""
        return self.file or found_file(os.environ)

    def data(self) -> Path:
        """Where the embedded servers keep their data."""
        from campuswatch.embedded.account import default_data_dir

        return self.settings().data or default_data_dir()

    def dsn(self) -> str:
        """The database of the settings, or the one of a demo on this machine."""
        if self.settings().database.url is not None:
            return self.settings().database_url()
        from campuswatch.embedded.postgres import EmbeddedPostgres

        return EmbeddedPostgres(self.data() / "postgresql").dsn

    def completed(self) -> Settings:
        """The settings, with the embedded servers of a demo on this machine where no others are named."""
        settings = self.settings()
        database, mqtt = settings.database, settings.mqtt
        if database.url is None:
            database = database.model_copy(update={"url": SecretStr(self.dsn())})
        if mqtt.url is None:
            mqtt = mqtt.model_copy(update={"url": SecretStr("mqtt://127.0.0.1:1883")})
        return settings.model_copy(update={"database": database, "mqtt": mqtt})
