"""Settings: one TOML file and the environment; every fault is reported in one go, secrets are masked.

The environment wins over the file: ``CAMPUSWATCH_WEB__PORT=8080`` is ``port`` in ``[web]``. ``DATABASE_URL`` and
``MQTT_URL`` are understood too, and yield to ``CAMPUSWATCH_DATABASE__URL`` and ``CAMPUSWATCH_MQTT__URL``.
"""

from __future__ import annotations

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    DirectoryPath,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from domain.access import Role
from domain.errors import SettingsError
from domain.retention import Kept

PREFIX = "CAMPUSWATCH_"
FILE_VARIABLE = "CAMPUSWATCH_SETTINGS"
DEFAULT_FILE = Path("campuswatch.toml")

#: Names of loopback: no role speaks TLS, and passwords, sessions and metrics go over nothing else to other machines.
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _loopback(host: str) -> str:
    if host not in _LOOPBACK:
        raise ValueError(
            f"only {', '.join(_LOOPBACK)}: passwords would go over the network as they are; "
            "put a reverse proxy with TLS in front of it to reach it from elsewhere (docs/operations.md)"
        )
    return host


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("unknown time zone; expected a name such as Asia/Shanghai") from error
    return name


def _mqtt_url(url: SecretStr) -> SecretStr:
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme not in ("mqtt", "mqtts") or not rest:
        raise ValueError("expected mqtt://host:1883 or mqtts://user:password@host:8883")
    return url


def _postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("expected postgresql://user:password@host:5432/database")
    return url


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    plain_and_far = parts.scheme == "http" and parts.hostname not in _LOOPBACK
    if parts.scheme not in ("http", "https") or not parts.hostname or plain_and_far:
        raise ValueError("expected https://host/path (http:// for this machine only: names and addresses go with it)")
    return url


def _webhook_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith("whsec_") or len(key) < 24:
        raise ValueError("expected whsec_ and at least 24 random bytes in base64; `campuswatch secret` makes one")
    return secret


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Part):
    """``url`` empty = the embedded PostgreSQL (`campuswatch demo`)."""

    url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = None


class MqttSettings(_Part):
    """``url`` empty = the embedded broker. ``client_id`` names the durable session; the lane's name is appended.
    ``keeps_sessions``: whether the broker keeps them over its own restart; one that does not is not reported for it.
    """

    url: Annotated[SecretStr, AfterValidator(_mqtt_url)] | None = None
    client_id: str = Field("campuswatch", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    keeps_sessions: bool = True


class IngestSettings(_Part):
    """Bounds of a plausible time, of a message, of a batch, and of what one device or site may say (ADR 10)."""

    future_s: float = Field(300.0, ge=0, le=86_400)
    oldest_days: float = Field(30.0, gt=0, le=3650)
    most_bytes: int = Field(1_048_576, ge=1024, le=16_777_216)
    batch_messages: int = Field(5000, ge=1, le=50_000)
    batch_age_s: float = Field(0.2, ge=0, le=10)
    device_rate_per_s: float = Field(10.0, ge=0.1, le=100_000)
    device_burst: int = Field(5000, ge=10, le=10_000_000)
    site_rate_per_s: float = Field(500.0, ge=1, le=1_000_000)
    site_burst: int = Field(500_000, ge=100, le=1_000_000_000)
    profiles: DirectoryPath | None = None


def _no_mark(text: str) -> str:
    if any(sign in " ,<&" or not sign.isprintable() for sign in text):
        raise ValueError("expected no space, comma, < or & (CAP 1.2)")
    return text


class LinkSettings(_Part):
    """One link to police or education: where it listens and the secret that both sides share; ``former_secret`` while
    the other side changes over to another. ``drills``: whether it hears of drills that do not say so themselves.

    ``cap`` sends CAP 1.2 documents: from ``sender``, Private for ``addresses`` (the link's id where there are none), or
    Restricted by ``restriction``. ``mqtt`` says them on ``topic`` of another broker and hears replies on
    ``topic/replies``. ``ca``: the certificate of who has signed the other side's; ``certificate`` with its ``key``:
    ours, where the other side wants to see one.

    ``status_url``: of a far end that cannot call back. It is asked what a person there says of a delivery ``status_s``
    after it was taken, then ever more rarely, for ``status_hours``.
    """

    kind: Literal["webhook", "cap", "mqtt"] = "webhook"
    url: str
    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)]
    former_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    drills: bool = True
    sender: Annotated[str, AfterValidator(_no_mark)] = Field("campuswatch", min_length=1, max_length=100)
    sender_name: str = Field("", max_length=200)
    addresses: tuple[Annotated[str, Field(pattern=r'^[^"\s][^"]*$', max_length=200)], ...] = ()
    restriction: str = Field("", max_length=200)
    topic: str = Field("", max_length=200, pattern=r"^[^#+\x00]*$")
    username: str | None = None
    password: SecretStr | None = None
    ca: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = Field(None, validate_default=True)
    reply_s: float = Field(2.0, ge=0, le=10)
    status_url: Annotated[str, AfterValidator(_http_url)] | None = None
    status_s: float = Field(15.0, ge=1, le=3600)
    status_hours: float = Field(24.0, gt=0, le=24 * 7)

    @field_validator("key")
    @classmethod
    def _both(cls, key: FilePath | None, given: ValidationInfo) -> FilePath | None:
        if (key is None) != (given.data.get("certificate") is None):
            raise ValueError("expected certificate and key together")
        return key

    def secrets(self) -> tuple[str, str]:
        """The secret, and the former one ("" = none)."""
        former = self.former_secret
        return self.secret.get_secret_value(), "" if former is None else former.get_secret_value()

    @field_validator("url")
    @classmethod
    def _way(cls, url: str, given: ValidationInfo) -> str:
        if given.data.get("kind") != "mqtt":
            return _http_url(url)
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username:
            raise ValueError("expected mqtts://host:8883, with username and password beside it")
        if parts.scheme == "mqtt" and parts.hostname not in _LOOPBACK:
            raise ValueError(
                "expected mqtts://host:8883 (mqtt:// for this machine only: names and addresses go with it)"
            )
        return url


class SupervisionSettings(_Part):
    """How links are watched: a heartbeat every ``heartbeat_s``; ``silent_s`` after the last answer a link is silent.
    The system sends itself a test alarm over each link every ``test_hours``.
    """

    heartbeat_s: float = Field(30.0, ge=1, le=60)
    silent_s: float = Field(100.0, ge=10, le=180)
    test_hours: float = Field(24.0, ge=0.01, le=24 * 31)

    @model_validator(mode="after")
    def _noticed_in_time(self) -> SupervisionSettings:
        # 20 s are what the longest try may take (EN 50518: noticed within 90 to 200 s).
        if self.heartbeat_s + self.silent_s + 20.0 > 200.0:
            raise ValueError("heartbeat_s + silent_s may be 180 at most: a silent link has to be noticed within 200 s")
        return self


class VoiceSettings(_Part):
    """The gateway that rings people up (docs/duty.md): where it takes calls, and the secret that both sides share."""

    url: Annotated[str, AfterValidator(_http_url)]
    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)]


class LimitSettings(_Part):
    """Messages over one channel: so many at once, and so many a minute. Life safety is never held back."""

    per_minute: float = Field(gt=0, le=100_000)
    burst: int = Field(10, ge=1, le=100_000)


def _kept_long_enough(days: int) -> int:
    if 0 < days < 366:
        raise ValueError("at least 366 days, or 0 for good")
    return days


_Days = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_kept_long_enough)]


class PeopleSettings(_Part):
    """How people are told. ``public_url``: where they reach the pages of this system, for the links in messages;
    without it messages have none.
    """

    public_url: Annotated[str, AfterValidator(_http_url)] | None = None
    link_hours: float = Field(12.0, gt=0, le=168)
    voice: VoiceSettings | None = None
    limits: dict[Literal["apprise", "people_webhook", "voice"], LimitSettings] = {}


class RetentionSettings(_Part):
    """Days that records are kept once they are over (`storage.retention`); 0 = for good. The least that may be set
    lets a year be looked back on.
    """

    incidents: _Days = 1100
    notices: _Days = 400
    rosters: _Days = 1100
    warnings: _Days = 1100
    windows: _Days = 1100
    targets: _Days = 1830
    premises: _Days = 1100

    def days(self) -> dict[Kept, int]:
        return {kept: int(getattr(self, kept.value)) for kept in Kept}


class ReportStart(_Part):
    """Incidents that start the two-hour clock; what is empty may be any. ``unverified``: when they are raised, and not
    only when a person has found them true.
    """

    rule: str = ""
    category: str = ""
    severity: str = ""
    unverified: bool = False


class ReportingSettings(_Part):
    """The two-hour clock (2小时内上报): what starts it, which link gets the reports, whether another person than the
    author has to approve one.
    """

    starts: tuple[ReportStart, ...] = (
        ReportStart(category="panic", severity="critical"),
        ReportStart(category="fire", severity="critical"),
    )
    link: str = "education"
    second_person: bool = False


class PatrolSettings(_Part):
    """Pictures of cameras (docs/patrol.md): each is looked at once in ``cycle_s``, doubtful ones after ``doubt_s``;
    ``timeout_s`` for a picture, ``settle_s`` before a camera that does not answer is no longer taken for one behind a
    dead line. ``workers`` look at pictures, ``streams`` open streams. ``secret`` seals cameras'
    passwords (without it one that the data directory keeps, docs/patrol.md); ``former_secret`` while it is changed.
    Evidence is kept ``evidence_days``, and no more than ``evidence_mb``; ``pictures``: where, by default under the data
    directory. ``four_eyes``: who found a hazard does not strike it off.
    """

    cycle_s: float = Field(3600.0, ge=30, le=86_400)
    doubt_s: float = Field(600.0, ge=10, le=86_400)
    timeout_s: float = Field(10.0, ge=1, le=120)
    settle_s: float = Field(150.0, ge=0, le=3600)
    workers: int = Field(1, ge=1, le=64)
    streams: int = Field(8, ge=1, le=256)
    at_once: int = Field(48, ge=1, le=1000)
    verify_tls: bool = True
    four_eyes: bool = True
    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    former_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    evidence_days: float = Field(90.0, gt=0, le=3650)
    evidence_mb: int = Field(4096, ge=1, le=10_000_000)
    pictures: Path | None = None


class ProviderSettings(_Part):
    """An OpenID Connect provider at which people sign in beside their passwords (ADR 28). ``client_secret`` or a file
    that holds it; neither: a public client. Without ``role_claim`` accounts are made beforehand; with it ``roles`` says
    which role a value of that claim gives, the first one named here first, and accounts are made at the first sign-in.
    """

    issuer: Annotated[str, AfterValidator(_http_url)]
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: SecretStr | None = None
    client_secret_file: FilePath | None = None
    name: str = Field("统一身份认证", min_length=1, max_length=40)
    name_en: str = Field("Single sign-on", min_length=1, max_length=40)
    scopes: tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,100}$")], ...] = ("openid", "profile")
    session_hours: float = Field(12.0, gt=0, le=24 * 30)
    role_claim: str = Field("", max_length=200)
    roles: dict[Annotated[str, Field(min_length=1, max_length=200)], Role] = {}
    site_claim: str = Field("", max_length=200)
    account_claim: str = Field("preferred_username", min_length=1, max_length=200)
    name_claim: str = Field("name", min_length=1, max_length=200)
    ca: FilePath | None = None

    @model_validator(mode="after")
    def _as_a_whole(self) -> ProviderSettings:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("expected client_secret or client_secret_file, not both")
        if "openid" not in self.scopes:
            raise ValueError("scopes: expected openid among them")
        if bool(self.role_claim) != bool(self.roles):
            raise ValueError("expected role_claim and roles together")
        if Role.SCHOOL_OFFICER in self.roles.values() and not self.site_claim:
            raise ValueError("roles give school_officer; expected site_claim, which says of which sites")
        return self

    def secret(self) -> str:
        """:raises ValueError: its file cannot be read, or is empty."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        if self.client_secret_file is None:
            return ""
        try:
            text = self.client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise ValueError(f"client_secret_file cannot be read: {error}") from error
        if not text:
            raise ValueError("client_secret_file is empty")
        return text


class WebSettings(_Part):
    """``allowed_hosts``: further names under which browsers reach the page, behind a reverse proxy. ``sign_in``:
    whether people have to (docs/users.md). A session that nobody uses ends after ``session_idle_hours``, any after
    ``session_days``.
    """

    host: Annotated[str, AfterValidator(_loopback)] = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65_535)
    allowed_hosts: tuple[str, ...] = ()
    sign_in: Literal["required", "off"] = "required"
    session_idle_hours: float = Field(12.0, gt=0, le=24 * 30)
    session_days: float = Field(30.0, gt=0, le=366)
    provider: ProviderSettings | None = None

    @model_validator(mode="after")
    def _nobody_from_elsewhere(self) -> WebSettings:
        if self.sign_in == "off" and self.allowed_hosts:
            raise ValueError("sign_in = off is for this machine alone; allowed_hosts lets others in")
        if self.sign_in == "off" and self.provider is not None:
            raise ValueError("sign_in = off: nobody signs in, and nobody at a provider either")
        return self


class MetricsSettings(_Part):
    """Prometheus: the alarm role listens on ``port``, bulk on the next one, alerting and patrol on those after it; web
    shows its own under /metrics.
    """

    host: Annotated[str, AfterValidator(_loopback)] = "127.0.0.1"
    port: int = Field(9464, ge=1, le=65_500)


class LogSettings(_Part):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings. Made by `load_settings`, never by hand outside tests."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data: Path | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    database: DatabaseSettings = DatabaseSettings()
    mqtt: MqttSettings = MqttSettings()
    ingest: IngestSettings = IngestSettings()
    links: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")], LinkSettings] = {}
    people: PeopleSettings = PeopleSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    reporting: ReportingSettings = ReportingSettings()
    patrol: PatrolSettings = PatrolSettings()
    retention: RetentionSettings = RetentionSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        if self.metrics.port <= self.web.port <= self.metrics.port + 3:
            raise ValueError(f"web.port {self.web.port} collides with the four ports from metrics.port on")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)  # the environment wins over the file, which comes as arguments

    def drill_links(self) -> tuple[str, ...]:
        """The links that hear of a drill which does not say so itself."""
        return tuple(link_id for link_id, link in self.links.items() if link.drills)

    def database_url(self) -> str:
        """:raises SettingsError: no database is named."""
        if self.database.url is None:
            raise SettingsError(
                ["database.url: not set; name a database with DATABASE_URL=postgresql://... or use `campuswatch demo`"]
            )
        return self.database.url.get_secret_value()

    def mqtt_url(self) -> str:
        """:raises SettingsError: no broker is named."""
        if self.mqtt.url is None:
            raise SettingsError(
                ["mqtt.url: not set; name a broker with MQTT_URL=mqtt://host:1883 or use `campuswatch demo`"]
            )
        return self.mqtt.url.get_secret_value()


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read ``file`` (or the one that ``CAMPUSWATCH_SETTINGS`` names, or ./campuswatch.toml) and the environment.

    :raises SettingsError: lists every fault with its place; values are not repeated, for they may be secrets.
    """
    environment = os.environ if environment is None else environment
    file = file or found_file(environment)
    values = {} if file is None else _read(file)
    faults = _unknown_variables(environment)
    if "database" not in values and environment.get("DATABASE_URL"):
        values["database"] = {"url": environment["DATABASE_URL"]}
    if "mqtt" not in values and environment.get("MQTT_URL"):
        values["mqtt"] = {"url": environment["MQTT_URL"]}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        source = f"{file}: " if file else ""
        faults += [f"{source}{_place(fault['loc'])}: {_reason(fault)}" for fault in error.errors(include_url=False)]
        raise SettingsError(faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def found_file(environment: Mapping[str, str]) -> Path | None:
    """The file that nobody named on the command line."""
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: not UTF-8 at byte {error.start}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from error


#: Variables that begin like settings and are none.
_OTHER_VARIABLES = frozenset({FILE_VARIABLE, "CAMPUSWATCH_SKIP_WEB", "CAMPUSWATCH_SIM_SECRET", "CAMPUSWATCH_TOKEN"})


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = {name.upper() for name in Settings.model_fields}
    return [
        f"environment variable {name}: no such setting"
        for name in sorted(environment)
        if name.startswith(PREFIX)
        and name not in _OTHER_VARIABLES
        and name.removeprefix(PREFIX).split("__")[0] not in known
    ]


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "settings"


def _reason(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "no such setting"
    return str(fault["msg"]).removeprefix("Value error, ")
