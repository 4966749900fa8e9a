"""What the web process has to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dashboards.oidc.provider import ProviderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """``hosts`` are the names or addresses, without port, that the pages may be called by beside the loopback ones.

    ``dsn`` is for the connection that listens for notices; ``link_ids`` are the links to police and education. ``zone``
    is that of the district: its days are those of reports.
    """

    dsn: str = field(repr=False)
    link_ids: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    #: Where the patrol keeps pictures; None: this server shows none.
    pictures: Path | None = None
    patrol_cycle_s: float = 3600.0
    patrol_four_eyes: bool = True
    static_dir: Path = Path(__file__).parent / "static"
    max_viewers: int = 512
    max_body_bytes: int = 64 * 1024
    #: After this long without an answer of the database a request is answered with 503.
    database_timeout_s: float = 5.0
    #: The same for the stream, which then tells its viewers.
    stream_timeout_s: float = 2.0
    #: Without it nobody has to sign in, everybody may do everything, and clients name themselves.
    sign_in: bool = True
    #: A session that nobody uses ends after this long; a wall that shows the stream uses it.
    session_idle: timedelta = timedelta(hours=12)
    session_lasts: timedelta = timedelta(days=30)
    #: Where people sign in beside their passwords; None: nowhere.
    provider: ProviderSettings | None = None
