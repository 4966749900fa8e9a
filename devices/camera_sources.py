"""Where cameras' pictures come from, as a CSV file says it. The whole file is taken or nothing of it."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlsplit

import msgspec

from domain.camera import CameraSource, Way
from domain.errors import ImportRefused

COLUMNS = ("site_id", "device_id", "way", "url", "username", "password")
MOST_ROWS = 100_000
_SCHEMES = {Way.SNAPSHOT: ("http", "https"), Way.STREAM: ("rtsp", "rtsps")}


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """``source`` None: the camera is not patrolled."""

    line: int
    site_id: str
    device_id: str
    source: CameraSource | None


def read_sources(content: bytes) -> list[SourceRow]:
    """:raises ImportRefused: lists every row that is wrong; what stands in it is not repeated, for it may be secret."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"not UTF-8 at byte {error.start}") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS[:3] if name not in (reader.fieldnames or ())]
    if missing:
        raise ImportRefused(f"no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    rows: list[SourceRow] = []
    faults: list[str] = []
    seen: set[tuple[str, str]] = set()
    for place, cells in enumerate(reader, 2):
        if len(rows) + len(faults) >= MOST_ROWS:
            raise ImportRefused(f"more than {MOST_ROWS} rows")
        row = {name: (cells.get(name) or "").strip() for name in COLUMNS}
        key = (row["site_id"], row["device_id"])
        try:
            source = source_of(row["way"], row["url"], row["username"], row["password"])
        except ValueError as error:
            faults.append(f"row {place}: {error}")
            continue
        if key in seen:
            faults.append(f"row {place}: this camera stands in a row above")
        seen.add(key)
        rows.append(SourceRow(line=place, site_id=key[0], device_id=key[1], source=source))
    if faults:
        raise ImportRefused("nothing was taken:\n" + "\n".join(faults[:50]))
    return rows


def source_of(way: str, url: str, username: str = "", password: str = "") -> CameraSource | None:
    """:raises ValueError: it cannot be meant; the message repeats no value."""
    if not way:
        return None
    try:
        chosen = Way(way)
    except ValueError as error:
        raise ValueError(f"way: expected one of {', '.join(Way)}, or nothing") from error
    if chosen is Way.PUSH:
        if url:
            raise ValueError("url: a camera that pushes has none")
        return CameraSource(way=chosen)
    try:
        parts = urlsplit(url)
        fits = parts.scheme in _SCHEMES[chosen] and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or any(not sign.isprintable() or sign == " " for sign in url):
        raise ValueError(f"url: expected {' or '.join(_SCHEMES[chosen])}://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url: credentials stand in columns of their own")
    if any(not sign.isprintable() for sign in username + password):
        raise ValueError("username, password: expected printable text")
    return CameraSource(way=chosen, url=url, username=username, password=password)
