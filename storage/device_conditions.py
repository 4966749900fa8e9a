"""How doors, barriers and zones last said they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from domain.observation import StateReport
from storage.notices import NoticeChannel, notify
from storage.pool import Connection


async def store_conditions(conn: Connection, reports: Sequence[StateReport]) -> None:
    """Keep the newest report of each device, by the time that it names. Words that it leaves out stay as they were;
    ``since`` is when any of them last changed.
    """
    if not reports:
        return
    newest: dict[int, StateReport] = {}
    for report in reports:
        before = newest.get(report.device.device_no)
        if before is None or report.at >= before.at:
            newest[report.device.device_no] = report
    ordered = [newest[number] for number in sorted(newest)]  # in one order, so that no two writers block each other
    await conn.execute(
        "INSERT INTO device_condition AS old (device_no, condition, since, at)"
        " SELECT * FROM unnest(%s::int[], %s::jsonb[], %s::timestamptz[], %s::timestamptz[])"
        " ON CONFLICT (device_no) DO UPDATE SET condition = old.condition || excluded.condition, at = excluded.at,"
        " since = CASE WHEN old.condition @> excluded.condition THEN old.since ELSE excluded.since END"
        " WHERE old.at <= excluded.at",
        (
            [report.device.device_no for report in ordered],
            [Jsonb(report.state, dumps=_dumps) for report in ordered],
            [report.at for report in ordered],
            [report.at for report in ordered],
        ),
    )
    await notify(conn, NoticeChannel.CONDITION)


def _dumps(value: object) -> bytes:
    # PostgreSQL's jsonb cannot hold NUL; devices may send it.
    return msgspec.json.encode(value).replace(b"\\u0000", b"\\ufffd")


async def load_conditions(conn: Connection, device_nos: Sequence[int]) -> dict[int, tuple[dict[str, Any], datetime]]:
    """What these devices said of themselves, and since when it is so."""
    cursor = await conn.execute(
        "SELECT device_no, condition, since FROM device_condition WHERE device_no = ANY(%s)", (list(device_nos),)
    )
    return {device_no: (condition, since) for device_no, condition, since in await cursor.fetchall()}
