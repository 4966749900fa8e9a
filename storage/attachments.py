"""Attachments of incidents, in the database: they go with its backup, and bound they are few and small."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from domain.attachment import Attachment
from domain.errors import UnknownAttachment
from storage.instants import utc
from storage.pool import Connection


async def count_attachments(conn: Connection, incident_id: UUID) -> int:
    cursor = await conn.execute("SELECT count(*) FROM attachment WHERE incident_id = %s", (incident_id,))
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def store_attachment(
    conn: Connection, incident_id: UUID, *, name: str, media_type: str, content: bytes, actor: str, at: datetime
) -> Attachment:
    digest = hashlib.sha256(content)
    cursor = await conn.execute(
        "INSERT INTO attachment (incident_id, at, actor, name, media_type, size, sha256, content)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING attachment_no",
        (incident_id, at, actor, name, media_type, len(content), digest.digest(), content),
    )
    row = await cursor.fetchone()
    assert row is not None
    return Attachment(
        attachment_no=row[0],
        incident_id=incident_id,
        at=at,
        actor=actor,
        name=name,
        media_type=media_type,
        size=len(content),
        sha256=digest.hexdigest(),
    )


async def attachments(conn: Connection, incident_id: UUID) -> list[Attachment]:
    """Oldest first, without their contents."""
    cursor = await conn.execute(
        "SELECT attachment_no, incident_id, at, actor, name, media_type, size, encode(sha256, 'hex') FROM attachment"
        " WHERE incident_id = %s ORDER BY attachment_no",
        (incident_id,),
    )
    return [
        Attachment(
            attachment_no=row[0],
            incident_id=row[1],
            at=utc(row[2]),
            actor=row[3],
            name=row[4],
            media_type=row[5],
            size=row[6],
            sha256=row[7],
        )
        for row in await cursor.fetchall()
    ]


async def attachment_content(conn: Connection, incident_id: UUID, attachment_no: int) -> tuple[str, str, bytes]:
    """Name, media type and content.

    :raises UnknownAttachment: the incident has none with this number.
    """
    cursor = await conn.execute(
        "SELECT name, media_type, content FROM attachment WHERE incident_id = %s AND attachment_no = %s",
        (incident_id, attachment_no),
    )
    row = await cursor.fetchone()
    if row is None:
        raise UnknownAttachment(f"no attachment {attachment_no} of incident {incident_id}")
    return str(row[0]), str(row[1]), bytes(row[2])
